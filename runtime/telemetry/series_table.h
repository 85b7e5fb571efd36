#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "runtime/base/ids.h"
#include "runtime/telemetry/function_series.h"
#include "runtime/telemetry/metric_text.h"

namespace hearth {

// The figures of each function by name, within limits that no caller can pass.
//
// Owned by Metrics.
// Thread:  loop thread; a Snapshot is a value for any.
// Limits:  functions_max; kVersionsMax a function; series_max samples over all functions (overflow's own, at most a few hundred, come on
//          top): a first sample that would pass it counts under "overflow".
class SeriesTable final {
 public:
  struct Options {
    size_t functions_max;
    size_t series_max;
    // A function's name and "", or one of its versions. Empty: everything is.
    std::function<bool(std::string_view function, std::string_view version)> is_deployed;
  };
  // Everything as it was at one moment.
  struct Snapshot {
    std::vector<std::pair<std::string, FunctionSeries>> functions;
    std::vector<std::string> throttle_reasons;
    void Write(MetricText& out) const;
  };

  explicit SeriesTable(Options options) : options_(std::move(options)) {}

  // The function's own series, made if there is room, else the overflow.
  FunctionSeries& For(std::string_view function);
  void Forget(std::string_view function);
  void ForgetVersion(std::string_view function, std::string_view version);

  void CountAttempt(FunctionSeries& series, const InvocationRecord& record);
  void CountBilled(FunctionSeries& series, const InvocationRecord& record);
  void CountCrash(FunctionSeries& series, CrashCause cause);
  void CountThrottle(FunctionSeries& series, std::string_view reason);
  // A worker counts where its first state was counted; one whose function has been forgotten counts nowhere.
  void MoveWorker(std::string_view function, WorkerId worker, WorkerState from, WorkerState to);
  template <class Figures>
  void Observe(FunctionSeries& series, Figures FunctionSeries::*histogram, uint64_t value) {
    // A sample for each bucket, for sum and for count.
    if ((series.*histogram).count() == 0 && !Spend(series, Figures::kBuckets + 2)) {
      return (overflow_.*histogram).Observe(value);
    }
    (series.*histogram).Observe(value);
  }

  size_t functions() const { return functions_.size(); }
  size_t samples() const { return samples_; }
  Snapshot Copy() const;

 private:
  struct NameHash {
    using is_transparent = void;
    size_t operator()(std::string_view name) const { return std::hash<std::string_view>()(name); }
  };

  bool Spend(const FunctionSeries& series, size_t samples);
  VersionSeries& VersionOf(FunctionSeries& series, const InvocationRecord& record);
  FunctionSeries& Counting(FunctionSeries& series, uint64_t before, size_t samples);
  size_t ReasonNumber(std::string_view reason);

  const Options options_;
  std::unordered_map<std::string, FunctionSeries, NameHash, std::equal_to<>> functions_;
  FunctionSeries overflow_;
  bool overflowed_ = false;
  std::unordered_set<uint64_t> overflow_workers_;
  std::vector<std::string> throttle_reasons_;
  size_t samples_ = 0;
};

}  // namespace hearth
