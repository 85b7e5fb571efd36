#include "runtime/pool/warm_pool.h"

#include <catch2/catch.hpp>

#include "tests/unit/runtime/pool/warm_pool_fixture.h"

namespace hearth {
namespace {

TEST_CASE_METHOD(WarmPoolFixture, "a refusal is told although the pool has gone by then", "[pool]") {
  pool_->Drain([] {});
  Ask();
  pool_.reset();
  executor_.RunPosted();
  REQUIRE(errors_.size() == 1);
  CHECK(errors_[0].code == ErrorCode::kUnavailable);
}

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
  launcher_.FailOneStart({ErrorCode::kBadArtefact, "not there"});
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

TEST_CASE_METHOD(ReservedFixture, "reserved workers are initialised without an event, and lent first",
                 "[pool][reserved]") {
  memory_.Promise(256_MiB);
  pool_->SetPlan(Reserved(2));
  CHECK(launcher_.starts_waiting() == 2);
  CHECK_FALSE(pool_->settled());
  LetAllStart();
  CHECK(launcher_.preparing() == 2);
  CHECK_FALSE(pool_->TryAcquire());
  launcher_.LetOnePrepare();
  CHECK_FALSE(pool_->settled());
  launcher_.LetOnePrepare();
  CHECK(pool_->settled());
  CHECK(pool_->counts().reserved_idle == 2);
  const WorkerLease lease = pool_->TryAcquire();
  REQUIRE(lease);
  CHECK(lease.seat() == Seat{Plan::kReserved, "rsv-1"});
  CHECK_FALSE(lease.spilled());
}

TEST_CASE_METHOD(ReservedFixture, "what they do not manage spills over to a worker on demand",
                 "[pool][reserved]") {
  Keep(1);
  const WorkerLease first = pool_->TryAcquire();
  REQUIRE(first);
  CHECK_FALSE(pool_->TryAcquire());
  Ask();
  LetAllStart();
  REQUIRE(leases_.size() == 1);
  CHECK(leases_[0].seat() == Seat{});
  CHECK(leases_[0].spilled());
}

TEST_CASE_METHOD(ReservedFixture, "a reserved worker is never evicted, and outlasts the idle time-out",
                 "[pool][reserved]") {
  Keep(1);
  CHECK_FALSE(pool_->EvictIdle());
  CHECK(pool_->idle_since() == MonotonicTime::max());
  executor_.Advance(seconds(601));
  CHECK(launcher_.workers_alive() == 1);
}

TEST_CASE_METHOD(ReservedFixture, "a reserved worker that dies is replaced, idle or under an event",
                 "[pool][reserved]") {
  Keep(1);
  SECTION("idle") { launcher_.KillIdle(pool_->idle_workers()[0]->id()); }
  SECTION("under an event") {
    WorkerLease lease = pool_->TryAcquire();
    Event event;
    lease.worker().Run(event, [](const Attempt&) {});
    launcher_.FailOnWorker(lease.worker().id(), OutcomeKind::kCrash, "Runtime.ExitError");
    lease = {};
  }
  executor_.RunPosted();
  CHECK(launcher_.starts_waiting() == 1);
  CHECK(pool_->counts().reserved_idle == 0);
  LetAllStart();
  launcher_.LetOnePrepare();
  CHECK(pool_->counts().reserved_idle == 1);
}

TEST_CASE_METHOD(ReservedFixture, "an init that fails is tried again, later and later", "[pool][reserved]") {
  memory_.Promise(128_MiB);
  pool_->SetPlan(Reserved(1));
  const Error broken{ErrorCode::kBadArtefact, "its init failed"};
  milliseconds delay = WarmPool::kRefillDelay;
  for (int tries = 0; tries < 8; ++tries) {
    LetAllStart();
    REQUIRE(launcher_.preparing() == 1);
    launcher_.LetOnePrepare(broken);
    CHECK(pool_->settled());  // who waits for a ready node waits no longer
    executor_.Advance(delay - nanoseconds(1));
    CHECK(launcher_.starts_waiting() == 0);
    executor_.Advance(nanoseconds(1));
    CHECK(launcher_.starts_waiting() == 1);
    delay = std::min(2 * delay, WarmPool::kRefillDelayMax);
  }
  LetAllStart();
  launcher_.LetOnePrepare();
  CHECK(pool_->counts().reserved_idle == 1);
}

TEST_CASE_METHOD(ReservedFixture, "nobody on demand gets the memory of reserved workers that do not live yet",
                 "[pool][reserved]") {
  memory_.Promise(512_MiB);  // all there is
  Ask();
  CHECK(launcher_.starts_waiting() == 0);
  pool_->SetPlan(Reserved(4));
  CHECK(launcher_.starts_waiting() == 4);
}

TEST_CASE_METHOD(ReservedFixture, "reserved workers begin when those who have their memory give it back",
                 "[pool][reserved]") {
  for (int i = 0; i < 4; ++i) Ask();
  LetAllStart();
  REQUIRE(leases_.size() == 4);
  memory_.Promise(256_MiB);
  pool_->SetPlan(Reserved(2));
  CHECK(launcher_.starts_waiting() == 0);
  leases_.clear();  // two of them go to make room
  make_room_ = [this] { return pool_->EvictIdle(); };
  executor_.RunPosted();
  pool_->StartWorkers();
  CHECK(launcher_.starts_waiting() == 2);
  CHECK(pool_->counts().idle == 2);
}

TEST_CASE_METHOD(ReservedFixture, "fewer are wanted: idle ones go now, busy ones when they come back",
                 "[pool][reserved]") {
  Keep(3);
  WorkerLease busy = pool_->TryAcquire();
  pool_->SetPlan(Reserved(1));
  CHECK(launcher_.workers_alive() == 1);  // the busy one is the one that is kept
  pool_->SetPlan(Reserved(0));
  busy = {};
  executor_.RunPosted();
  CHECK(launcher_.workers_alive() == 0);
  CHECK(memory_.used() == 0_MiB);
}

TEST_CASE_METHOD(ReservedFixture, "a process for each invocation: the next is initialised ahead",
                 "[pool][reserved]") {
  MakePool({}, Isolation::kInvocation);
  Keep(1);
  WorkerLease lease = pool_->TryAcquire();
  const WorkerId first = lease.worker().id();
  lease = {};
  executor_.RunPosted();
  LetAllStart();
  launcher_.LetOnePrepare();
  lease = pool_->TryAcquire();
  REQUIRE(lease);
  CHECK(lease.worker().id() != first);
  CHECK(lease.seat().plan == Plan::kReserved);
}

TEST_CASE_METHOD(ReservedFixture,
                 "on a dedicated host every worker is its commitment's, and is not evicted for others",
                 "[pool][dedicated]") {
  Ask();
  LetAllStart();
  REQUIRE(leases_.size() == 1);
  CapacityPlan plan;
  plan.dedicated = "ded-1";
  pool_->SetPlan(plan);
  GiveBackFirst();  // it ran among others: it goes
  CHECK(launcher_.workers_alive() == 0);
  Ask();
  LetAllStart();
  REQUIRE(leases_.size() == 1);
  CHECK(leases_[0].seat() == Seat{Plan::kDedicated, "ded-1"});
  CHECK_FALSE(leases_[0].spilled());
  GiveBackFirst();
  CHECK(pool_->idle_since() == MonotonicTime::max());
  CHECK(launcher_.workers_alive() == 1);
}

TEST_CASE_METHOD(ReservedFixture, "draining ends reserved workers and starts no more", "[pool][reserved]") {
  Keep(2);
  bool drained = false;
  pool_->Drain([&] { drained = true; });
  executor_.RunPosted();
  CHECK(drained);
  CHECK(launcher_.workers_alive() == 0);
  CHECK(launcher_.starts_waiting() == 0);
}

}  // namespace
}  // namespace hearth
