#include "runtime/telemetry/metrics.h"

#include <functional>
#include <unordered_map>
#include <utility>

#include "runtime/telemetry/exposition.h"
#include "runtime/telemetry/function_series.h"

namespace hearth {
namespace {

struct NameHash {
  using is_transparent = void;
  size_t operator()(std::string_view name) const { return std::hash<std::string_view>()(name); }
};

bool Ran(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::kSuccess:
    case OutcomeKind::kFunctionError:
    case OutcomeKind::kTimeout:
    case OutcomeKind::kOutOfMemory:
    case OutcomeKind::kCrash:
      return true;
    default:
      return false;
  }
}

void CountOutcome(FunctionSeries& series, const InvocationRecord& record) {
  ++series.invocations[static_cast<size_t>(record.trigger)][static_cast<size_t>(record.outcome)];
  switch (record.outcome) {
    case OutcomeKind::kTimeout:
    case OutcomeKind::kInitTimeout:
      ++series.timeouts;
      break;
    case OutcomeKind::kCrash:
      ++series.crashes;
      break;
    case OutcomeKind::kOutOfMemory:
      ++series.out_of_memory;
      break;
    default:
      break;
  }
}

}  // namespace

class Metrics::Table final {
 public:
  explicit Table(Options options) : options_(options) {}

  FunctionSeries& For(std::string_view function) {
    const auto found = functions_.find(function);
    if (found != functions_.end()) return found->second;
    if (functions_.size() >= options_.functions_max) {
      overflowed_ = true;
      return overflow_;
    }
    return functions_.emplace(function, FunctionSeries()).first->second;
  }
  // The overflow when it is not there for want of room, null when it was forgotten.
  FunctionSeries* Find(std::string_view function) {
    const auto found = functions_.find(function);
    if (found != functions_.end()) return &found->second;
    return overflowed_ && functions_.size() >= options_.functions_max ? &overflow_ : nullptr;
  }
  void Forget(std::string_view function) {
    const auto found = functions_.find(function);
    if (found != functions_.end()) functions_.erase(found);
  }
  std::string Scrape() const {
    Exposition exposition;
    for (const auto& [function, series] : functions_) exposition.Add(function, series);
    if (overflowed_) exposition.Add("overflow", overflow_);
    return std::move(exposition).Text();
  }

 private:
  const Options options_;
  std::unordered_map<std::string, FunctionSeries, NameHash, std::equal_to<>> functions_;
  FunctionSeries overflow_;
  bool overflowed_ = false;
};

Metrics::Metrics() : Metrics(Options()) {}
Metrics::Metrics(Options options) : table_(std::make_unique<Table>(options)) {}
Metrics::~Metrics() = default;

void Metrics::OnInvocationStarted(const FunctionVersion&, const Event&) {}

void Metrics::OnInvocationSettled(const InvocationRecord& record) {
  FunctionSeries& series = table_->For(record.function);
  CountOutcome(series, record);
  if (record.cold) ++series.cold_starts;
  if (Ran(record.outcome)) {
    series.invoke_duration.Observe(record.duration_ns);
    series.queue_wait.Observe(record.queued_ns);
  }
  if (record.init_ns > 0) series.init_duration.Observe(record.init_ns);
  if (!record.billable) return;
  ++series.billed_requests;
  series.billed_ms += record.billed_ms;
  series.billed_mb_ms += record.billed_ms * record.memory_mib;
}

void Metrics::OnThrottled(std::string_view function, std::string_view reason) {
  auto& throttles = table_->For(function).throttles;
  auto counter = throttles.find(reason);
  if (counter == throttles.end()) {
    const bool room = throttles.size() < kThrottleReasonsMax;
    counter = throttles.try_emplace(room ? std::string(reason) : "other").first;
  }
  ++counter->second;
}

// A worker may outlive its function's series; then its last states are not counted anywhere.
void Metrics::OnWorkerState(const FunctionVersion& version, WorkerId, WorkerState from, WorkerState to) {
  const bool begins = to == WorkerState::kForking || to == WorkerState::kInitialising;
  FunctionSeries* series = begins ? &table_->For(version.function) : table_->Find(version.function);
  if (!series) return;
  if (from != to && from != WorkerState::kGone) {
    uint64_t& before = series->workers[static_cast<size_t>(from)];
    if (before > 0) --before;
  }
  if (to != WorkerState::kGone) ++series->workers[static_cast<size_t>(to)];
}

void Metrics::OnWorkerStarted(const FunctionVersion& version, nanoseconds request_to_started) {
  table_->For(version.function).worker_start.Observe(static_cast<uint64_t>(request_to_started.count()));
}

void Metrics::ForgetFunction(std::string_view function) { table_->Forget(function); }

std::string Metrics::Scrape() const { return table_->Scrape(); }

}  // namespace hearth
