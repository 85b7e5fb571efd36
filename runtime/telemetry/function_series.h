#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/histogram.h"
#include "runtime/model/metric_source.h"
#include "runtime/model/observers.h"

namespace hearth {

inline constexpr size_t kTriggerKinds = static_cast<size_t>(TriggerKind::kTopic) + 1;
inline constexpr size_t kOutcomeKindCount = static_cast<size_t>(OutcomeKind::kInterrupted) + 1;
inline constexpr size_t kWorkerStates =
    static_cast<size_t>(WorkerState::kGone);  // gone is not a state to count
inline constexpr size_t kThrottleReasonsMax = 16;

// All figures of one function, plain integers: about 1.5 KiB, copied whole for a scrape.
struct FunctionSeries {
  std::array<std::array<uint64_t, kOutcomeKindCount>, kTriggerKinds> invocations{};
  std::array<uint64_t, kThrottleReasonsMax + 1> throttles{};  // by number of the reason; the last: others
  std::array<uint64_t, kWorkerStates> workers{};
  uint64_t cold_starts = 0;
  uint64_t timeouts = 0;
  uint64_t crashes = 0;
  uint64_t out_of_memory = 0;
  uint64_t idle_cpu_us = 0;
  uint64_t billed_ms = 0;
  uint64_t billed_mb_ms = 0;
  uint64_t billed_requests = 0;
  DurationHistogram invoke_duration;
  CoarseHistogram init_duration;
  CoarseHistogram queue_wait;
  CoarseHistogram worker_start;
};

// A histogram that has seen nothing, an outcome that never was and a reason that never was are left out.
void WriteFunction(std::string_view function, const FunctionSeries& series,
                   const std::vector<std::string>& throttle_reasons, MetricWriter& out);

}  // namespace hearth
