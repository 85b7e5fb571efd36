#include "runtime/pool/warm_pool.h"

#include <catch2/catch.hpp>

#include "tests/unit/runtime/pool/fake_launcher.h"

namespace hearth {
namespace {

class WarmPoolFixture {
 protected:
  WarmPoolFixture() { MakePool({}); }

  void MakePool(PoolLimits limits, Isolation isolation = Isolation::kInstance) {
    pool_.reset();
    auto version = std::make_shared<FunctionVersion>();
    version->function = "resize";
    version->settings.memory = 128_MiB;
    version->settings.timeout = seconds(3);
    version->settings.isolation = isolation;
    pool_ = std::make_unique<WarmPool>(
        version, limits, launcher_, memory_, [this] { return make_room_ && make_room_(); }, executor_);
  }
  // Asks for a worker; leases and errors gather in the order in which they come.
  void Ask(nanoseconds limit = seconds(3)) {
    waits_.push_back(pool_->Acquire(limit, [this](Result<WorkerLease> lease) {
      if (lease.ok()) {
        leases_.push_back(std::move(lease).value());
      } else {
        errors_.push_back(lease.error());
      }
    }));
  }
  void LetOneStart() {
    launcher_.LetOneStart();
    executor_.RunPosted();
  }
  void LetAllStart() {
    launcher_.LetAllStart();
    executor_.RunPosted();
  }
  void GiveBackFirst() {
    WorkerLease first = std::move(leases_.front());
    leases_.erase(leases_.begin());
    first = {};
    executor_.RunPosted();
  }

