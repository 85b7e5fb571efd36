#include "runtime/pool/start_heat.h"

#include <catch2/catch.hpp>

#include "tests/unit/runtime/pool/warm_pool_fixture.h"

// When one worker is kept ahead of a function's events because it keeps needing new ones.

namespace hearth {
namespace {

constexpr MonotonicTime At(int64_t s) { return MonotonicTime(seconds(s)); }

TEST_CASE("hot: starts in three of the last six spans of ten seconds", "[pool][heat]") {
  StartHeat heat;
  CHECK_FALSE(heat.IsHot(At(0)));
  heat.OnStart(At(1003));
  heat.OnStart(At(1019));
  CHECK_FALSE(heat.IsHot(At(1019)));  // two
  heat.OnStart(At(1020));
  CHECK(heat.IsHot(At(1020)));
  CHECK(heat.IsHot(At(1059)));
  CHECK_FALSE(heat.IsHot(At(1060)));  // the first is the seventh now
  heat.OnStart(At(1060));
  CHECK(heat.IsHot(At(1060)));
}

TEST_CASE("however many at once are one span", "[pool][heat]") {
  StartHeat heat;
  for (int i = 0; i < 1000; ++i) heat.OnStart(At(500 + i % 20));
  CHECK_FALSE(heat.IsHot(At(519)));
}

TEST_CASE("what was long ago is not in the way", "[pool][heat]") {
  StartHeat heat;
  for (int s = 0; s < 60; s += 10) heat.OnStart(At(s));
  CHECK(heat.IsHot(At(59)));
  CHECK_FALSE(heat.IsHot(At(100)));
  CHECK_FALSE(heat.IsHot(At(60'000)));
  heat.OnStart(At(60'000));
  CHECK_FALSE(heat.IsHot(At(60'000)));
}

class HotFixture : public WarmPoolFixture {
 protected:
  HotFixture() { Make(true); }
  void Make(bool when_hot) {
    PoolLimits limits;
    limits.spare_when_hot = when_hot;
    // Each event needs a worker of its own.
    MakePool(limits, Isolation::kInvocation);
  }
  // One event, from its start to its end; and whatever is started besides.
  void Event() {
    Ask();
    Settle();
    REQUIRE(leases_.size() == 1);
    GiveBackFirst();
    Settle();
  }
  void Settle() {
    executor_.RunPosted();
    while (launcher_.starts_waiting() > 0 || launcher_.preparing() > 0) {
      if (launcher_.starts_waiting() > 0) LetOneStart();
      if (launcher_.preparing() > 0) launcher_.LetOnePrepare();
      executor_.RunPosted();
    }
  }
  void BecomeHot() {
    for (int i = 0; i < 3; ++i) {
      CHECK_FALSE(pool_->hot());
      Event();
      if (i < 2) executor_.Advance(StartHeat::kSlot);
    }
  }
};

TEST_CASE_METHOD(HotFixture, "a hot function has one worker ahead; its next event finds it", "[pool][heat]") {
  BecomeHot();
  CHECK(pool_->hot());
  CHECK(pool_->spare() == 1);
  CHECK(launcher_.workers_alive() == 1);
  WorkerLease lease = pool_->TryAcquire();
  CHECK(lease);
  CHECK(pool_->spare() == 0);
  Settle();
  CHECK(pool_->spare() == 1);  // another, at once
}

TEST_CASE_METHOD(HotFixture, "switched off there is none", "[pool][heat]") {
  Make(false);
  for (int i = 0; i < 5; ++i) {
    Event();
    executor_.Advance(StartHeat::kSlot);
  }
  CHECK_FALSE(pool_->hot());
  CHECK(launcher_.workers_alive() == 0);
}

TEST_CASE_METHOD(HotFixture, "taking the spare one keeps it hot, leaving it alone does not", "[pool][heat]") {
  BecomeHot();
  for (int i = 0; i < 10; ++i) {
    executor_.Advance(StartHeat::kSlot);
    Event();
    CHECK(pool_->spare() == 1);
  }
  executor_.Advance(seconds(60));
  CHECK(pool_->spare() == 1);  // it goes when its time is over, as any
  executor_.Advance(seconds(540));
  CHECK(launcher_.workers_alive() == 0);
  pool_->StartWorkers();
  Settle();
  CHECK_FALSE(pool_->hot());
  CHECK(launcher_.workers_alive() == 0);
}

TEST_CASE_METHOD(HotFixture, "in free memory alone, and it goes first", "[pool][heat]") {
  BecomeHot();
  CHECK(memory_.used() == 128_MiB);
  CHECK(pool_->EvictIdle());
  CHECK(memory_.used() == 0_MiB);
  MemoryBudget::Lease others = memory_.Take(400_MiB);
  bool asked = false;
  make_room_ = [&] {
    asked = true;
    return false;
  };
  pool_->StartWorkers();
  Settle();
  CHECK(launcher_.workers_alive() == 0);
  CHECK_FALSE(asked);
  others = {};
  executor_.Advance(WarmPool::kRefillDelay);
  Settle();
  CHECK(pool_->spare() == 1);
}

TEST_CASE_METHOD(HotFixture, "one that was taken away while nobody came is no reason for the next",
                 "[pool][heat]") {
  BecomeHot();
  for (int i = 0; i < 60 && pool_->hot(); ++i) {
    executor_.Advance(seconds(1));
    pool_->EvictIdle();
    pool_->StartWorkers();
    Settle();
  }
  CHECK_FALSE(pool_->hot());
}

TEST_CASE_METHOD(HotFixture, "with workers that stay, one that is idle is ahead enough", "[pool][heat]") {
  PoolLimits limits;
  limits.spare_when_hot = true;
  MakePool(limits);
  for (int i = 0; i < 3; ++i) {
    Ask();
    Settle();
    executor_.Advance(StartHeat::kSlot);
  }
  REQUIRE(leases_.size() == 3);
  CHECK(pool_->hot());
  CHECK(launcher_.workers_alive() == 4);  // all three are busy
  CHECK(pool_->spare() == 1);
  GiveBackFirst();
  Settle();
  CHECK(launcher_.workers_alive() == 4);
}

TEST_CASE_METHOD(HotFixture, "at the limit of workers there is none", "[pool][heat]") {
  PoolLimits limits;
  limits.spare_when_hot = true;
  limits.workers_max = 1;
  MakePool(limits, Isolation::kInvocation);
  BecomeHot();
  Ask();
  Settle();
  CHECK(launcher_.workers_alive() == 1);
}

}  // namespace
}  // namespace hearth
