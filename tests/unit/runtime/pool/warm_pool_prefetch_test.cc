#include "tests/unit/runtime/pool/warm_pool_fixture.h"

// Several events on one worker, as the pool sees it.

namespace hearth {
namespace {

using Needs = WarmPool::Needs;

class PrefetchFixture : public WarmPoolFixture {
 protected:
  // One worker that is busy with an event, of a function whose events take so long.
  void OneBusy(nanoseconds usual, PoolLimits limits = {}, Isolation isolation = Isolation::kInstance) {
    launcher_.workers_take_ahead = true;
    MakePool(limits, isolation);
    Ask();
    LetOneStart();
    REQUIRE(leases_.size() == 1);
    Attempt attempt;
    attempt.duration = usual;
    for (int n = 0; n < 16; ++n) leases_[0].Ran(attempt);
    Occupy(leases_[0]);
  }
  void Occupy(WorkerLease& lease) {
    events_.emplace_back().request_id = RequestId("request-" + std::to_string(events_.size()));
    lease.worker().Run(events_.back(), [](const Attempt&) {});
  }
  bool AskForTurn() {
    WorkerLease lease = pool_->TryAcquire(Needs::kTurn);
    if (!lease) return false;
    Occupy(lease);
    leases_.push_back(std::move(lease));
    return true;
  }
  std::deque<Event> events_;
};

TEST_CASE_METHOD(PrefetchFixture, "short events stand behind one another, as deep as allowed", "[prefetch]") {
  OneBusy(microseconds(2));
  for (int n = 0; n < 15; ++n) CHECK(AskForTurn());
  CHECK_FALSE(AskForTurn());
  CHECK(launcher_.AheadOn(leases_[0].worker().id()) == 15);
  CHECK(pool_->counts().busy == 1);
  CHECK(pool_->ahead().handed == 15);
  for (const WorkerLease& lease : leases_)
    CHECK(&const_cast<WorkerLease&>(lease).worker() == &leases_[0].worker());
}

TEST_CASE_METHOD(PrefetchFixture, "what needs a worker to itself stands behind nothing", "[prefetch]") {
  OneBusy(microseconds(5));
  CHECK_FALSE(pool_->TryAcquire());
  CHECK_FALSE(pool_->TryAcquire(Needs::kIdleWorker));
}

TEST_CASE_METHOD(PrefetchFixture, "long events stand behind nothing, nor do unknown ones", "[prefetch]") {
  SECTION("long") { OneBusy(milliseconds(2)); }
  SECTION("unknown") {
    launcher_.workers_take_ahead = true;
    MakePool({});
    Ask();
    LetOneStart();
    Occupy(leases_[0]);
  }
  SECTION("switched off") {
    PoolLimits limits;
    limits.prefetch.events_max = 0;
    OneBusy(microseconds(5), limits);
  }
  SECTION("a process for each event") { OneBusy(microseconds(5), {}, Isolation::kInvocation); }
  CHECK_FALSE(AskForTurn());
}

TEST_CASE_METHOD(PrefetchFixture, "a worker that takes none ahead is left alone", "[prefetch]") {
  OneBusy(microseconds(5));
  launcher_.workers_take_ahead = false;
  CHECK_FALSE(AskForTurn());
}

TEST_CASE_METHOD(PrefetchFixture, "beside an idle worker only the shortest wait", "[prefetch]") {
  const auto [usual, waits] =
      GENERATE(table<nanoseconds, bool>({{microseconds(40), true}, {microseconds(300), false}}));
  OneBusy(usual);
  Ask();
  LetOneStart();
  REQUIRE(leases_.size() == 2);
  const WorkerId other = leases_[1].worker().id();
  leases_.pop_back();
  executor_.RunPosted();
  REQUIRE(pool_->counts().idle == 1);
  WorkerLease lease = pool_->TryAcquire(Needs::kTurn);
  REQUIRE(lease);
  CHECK((lease.worker().id() == other) == !waits);
}

TEST_CASE_METHOD(PrefetchFixture, "the worker is given back when the last of its events has ended, once",
                 "[prefetch]") {
  OneBusy(microseconds(5));
  REQUIRE(AskForTurn());
  REQUIRE(AskForTurn());
  const WorkerId worker = leases_[0].worker().id();
  launcher_.Complete(worker, "1");
  GiveBackFirst();
  CHECK(pool_->counts().busy == 1);
  CHECK(pool_->counts().idle == 0);
  launcher_.Complete(worker, "2");
  GiveBackFirst();
  CHECK(pool_->counts().busy == 1);
  launcher_.Complete(worker, "3");
  GiveBackFirst();
  CHECK(pool_->counts().busy == 0);
  CHECK(pool_->counts().idle == 1);
  CHECK(pool_->TryAcquire().worker().id() == worker);
}

TEST_CASE_METHOD(PrefetchFixture, "who waits gets the place that becomes free, before the worker does",
                 "[prefetch]") {
  PoolLimits limits;
  limits.workers_max = 1;
  OneBusy(microseconds(5), limits);
  while (AskForTurn()) {
  }
  const size_t full = leases_.size();
  Ask();  // for a worker to itself: waits on
  waits_.push_back(pool_->Acquire(
      seconds(3), [this](Result<WorkerLease> lease) { leases_.push_back(std::move(lease).value()); },
      Needs::kTurn));
  executor_.RunPosted();
  REQUIRE(leases_.size() == full);
  launcher_.Complete(leases_[0].worker().id(), "1");
  GiveBackFirst();
  REQUIRE(leases_.size() == full);  // one gone, one come
  CHECK(pool_->counts().waiting == 1);
  CHECK(pool_->counts().busy == 1);
}

TEST_CASE_METHOD(PrefetchFixture, "a pool is closed only when all events of its worker have ended",
                 "[prefetch]") {
  OneBusy(microseconds(5));
  REQUIRE(AskForTurn());
  const WorkerId worker = leases_[0].worker().id();
  bool drained = false;
  pool_->Drain([&] { drained = true; });
  launcher_.Complete(worker, "1");
  GiveBackFirst();
  CHECK_FALSE(drained);
  launcher_.Complete(worker, "2");
  GiveBackFirst();
  CHECK(drained);
  CHECK(launcher_.workers_alive() == 0);
}

TEST_CASE_METHOD(PrefetchFixture, "a worker lives until the last lease of it goes, also without its pool",
                 "[prefetch]") {
  OneBusy(microseconds(5));
  REQUIRE(AskForTurn());
  pool_.reset();
  leases_.erase(leases_.begin());
  CHECK(launcher_.workers_alive() == 1);
  leases_.clear();
  CHECK(launcher_.workers_alive() == 0);
}

TEST_CASE_METHOD(PrefetchFixture, "events that turn out long end it, short ones bring it back",
                 "[prefetch]") {
  OneBusy(microseconds(5));
  REQUIRE(AskForTurn());
  const auto tell = [this](nanoseconds took, bool prefetched) {
    Attempt attempt;
    attempt.duration = took;
    attempt.prefetched = prefetched;
    for (int n = 0; n < 1'000; ++n) leases_[0].Ran(attempt);
  };
  tell(milliseconds(50), true);
  CHECK(AskForTurn());  // those it was woken for were short: it may have passed
  tell(milliseconds(50), false);
  CHECK_FALSE(AskForTurn());
  tell(microseconds(5), false);
  CHECK(AskForTurn());
}

}  // namespace
}  // namespace hearth
