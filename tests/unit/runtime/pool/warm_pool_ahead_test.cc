#include <catch2/catch.hpp>

#include "tests/unit/runtime/pool/warm_pool_fixture.h"

namespace hearth {
namespace {

TEST_CASE_METHOD(WarmPoolFixture, "the limit falls: idle workers go now, busy ones when they come back",
                 "[pool][concurrency]") {
  for (int i = 0; i < 3; ++i) Ask();
  LetAllStart();
  REQUIRE(leases_.size() == 3);
  GiveBackFirst();
  PoolLimits limits;
  limits.workers_max = 1;
  pool_->SetLimits(limits);
  CHECK(launcher_.workers_alive() == 2);  // both busy
  GiveBackFirst();
  CHECK(launcher_.workers_alive() == 1);
  GiveBackFirst();
  CHECK(launcher_.workers_alive() == 1);
  CHECK(pool_->counts().idle == 1);
}

TEST_CASE_METHOD(WarmPoolFixture, "switched off: nobody waits any more; switched on: all as before",
                 "[pool][concurrency]") {
  PoolLimits limits;
  limits.workers_max = 1;
  pool_->SetLimits(limits);
  Ask();
  LetAllStart();
  Ask();
  REQUIRE(leases_.size() == 1);
  limits.workers_max = 0;
  pool_->SetLimits(limits);
  executor_.Advance(nanoseconds(0));
  REQUIRE(errors_.size() == 1);
  CHECK(errors_[0].code == ErrorCode::kThrottled);
  GiveBackFirst();
  CHECK(launcher_.workers_alive() == 0);
  limits.workers_max = 1;
  pool_->SetLimits(limits);
  Ask();
  LetAllStart();
  CHECK(leases_.size() == 1);
}

TEST_CASE_METHOD(ReservedFixture, "at the limit, workers on demand make way for those that commitments keep",
                 "[pool][reserved][concurrency]") {
  PoolLimits limits;
  limits.workers_max = 2;
  pool_->SetLimits(limits);
  Ask();
  Ask();
  LetAllStart();
  REQUIRE(leases_.size() == 2);
  GiveBackFirst();
  memory_.Promise(256_MiB);
  pool_->SetPlan(Reserved(2));
  CHECK(launcher_.starts_waiting() == 1);  // in place of the idle one
  GiveBackFirst();
  CHECK(launcher_.starts_waiting() == 2);  // in place of the one that came back
  LetAllStart();
  while (launcher_.preparing() > 0) launcher_.LetOnePrepare();
  CHECK(pool_->counts().reserved_idle == 2);
  CHECK(launcher_.workers_alive() == 2);
}

class AheadFixture : public ReservedFixture {
 protected:
  void Scale(size_t workers_min, size_t workers_spare, seconds idle_time_out = seconds(600)) {
    PoolLimits limits;
    limits.workers_min = workers_min;
    limits.workers_spare = workers_spare;
    limits.idle_time_out = idle_time_out;
    pool_->SetLimits(limits);
    Prepare();
  }
  void Prepare(Status how = Ok()) {
    executor_.RunPosted();
    LetAllStart();
    while (launcher_.preparing() > 0) launcher_.LetOnePrepare(how);
    executor_.RunPosted();
  }
};

TEST_CASE_METHOD(AheadFixture, "the least number is there before any event, and outlasts the idle time-out",
                 "[pool][ahead]") {
  Scale(2, 0, seconds(10));
  CHECK(pool_->counts().idle == 2);
  const WorkerLease lease = pool_->TryAcquire();
  REQUIRE(lease);
  CHECK(lease.seat() == Seat{});
  Ask();
  Ask();
  LetAllStart();
  leases_.clear();
  executor_.RunPosted();
  CHECK(launcher_.workers_alive() == 3);
  executor_.Advance(seconds(10));
  CHECK(launcher_.workers_alive() == 2);  // the lent one, and one
  executor_.Advance(seconds(100));
  CHECK(launcher_.workers_alive() == 2);
}

TEST_CASE_METHOD(AheadFixture, "spare workers stand beside busy ones; when all is quiet they go in time",
                 "[pool][ahead]") {
  Scale(0, 1, seconds(10));
  CHECK(launcher_.workers_alive() == 0);
  Ask();
  Prepare();
  REQUIRE(leases_.size() == 1);
  CHECK(pool_->counts().idle == 1);
  leases_.push_back(pool_->TryAcquire());
  Prepare();
  CHECK(pool_->counts().idle == 1);
  leases_.clear();
  executor_.RunPosted();
  executor_.Advance(seconds(10));
  CHECK(launcher_.workers_alive() == 0);
}

TEST_CASE_METHOD(AheadFixture, "idle time-out of its own: none at all", "[pool][ahead]") {
  Scale(0, 0, seconds(0));
  Ask();
  LetAllStart();
  GiveBackFirst();
  executor_.Advance(nanoseconds(0));
  CHECK(launcher_.workers_alive() == 0);
}

TEST_CASE_METHOD(AheadFixture, "ahead of events nobody is evicted; it is tried again, later and later",
                 "[pool][ahead]") {
  MemoryBudget::Lease others = memory_.Take(450_MiB);
  Scale(1, 0);
  CHECK(launcher_.workers_alive() == 0);
  others = {};
  executor_.Advance(WarmPool::kRefillDelay - nanoseconds(1));
  CHECK(launcher_.starts_waiting() == 0);
  executor_.Advance(nanoseconds(1));
  Prepare(Error{ErrorCode::kUnavailable, "its init failed"});
  executor_.Advance(2 * WarmPool::kRefillDelay - nanoseconds(1));
  CHECK(launcher_.starts_waiting() == 0);
  executor_.Advance(nanoseconds(1));
  Prepare();
  CHECK(pool_->counts().idle == 1);
  CHECK(pool_->EvictIdle());  // nobody pays for it
}

TEST_CASE_METHOD(AheadFixture, "one of the least number dies: it is replaced", "[pool][ahead]") {
  Scale(1, 0);
  launcher_.KillIdle(pool_->idle_workers()[0]->id());
  Prepare();
  CHECK(pool_->counts().idle == 1);
}

TEST_CASE_METHOD(ReservedFixture, "every worker is shown once, wherever it is", "[pool]") {
  const auto ids = [this] {
    std::vector<uint64_t> shown;
    for (const Worker* worker : pool_->workers()) shown.push_back(worker->id().value());
    return shown;
  };
  CHECK(ids().empty());
  Ask();
  Ask();
  LetAllStart();
  GiveBackFirst();
  CHECK(ids() == std::vector<uint64_t>{1, 2});
  memory_.Promise(128_MiB);
  pool_->SetPlan(Reserved(1));
  LetAllStart();
  CHECK(ids() == std::vector<uint64_t>{1, 2, 3});  // idle, on loan, in its init
  leases_.clear();
  CHECK(pool_->EvictIdle());
  CHECK(ids().size() == 2);
}

}  // namespace
}  // namespace hearth
