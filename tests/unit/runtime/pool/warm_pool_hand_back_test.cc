#include "tests/unit/runtime/pool/warm_pool_fixture.h"

// A pool whose workers others want too.

namespace hearth {
namespace {

TEST_CASE_METHOD(WarmPoolFixture, "idle workers go back at once, busy ones when they have answered",
                 "[pool][loops]") {
  Ask();
  Ask();
  Ask();
  LetAllStart();
  GiveBackFirst();
  REQUIRE(pool_->counts().idle == 1);
  pool_->HandBack(1);
  CHECK(launcher_.workers_alive() == 2);
  GiveBackFirst();
  CHECK(launcher_.workers_alive() == 1);
  GiveBackFirst();  // one was wanted, not both
  CHECK(launcher_.workers_alive() == 1);
  CHECK(pool_->counts().idle == 1);
}

TEST_CASE_METHOD(WarmPoolFixture, "what is to be handed back takes no event behind the one it has",
                 "[pool][loops]") {
  PoolLimits limits;
  limits.prefetch.events_max = 8;
  launcher_.workers_take_ahead = true;
  MakePool(limits);
  Ask();
  LetOneStart();
  Event event;
  event.request_id = RequestId("one");
  leases_[0].worker().Run(event, [](const Attempt&) {});
  Attempt quick;
  quick.duration = std::chrono::microseconds(10);
  for (int n = 0; n < 100; ++n) leases_[0].Ran(quick);
  CHECK(pool_->TryAcquire(WarmPool::Needs::kTurn));
  pool_->HandBack(1);
  CHECK_FALSE(pool_->TryAcquire(WarmPool::Needs::kTurn));
}

TEST_CASE_METHOD(WarmPoolFixture,
                 "a worker that is wanted elsewhere serves one who waits here, and then goes",
                 "[pool][loops]") {
  PoolLimits limits;
  limits.workers_max = 1;
  MakePool(limits);
  Ask();
  Ask();
  pool_->HandBack(1);  // before there is one
  LetOneStart();
  REQUIRE(leases_.size() == 1);
  GiveBackFirst();
  CHECK(launcher_.workers_alive() == 0);
  CHECK(launcher_.starts_waiting() == 1);  // for the other, who waits on
  LetOneStart();
  CHECK(leases_.size() == 1);
}

TEST_CASE_METHOD(WarmPoolFixture, "who has to wait is told of, and whether a worker is on its way",
                 "[pool][loops]") {
  PoolLimits limits;
  limits.workers_max = 1;
  MakePool(limits);
  std::vector<WarmPool::Waits> told;
  pool_->SetOnWaits([&told](WarmPool::Waits how) { told.push_back(how); });
  Ask();
  CHECK(told == std::vector{WarmPool::Waits::kStarting});
  Ask();
  CHECK(told == std::vector{WarmPool::Waits::kStarting, WarmPool::Waits::kShort});
  LetOneStart();
  GiveBackFirst();
  GiveBackFirst();
  REQUIRE(pool_->counts().idle == 1);
  Ask();  // an idle one is there for it
  CHECK(told.size() == 2);
}

}  // namespace
}  // namespace hearth
