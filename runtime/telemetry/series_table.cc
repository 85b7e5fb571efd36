#include "runtime/telemetry/series_table.h"

#include <algorithm>

namespace hearth {
namespace {

// Counts what WriteFunction would write, with the same code.
class SampleCounter final : public MetricWriter {
 public:
  void Write(MetricRef, Labels, double) override { ++samples; }
  void Write(MetricRef, Labels, const HistogramView& histogram) override {
    samples += histogram.counts.size() + 2;
  }
  size_t samples = 0;
};

size_t SamplesOf(const FunctionSeries& series) {
  SampleCounter counter;
  WriteFunction("", series, {}, counter);
  return counter.samples;
}

}  // namespace

FunctionSeries& SeriesTable::For(std::string_view function) {
  const auto found = functions_.find(function);
  if (found != functions_.end()) return found->second;
  static const size_t samples_at_first = SamplesOf({});
  const bool room =
      functions_.size() < options_.functions_max && samples_ + samples_at_first <= options_.series_max;
  const bool deployed = !options_.is_deployed || options_.is_deployed(function, "");
  if (!room || !deployed || function == MetricText::kOverflow) {
    overflowed_ = true;
    return overflow_;
  }
  samples_ += samples_at_first;
  return functions_.emplace(function, FunctionSeries()).first->second;
}

void SeriesTable::Forget(std::string_view function) {
  const auto found = functions_.find(function);
  if (found == functions_.end()) return;
  samples_ -= SamplesOf(found->second);
  functions_.erase(found);
}

void SeriesTable::ForgetVersion(std::string_view function, std::string_view version) {
  const auto found = functions_.find(function);
  if (found == functions_.end()) return;
  FunctionSeries& series = found->second;
  samples_ -= SamplesOf(series);
  std::erase_if(series.versions, [&](const VersionSeries& one) { return one.version == version; });
  samples_ += SamplesOf(series);
}

// The overflow itself is always within its limit.
bool SeriesTable::Spend(const FunctionSeries& series, size_t samples) {
  if (&series == &overflow_) return true;
  if (samples_ + samples > options_.series_max) {
    overflowed_ = true;
    return false;
  }
  samples_ += samples;
  return true;
}

// Where to count a figure that was `before` until now: its first sample needs room.
FunctionSeries& SeriesTable::Counting(FunctionSeries& series, uint64_t before, size_t samples) {
  return before > 0 || Spend(series, samples) ? series : overflow_;
}

VersionSeries& SeriesTable::VersionOf(FunctionSeries& series, const InvocationRecord& record) {
  std::vector<VersionSeries>& versions = series.versions;
  VersionSeries* others = nullptr;
  for (VersionSeries& version : versions) {
    if (version.version == record.version) return version;
    if (version.version == MetricText::kOverflow) others = &version;
  }
  const bool own = &series != &overflow_ && versions.size() - (others != nullptr) < kVersionsMax &&
                   (!options_.is_deployed || options_.is_deployed(record.function, record.version));
  if (!own && others) return *others;
  const std::string_view name = own ? std::string_view(record.version) : MetricText::kOverflow;
  versions.push_back({std::string(name), {}});
  return versions.back();
}

void SeriesTable::CountAttempt(FunctionSeries& series, const InvocationRecord& record) {
  const auto t = static_cast<size_t>(record.trigger), o = static_cast<size_t>(record.outcome);
  uint64_t& count = VersionOf(series, record).attempts[t][o];
  if (&Counting(series, count, 1) == &series) {
    ++count;
  } else {
    ++VersionOf(overflow_, record).attempts[t][o];
  }
}

void SeriesTable::CountBilled(FunctionSeries& series, const InvocationRecord& record) {
  const auto plan = static_cast<size_t>(record.plan);
  // On-demand is there from the first: its samples have been paid for.
  const uint64_t before = record.plan == Plan::kOnDemand ? 1 : series.billed[plan].requests;
  BilledFigures& billed = Counting(series, before, 3).billed[plan];
  if (record.init != InitKind::kSnapshot) ++billed.requests;
  billed.ms += record.billed_ms;
  billed.mb_ms += record.billed_ms * record.memory_mib;
}

void SeriesTable::CountCrash(FunctionSeries& series, CrashCause cause) {
  const auto c = static_cast<size_t>(cause);
  ++Counting(series, series.crashes[c], 1).crashes[c];
}

void SeriesTable::CountThrottle(FunctionSeries& series, std::string_view reason) {
  const size_t number = ReasonNumber(reason);
  ++Counting(series, series.throttles[number], 1).throttles[number];
}

size_t SeriesTable::ReasonNumber(std::string_view reason) {
  const auto found = std::find(throttle_reasons_.begin(), throttle_reasons_.end(), reason);
  const auto number = static_cast<size_t>(found - throttle_reasons_.begin());
  if (found != throttle_reasons_.end() || number == kThrottleReasonsMax) return number;
  throttle_reasons_.emplace_back(reason);
  return number;
}

void SeriesTable::MoveWorker(std::string_view function, WorkerId worker, WorkerState from, WorkerState to) {
  const bool begins = to == WorkerState::kForking || to == WorkerState::kInitialising;
  FunctionSeries* series = nullptr;
  if (!overflow_workers_.empty() && overflow_workers_.contains(worker.value())) {
    series = &overflow_;
    if (to == WorkerState::kGone) overflow_workers_.erase(worker.value());
  } else if (begins) {
    series = &For(function);
    if (series == &overflow_) overflow_workers_.insert(worker.value());
  } else if (const auto found = functions_.find(function); found != functions_.end()) {
    series = &found->second;
  }
  if (!series) return;
  if (from != to && from != WorkerState::kGone) {
    uint64_t& before = series->workers[static_cast<size_t>(from)];
    if (before > 0) --before;
  }
  if (to != WorkerState::kGone) ++series->workers[static_cast<size_t>(to)];
}

SeriesTable::Snapshot SeriesTable::Copy() const {
  Snapshot copy;
  copy.functions.reserve(functions_.size() + 1);
  for (const auto& [name, series] : functions_) copy.functions.emplace_back(name, series);
  if (overflowed_) copy.functions.emplace_back(MetricText::kOverflow, overflow_);
  copy.throttle_reasons = throttle_reasons_;
  return copy;
}

void SeriesTable::Snapshot::Write(MetricText& out) const {
  out.set_entities_max(functions.size());
  for (const auto& [name, series] : functions) WriteFunction(name, series, throttle_reasons, out);
}

}  // namespace hearth
