#include "runtime/router/event_fate.h"

#include <algorithm>

namespace hearth {
namespace {

constexpr seconds kFaultDelay{1};  // after an attempt that was our fault

}  // namespace

RetryPolicy PolicyOf(const RetryPolicy& defaults, const EventInvokeConfig* config) {
  RetryPolicy policy = defaults;
  if (config == nullptr) return policy;
  policy.retries_max = config->retries_max.value_or(policy.retries_max);
  policy.age_max = config->age_max.value_or(policy.age_max);
  return policy;
}

seconds RetryDelay(const RetryPolicy& policy, uint32_t failures, uint64_t random) {
  const uint32_t doublings = std::min(std::max(failures, 1U) - 1, 10U);
  const seconds least = policy.retry_delay * (int64_t{1} << doublings);
  const auto more = static_cast<uint64_t>(least.count() / 4);
  return least + seconds(static_cast<int64_t>(random % (more + 1)));
}

bool CountsAsFailure(OutcomeKind kind) { return kind != OutcomeKind::kSuccess && IsBillable(kind); }

EventFate FateAfter(const RetryPolicy& policy, OutcomeKind kind, uint32_t failures, WallTime queued,
                    WallTime now, uint64_t random) {
  if (kind == OutcomeKind::kSuccess) return {EventEnd::kSuccess};
  EventFate fate;
  if (CountsAsFailure(kind)) {
    if (failures > policy.retries_max) return {EventEnd::kRetriesExhausted};
    fate.delay = RetryDelay(policy, failures, random);
  } else {
    fate.delay = kFaultDelay;
  }
  // It would be too old by then: why let its destination wait?
  if (now + fate.delay - queued > policy.age_max) fate.end = EventEnd::kEventAgeExceeded;
  return fate;
}

std::optional<EventEnd> EndBefore(const RetryPolicy& policy, WallTime queued, WallTime now,
                                  FunctionSwitch function) {
  if (now - queued > policy.age_max) return EventEnd::kEventAgeExceeded;
  if (function == FunctionSwitch::kOff) return EventEnd::kFunctionOff;
  return std::nullopt;
}

}  // namespace hearth