  static constexpr auto s = std::chrono::seconds(1);
  ManualExecutor executor_;
  FakeLauncher launcher_{executor_};
  MemoryBudget memory_{512_MiB};
  std::function<bool()> make_room_;
  std::unique_ptr<WarmPool> pool_;
  std::vector<Error> errors_;
  std::vector<WorkerLease> leases_;
  std::vector<WarmPool::Wait> waits_;
};

TEST_CASE_METHOD(WarmPoolFixture, "a worker that was given back is lent again, without a start", "[pool]") {
  CHECK_FALSE(pool_->TryAcquire());
  Ask();
  LetOneStart();
  REQUIRE(leases_.size() == 1);
  const WorkerId first = leases_[0].worker().id();
  GiveBackFirst();
  WorkerLease again = pool_->TryAcquire();
  REQUIRE(again);
  CHECK(again.worker().id() == first);
  CHECK(launcher_.starts_waiting() == 0);
}

TEST_CASE_METHOD(WarmPoolFixture, "the last used worker is lent first", "[pool]") {
  Ask();
  Ask();
  LetAllStart();
  REQUIRE(leases_.size() == 2);
  const WorkerId last = leases_[1].worker().id();
  GiveBackFirst();
  GiveBackFirst();
  CHECK(pool_->TryAcquire().worker().id() == last);
}

TEST_CASE_METHOD(WarmPoolFixture, "who waits longest gets the worker that comes back", "[pool]") {
  PoolLimits limits;
  limits.workers_max = 1;
  MakePool(limits);
  Ask();
  Ask();
  Ask();
  CHECK(launcher_.starts_waiting() == 1);
  LetOneStart();
  REQUIRE(leases_.size() == 1);
  GiveBackFirst();
  CHECK(leases_.size() == 1);
  CHECK(pool_->counts().waiting == 1);
}

TEST_CASE_METHOD(WarmPoolFixture, "no worker in time is a throttle that says which limit fired", "[pool]") {
  PoolLimits limits;
  limits.workers_max = 1;
  MakePool(limits);
  Ask();
  LetOneStart();
  Ask(2 * s);
  executor_.Advance(2 * s - nanoseconds(1));
  CHECK(errors_.empty());
  executor_.Advance(nanoseconds(1));
  REQUIRE(errors_.size() == 1);
  CHECK(errors_[0].code == ErrorCode::kThrottled);
  CHECK(errors_[0].message.starts_with("ConcurrentInvocationLimitExceeded"));
  CHECK(pool_->counts().waiting == 0);
}

TEST_CASE_METHOD(WarmPoolFixture, "one waiter past the limit is throttled at once", "[pool]") {
  PoolLimits limits;
  limits.workers_max = 1;
  limits.waiters_max = 2;
  MakePool(limits);
  Ask();
  Ask();
  executor_.RunPosted();
  CHECK(errors_.empty());
  Ask();
  executor_.RunPosted();
  REQUIRE(errors_.size() == 1);
  CHECK(errors_[0].code == ErrorCode::kThrottled);
}

TEST_CASE_METHOD(WarmPoolFixture, "a wait that is dropped never calls back, and the worker serves the next",
                 "[pool]") {
  Ask();
  waits_.clear();
  LetOneStart();
  CHECK(leases_.empty());
  CHECK(pool_->counts().idle == 1);
}

TEST_CASE_METHOD(WarmPoolFixture, "a worker that cannot start fails one waiter; the others get another start",
                 "[pool]") {
  Ask();
  Ask();
  launcher_.FailOneStart({ErrorCode::kUnavailable, "no memory"});
  executor_.RunPosted();
  REQUIRE(errors_.size() == 1);
  LetAllStart();
  CHECK(leases_.size() == 1);
  CHECK(pool_->counts().waiting == 0);
}

TEST_CASE_METHOD(WarmPoolFixture, "an idle worker ends after the idle time-out, not before", "[pool]") {
  PoolLimits limits;
  limits.idle_time_out = seconds(60);
  MakePool(limits);
  Ask();
  LetOneStart();
  GiveBackFirst();
  executor_.Advance(60 * s - nanoseconds(1));
  CHECK(launcher_.workers_alive() == 1);
  executor_.Advance(nanoseconds(1));
  CHECK(launcher_.workers_alive() == 0);
  CHECK(memory_.used() == 0_MiB);
}

TEST_CASE_METHOD(WarmPoolFixture, "an idle worker that dies is not lent", "[pool]") {
  Ask();
  LetOneStart();
  const WorkerId id = leases_[0].worker().id();
  GiveBackFirst();
  launcher_.KillIdle(id);
  executor_.RunPosted();
  CHECK_FALSE(pool_->TryAcquire());
  CHECK(launcher_.workers_alive() == 0);
}

TEST_CASE_METHOD(WarmPoolFixture, "a worker that died on its event is not lent again", "[pool]") {
  Ask();
  LetOneStart();
  Event event;
  leases_[0].worker().Run(event, [](Attempt) {});
  launcher_.FailOnWorker(leases_[0].worker().id(), OutcomeKind::kCrash, "Runtime.ExitError");
  GiveBackFirst();
  CHECK(pool_->counts().idle == 0);
  CHECK(launcher_.workers_alive() == 0);
}

TEST_CASE_METHOD(WarmPoolFixture, "with isolation per invocation no worker is lent twice", "[pool]") {
  MakePool({}, Isolation::kInvocation);
  Ask();
  LetOneStart();
  GiveBackFirst();
  CHECK_FALSE(pool_->TryAcquire());
  CHECK(launcher_.workers_alive() == 0);
}

TEST_CASE_METHOD(WarmPoolFixture, "the memory of the node limits the workers; an evicted idle one makes room",
                 "[pool]") {
  for (int i = 0; i < 5; ++i) Ask();
  CHECK(launcher_.starts_waiting() == 4);  // 4 x 128 MiB
  bool asked_for_room = false;
  make_room_ = [&] {
    asked_for_room = true;
    return false;
  };
  pool_->StartWorkers();
  CHECK(asked_for_room);
  CHECK(launcher_.starts_waiting() == 4);
  LetAllStart();
  CHECK(pool_->counts().waiting == 1);
}

// A bug once: with a launcher that was stuck, the daemon never ended.
TEST_CASE_METHOD(WarmPoolFixture, "draining does not wait for a worker that is still starting", "[pool]") {
  WarmPool::Wait wait = pool_->Acquire(seconds(3), [](const Result<WorkerLease>&) {});
  wait = {};
  REQUIRE(pool_->counts().starting == 1);
  bool drained = false;
  pool_->Drain([&] { drained = true; });
  executor_.RunPosted();
  CHECK(drained);
  pool_.reset();
  LetAllStart();
  CHECK(launcher_.workers_alive() == 0);
}

TEST_CASE_METHOD(WarmPoolFixture,
                 "draining: idle workers go at once, busy ones when they come back, then it is told",
                 "[pool]") {
  Ask();
  Ask();
  LetAllStart();
  GiveBackFirst();
  bool drained = false;
  pool_->Drain([&] { drained = true; });
  executor_.RunPosted();
  CHECK(launcher_.workers_alive() == 1);
  CHECK_FALSE(drained);
  GiveBackFirst();
  CHECK(drained);
  CHECK(launcher_.workers_alive() == 0);
  Ask();
  executor_.RunPosted();
  REQUIRE(errors_.size() == 1);
  CHECK(errors_[0].code == ErrorCode::kUnavailable);
}

TEST_CASE_METHOD(WarmPoolFixture, "a lease outlives its pool", "[pool]") {
  Ask();
  LetOneStart();
  pool_.reset();
  leases_.clear();
  CHECK(launcher_.workers_alive() == 0);
  CHECK(memory_.used() == 0_MiB);
}

// A bug once: who asked while a worker was idle, past TryAcquire(), waited until its time was up.
TEST_CASE_METHOD(WarmPoolFixture, "who waits although a worker is idle gets it in the next turn", "[pool]") {
  Ask();
  LetOneStart();
  GiveBackFirst();
  Ask();
  executor_.RunPosted();
  CHECK(leases_.size() == 1);
  CHECK(launcher_.starts_waiting() == 0);
}

// A bug once: with no idle time at all, the fresh worker of a waiting event ended before it was lent.
TEST_CASE_METHOD(WarmPoolFixture, "no idle time at all: a worker that is waited for does not count as idle",
                 "[pool]") {
  PoolLimits limits;
  limits.idle_time_out = seconds(0);
  MakePool(limits);
  Ask();
  launcher_.LetOneStart();
  CHECK_FALSE(pool_->EvictIdle());
  CHECK(pool_->idle_since() == MonotonicTime::max());
  executor_.Advance(nanoseconds(0));
  CHECK(leases_.size() == 1);
  GiveBackFirst();
  executor_.Advance(nanoseconds(0));
  CHECK(launcher_.workers_alive() == 0);
}

// A bug once: the death of a leased worker called into the pool that had lent it, dead or alive.
TEST_CASE_METHOD(WarmPoolFixture, "a worker dies on a lease that has outlived its pool", "[pool]") {
  Ask();
  LetOneStart();
  pool_.reset();
  launcher_.KillIdle(leases_[0].worker().id());
  leases_.clear();
  CHECK(launcher_.workers_alive() == 0);
}

}  // namespace
}  // namespace hearth
