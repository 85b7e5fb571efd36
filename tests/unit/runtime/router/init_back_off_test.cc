#include "runtime/router/init_back_off.h"

#include <catch2/catch.hpp>

#include "tests/unit/runtime/router/router_fixture.h"

namespace hearth {
namespace {

constexpr MonotonicTime kStart{std::chrono::hours(1)};

TEST_CASE("an init may fail four times; from the fifth on it is left alone, longer and longer",
          "[router][init]") {
  InitBackOff back_off;
  MonotonicTime now = kStart;
  for (size_t n = 1; n < InitBackOff::kFailures; ++n) {
    back_off.OnFailed(7, "broken", now);
    CHECK_FALSE(back_off.Admit(7, now));
  }
  milliseconds delay = InitBackOff::kDelay;
  for (int n = 0; n < 8; ++n) {
    back_off.OnFailed(7, "broken", now);
    const auto refused = back_off.Admit(7, now);
    REQUIRE(refused);
    CHECK(refused->left == delay);
    CHECK(refused->why == "broken");
    CHECK(back_off.Admit(7, now + delay - nanoseconds(1)));
    now += delay;
    CHECK_FALSE(back_off.Admit(7, now));
    CHECK(back_off.Admit(7, now));  // one is let through
    delay = std::min(2 * delay, InitBackOff::kDelayMax);
  }
  CHECK_FALSE(back_off.Admit(8, now));
  back_off.Forget(7);
  CHECK_FALSE(back_off.Admit(7, now));
}

class BackOffFixture : public RouterFixture {
 protected:
  BackOffFixture() {
    Deploy("broken");
    Deploy("well");
  }
  std::string FailInit(const std::string& function) {
    const std::string id = Fire(function);
    StartWorkers();
    if (!launcher_.running().empty())
      launcher_.FailOnWorker(launcher_.running().at(0), OutcomeKind::kInitError, "Runtime.ExitError");
    executor_.RunPosted();
    return id;
  }
};

TEST_CASE_METHOD(BackOffFixture, "a function whose init fails is told so and left alone; others run",
                 "[router][init]") {
  for (size_t n = 0; n < InitBackOff::kFailures; ++n)
    CHECK(OutcomeOf(FailInit("broken")).kind == OutcomeKind::kInitError);
  const Error refused = ErrorOf(Fire("broken"));
  CHECK(refused.code == ErrorCode::kThrottled);
  CHECK(refused.message.starts_with("InitBackOff: the init of broken has failed 5 times in a row"));
  CHECK(observer_.throttles == std::vector<std::string>{"InitBackOff"});
  CHECK(launcher_.starts_waiting() == 0);
  const auto other = Fire("well");
  StartWorkers();
  Complete(0);
  CHECK(OutcomeOf(other).ok());
  executor_.Advance(InitBackOff::kDelay);
  const auto again = Fire("broken");
  StartWorkers();
  Complete(0);
  CHECK(OutcomeOf(again).ok());
  const auto after = Fire("broken");
  Complete(0);
  CHECK(OutcomeOf(after).ok());
}

TEST_CASE_METHOD(BackOffFixture, "an init that succeeds in between ends the row", "[router][init]") {
  for (size_t n = 1; n < InitBackOff::kFailures; ++n) FailInit("broken");
  const auto good = Fire("broken");
  StartWorkers();
  launcher_.FailOnWorker(launcher_.running().at(0), OutcomeKind::kCrash, "Runtime.ExitError");  // at an event
  executor_.RunPosted();
  CHECK(OutcomeOf(good).kind == OutcomeKind::kCrash);
  CHECK(OutcomeOf(FailInit("broken")).kind == OutcomeKind::kInitError);
  CHECK(OutcomeOf(FailInit("broken")).kind == OutcomeKind::kInitError);
}

TEST_CASE_METHOD(BackOffFixture, "a slot is not given either, so that no message is received in vain",
                 "[router][init]") {
  for (size_t n = 0; n < InitBackOff::kFailures; ++n) FailInit("broken");
  std::optional<ErrorCode> code;
  const auto wait = router_->ReserveSlot("broken", "", [&](Result<std::unique_ptr<EventSink::Slot>> slot) {
    code = slot.ok() ? ErrorCode::kInternal : slot.error().code;
  });
  executor_.RunPosted();
  CHECK(code == ErrorCode::kThrottled);
}

}  // namespace
}  // namespace hearth
