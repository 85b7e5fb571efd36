#include "runtime/model/async_invocation.h"

#include <algorithm>

namespace hearth {

std::string_view NameOf(AsyncState state) {
  switch (state) {
    case AsyncState::kQueued:
      return "queued";
    case AsyncState::kRunning:
      return "running";
    case AsyncState::kRetrying:
      return "retrying";
    case AsyncState::kSettling:
      return "settling";
    case AsyncState::kSucceeded:
      return "succeeded";
    case AsyncState::kFailed:
      return "failed";
    case AsyncState::kCancelled:
      return "cancelled";
  }
  return "unknown";
}

// Lambda has three words. A function that is off, or a version that is gone, has no attempt left.
std::string_view ConditionOf(EventEnd end) {
  switch (end) {
    case EventEnd::kSuccess:
      return "Success";
    case EventEnd::kEventAgeExceeded:
      return "EventAgeExceeded";
    default:
      return "RetriesExhausted";
  }
}

void AddAttempt(AsyncInvocation& invocation, uint32_t number, const Outcome& outcome) {
  AsyncAttempt attempt;
  attempt.number = number;
  attempt.started = outcome.started;
  attempt.outcome = outcome.kind;
  attempt.duration_us = std::chrono::duration_cast<microseconds>(outcome.usage.duration).count();
  attempt.billed_ms = outcome.billed_ms;
  attempt.version = outcome.executed_version;
  attempt.error_type = outcome.error.type.substr(0, kAttemptMessageBytesMax);
  attempt.error_message = outcome.error.message.substr(0, kAttemptMessageBytesMax);
  if (invocation.attempts.size() >= kAttemptsShownMax) invocation.attempts.erase(invocation.attempts.begin());
  invocation.attempts.push_back(std::move(attempt));
  invocation.attempt_last = std::max(invocation.attempt_last, number);
}

}  // namespace hearth
