#include "runtime/router/event_fate.h"

#include <catch2/catch.hpp>

namespace hearth {
namespace {

constexpr WallTime kQueued{std::chrono::sys_days(std::chrono::year(2026) / 11 / 29)};

EventFate After(OutcomeKind kind, uint32_t failures, seconds age = seconds(1), RetryPolicy policy = {}) {
  return FateAfter(policy, kind, failures, kQueued, kQueued + age, 0);
}

TEST_CASE("an event ends with a success, and with its last retry", "[async]") {
  CHECK(After(OutcomeKind::kSuccess, 0).end == EventEnd::kSuccess);
  CHECK_FALSE(After(OutcomeKind::kFunctionError, 1).end);
  CHECK_FALSE(After(OutcomeKind::kTimeout, 2).end);
  CHECK(After(OutcomeKind::kCrash, 3).end == EventEnd::kRetriesExhausted);
}

TEST_CASE("what was our fault comes back soon and counts for nothing", "[async]") {
  for (const auto kind : {OutcomeKind::kPlatformFault, OutcomeKind::kThrottled, OutcomeKind::kCancelled}) {
    CHECK_FALSE(CountsAsFailure(kind));
    const EventFate fate = After(kind, 2);
    CHECK_FALSE(fate.end);
    CHECK(fate.delay == seconds(1));
  }
}

TEST_CASE("the delay doubles, and has up to a quarter more", "[async]") {
  const RetryPolicy policy;
  CHECK(RetryDelay(policy, 1, 0) == seconds(60));
  CHECK(RetryDelay(policy, 2, 0) == seconds(120));
  seconds least = seconds::max(), most{0};
  for (uint64_t random = 0; random < 1000; ++random) {
    least = std::min(least, RetryDelay(policy, 1, random));
    most = std::max(most, RetryDelay(policy, 1, random));
  }
  CHECK(least == seconds(60));
  CHECK(most == seconds(75));
  CHECK(RetryDelay(RetryPolicy{2, kEventAgeMax, seconds(0)}, 2, 7) == seconds(0));
}

TEST_CASE("an event that would be too old at its next attempt ends now", "[async]") {
  const RetryPolicy policy{2, seconds(100), seconds(60)};
  CHECK_FALSE(After(OutcomeKind::kFunctionError, 1, seconds(40), policy).end);
  CHECK(After(OutcomeKind::kFunctionError, 1, seconds(41), policy).end == EventEnd::kEventAgeExceeded);
}

TEST_CASE("before an attempt: too old, or its function is off", "[async]") {
  const RetryPolicy policy{2, seconds(60), seconds(60)};
  CHECK_FALSE(EndBefore(policy, kQueued, kQueued + seconds(60), FunctionSwitch::kOn));
  CHECK(EndBefore(policy, kQueued, kQueued + microseconds(60'000'001), FunctionSwitch::kOn) ==
        EventEnd::kEventAgeExceeded);
  CHECK(EndBefore(policy, kQueued, kQueued, FunctionSwitch::kOff) == EventEnd::kFunctionOff);
}

TEST_CASE("what a function has set goes over what holds for all", "[async]") {
  const RetryPolicy defaults{2, seconds(600), seconds(5)};
  CHECK(PolicyOf(defaults, nullptr).retries_max == 2);
  const EventInvokeConfig none;
  CHECK(PolicyOf(defaults, &none).age_max == seconds(600));
  EventInvokeConfig set;
  set.retries_max = 0;
  set.age_max = seconds(60);
  const RetryPolicy policy = PolicyOf(defaults, &set);
  CHECK(policy.retries_max == 0);
  CHECK(policy.age_max == seconds(60));
  CHECK(policy.retry_delay == seconds(5));
  CHECK(FateAfter(policy, OutcomeKind::kFunctionError, 1, kQueued, kQueued, 0).end ==
        EventEnd::kRetriesExhausted);
}

}  // namespace
}  // namespace hearth
