#include "tests/unit/runtime/router/router_fixture.h"

// Events that stood behind another on a busy worker, and whose turn there never came.

namespace hearth {
namespace {

class TakenBackFixture : public RouterFixture {
 protected:
  TakenBackFixture() {
    launcher_.workers_take_ahead = true;
    PoolLimits limits;
    limits.workers_max = 2;
    limits.prefetch = {8, std::chrono::hours(1), std::chrono::hours(1), seconds(1)};
    MakeRouter({}, limits);
    Deploy("resize");
    slow_ = Fire("resize");
    StartWorkers();
    worker_ = launcher_.running().at(0);
  }
  // With a delivery that can be withdrawn.
  DeliveryId FireBehind(const std::string& id) {
    Event event = EventFor("resize");
    event.request_id = RequestId(id);
    const DeliveryId delivery = router_->Deliver(
        std::move(event), [this, id](Result<Outcome> outcome) { results_.emplace(id, std::move(outcome)); });
    executor_.RunPosted();
    return delivery;
  }
  // From a worker that takes none ahead from then on.
  void TakeBack() {
    launcher_.workers_take_ahead = false;
    launcher_.TakeBackFrom(worker_);
    executor_.RunPosted();
  }

  std::string slow_;
  WorkerId worker_{};
};

TEST_CASE_METHOD(TakenBackFixture, "an event of 24 KiB stands behind another, one byte more does not",
                 "[router][prefetch]") {
  for (const size_t size : {size_t{24 * 1024}, size_t{24 * 1024 + 1}}) {
    Event event = EventFor("resize");
    event.request_id = RequestId(std::to_string(size));
    event.payload.assign(size, ' ');
    router_->Deliver(std::move(event), [](const Result<Outcome>&) {});
    executor_.RunPosted();
    CHECK(launcher_.AheadOn(worker_) == 1);
  }
}

TEST_CASE_METHOD(TakenBackFixture, "what is taken back from behind a slow event is run elsewhere, once",
                 "[router][prefetch]") {
  FireBehind("second");
  FireBehind("third");
  REQUIRE(launcher_.AheadOn(worker_) == 2);
  TakeBack();
  CHECK(results_.empty());
  StartWorkers();  // another is wanted now
  REQUIRE(launcher_.running().size() == 2);
  CHECK(launcher_.RequestOn(launcher_.running()[1]) == "second");
  while (!launcher_.running().empty()) Complete(launcher_.running().size() - 1);
  for (const std::string& id : {slow_, std::string("second"), std::string("third")}) {
    INFO(id);
    REQUIRE(Settled(id));
    CHECK(OutcomeOf(id).ok());
  }
  CHECK(launcher_.ran().size() == 3);
  CHECK(observer_.settled.size() == 3);  // one record each
}

TEST_CASE_METHOD(TakenBackFixture, "what is given up and then taken back runs nowhere and is not billed",
                 "[router][prefetch]") {
  const DeliveryId second = FireBehind("second");
  router_->Withdraw(second, Withdrawal::kAlsoBegun);
  executor_.RunPosted();
  CHECK_FALSE(Settled("second"));
  TakeBack();
  REQUIRE(Settled("second"));
  CHECK(ErrorOf("second").code == ErrorCode::kCancelled);
  StartWorkers();
  Complete(0);
  CHECK(launcher_.ran().size() == 1);
  CHECK(observer_.settled.size() == 1);
}

}  // namespace
}  // namespace hearth
