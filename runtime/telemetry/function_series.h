#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "runtime/model/observers.h"
#include "runtime/telemetry/histogram.h"

namespace hearth {

inline constexpr size_t kTriggerKinds = static_cast<size_t>(TriggerKind::kTopic) + 1;
inline constexpr size_t kOutcomeKindCount = static_cast<size_t>(OutcomeKind::kInterrupted) + 1;
inline constexpr size_t kWorkerStates =
    static_cast<size_t>(WorkerState::kGone);  // gone is not a state to count
inline constexpr size_t kThrottleReasonsMax = 16;

// All figures of one function.
struct FunctionSeries {
  std::array<std::array<uint64_t, kOutcomeKindCount>, kTriggerKinds> invocations{};
  std::map<std::string, uint64_t, std::less<>> throttles;  // by reason
  std::array<uint64_t, kWorkerStates> workers{};
  uint64_t cold_starts = 0;
  uint64_t timeouts = 0;
  uint64_t crashes = 0;
  uint64_t out_of_memory = 0;
  uint64_t billed_ms = 0;
  uint64_t billed_mb_ms = 0;
  uint64_t billed_requests = 0;
  DurationHistogram invoke_duration;
  DurationHistogram init_duration;
  DurationHistogram queue_wait;
  DurationHistogram worker_start;
};

}  // namespace hearth
