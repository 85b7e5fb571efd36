#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/histogram.h"
#include "runtime/model/metric_source.h"
#include "runtime/model/observers.h"
#include "runtime/model/plan.h"

namespace hearth {

inline constexpr size_t kTriggerKinds = static_cast<size_t>(TriggerKind::kTopic) + 1;
inline constexpr size_t kOutcomeKindCount = static_cast<size_t>(OutcomeKind::kAborted) + 1;
inline constexpr size_t kWorkerStates =
    static_cast<size_t>(WorkerState::kGone);  // gone is not a state to count
inline constexpr size_t kThrottleReasonsMax = 16;
inline constexpr size_t kVersionsMax = 8;

struct VersionSeries {
  std::string version;  // the last of kVersionsMax + 1 is "overflow"
  std::array<std::array<uint64_t, kOutcomeKindCount>, kTriggerKinds> attempts{};
};

struct BilledFigures {
  uint64_t ms = 0;
  uint64_t mb_ms = 0;
  uint64_t requests = 0;
};

// All figures of one function, plain integers: about 2 KiB, copied whole for a scrape.
struct FunctionSeries {
  std::vector<VersionSeries> versions;
  std::array<uint64_t, kThrottleReasonsMax + 1> throttles{};  // by number of the reason; the last: others
  std::array<uint64_t, kWorkerStates> workers{};
  std::array<uint64_t, kCrashCauses> crashes{};
  std::array<BilledFigures, kPlans> billed{};
  uint64_t cold_starts = 0;
  uint64_t errors = 0;
  uint64_t timeouts = 0;
  uint64_t idle_cpu_us = 0;
  uint64_t output_cut_bytes = 0;
  uint64_t reserved_spillover = 0;
  DurationHistogram invoke_duration;
  CoarseHistogram init_duration;
  CoarseHistogram restore_duration;
  CoarseHistogram queue_wait;
  CoarseHistogram overhead;
  CoarseHistogram cpu_usage;
  MemoryHistogram memory_usage;
  CoarseHistogram worker_start;
};

// Left out: a histogram that has seen nothing; an outcome, a reason, a cause and a plan (but on-demand) that never
// were; output that was never cut.
void WriteFunction(std::string_view function, const FunctionSeries& series,
                   const std::vector<std::string>& throttle_reasons, MetricWriter& out);

}  // namespace hearth
