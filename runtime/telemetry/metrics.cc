#include "runtime/telemetry/metrics.h"

#include <algorithm>
#include <utility>

#include "runtime/telemetry/series_table.h"

namespace hearth {
namespace {

constexpr uint64_t kNsPerUs = 1'000;

bool Ran(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::kSuccess:
    case OutcomeKind::kFunctionError:
    case OutcomeKind::kTimeout:
    case OutcomeKind::kOutOfMemory:
    case OutcomeKind::kCrash:
    case OutcomeKind::kAborted:
      return true;
    default:
      return false;
  }
}

bool IsError(OutcomeKind kind) { return kind != OutcomeKind::kSuccess && IsBillable(kind); }

bool IsTimeout(OutcomeKind kind) {
  return kind == OutcomeKind::kTimeout || kind == OutcomeKind::kInitTimeout;
}

}  // namespace

Metrics::Metrics(Executor& executor) : Metrics(executor, Options()) {}
Metrics::Metrics(Executor& executor, Options options)
    : executor_(executor),
      table_(std::make_unique<SeriesTable>(
          SeriesTable::Options{options.functions_max, options.series_max, std::move(options.is_deployed)})),
      renderer_(executor, "metrics") {}
Metrics::~Metrics() = default;

void Metrics::OnInvocationStarted(const FunctionVersion&, const Event&) {}

void Metrics::OnInvocationSettled(const InvocationRecord& record) {
  FunctionSeries& series = table_->For(record.function);
  const auto init =
      record.init == InitKind::kRestore ? &FunctionSeries::restore_duration : &FunctionSeries::init_duration;
  if (record.init_ns > 0) table_->Observe(series, init, record.init_ns);
  if (record.billable) table_->CountBilled(series, record);
  if (record.init == InitKind::kSnapshot) return;  // no attempt
  table_->CountAttempt(series, record);
  series.errors += IsError(record.outcome);
  series.timeouts += IsTimeout(record.outcome);
  series.cold_starts += record.cold;
  if (Ran(record.outcome)) {
    table_->Observe(series, &FunctionSeries::invoke_duration, record.duration_ns);
    table_->Observe(series, &FunctionSeries::queue_wait, record.queued_ns);
  }
  if (record.usage_source != UsageSource::kNone) {
    table_->Observe(series, &FunctionSeries::cpu_usage, record.cpu_us * kNsPerUs);
    table_->Observe(series, &FunctionSeries::memory_usage, record.memory_peak_kib << 10);
  }
}

void Metrics::OnOverhead(std::string_view function, nanoseconds overhead) {
  table_->Observe(table_->For(function), &FunctionSeries::overhead,
                  static_cast<uint64_t>(std::max(overhead, nanoseconds(0)).count()));
}

void Metrics::OnWorkerCrashed(const FunctionVersion& version, CrashCause cause) {
  table_->CountCrash(table_->For(version.function), cause);
}

void Metrics::OnThrottled(std::string_view function, std::string_view reason) {
  table_->CountThrottle(table_->For(function), reason);
}

void Metrics::OnWorkerState(const FunctionVersion& version, WorkerId worker, WorkerState from,
                            WorkerState to) {
  table_->MoveWorker(version.function, worker, from, to);
}

void Metrics::OnWorkerStarted(const FunctionVersion& version, nanoseconds request_to_started) {
  table_->Observe(table_->For(version.function), &FunctionSeries::worker_start,
                  static_cast<uint64_t>(request_to_started.count()));
}

void Metrics::OnReservedSpillover(const FunctionVersion& version) {
  ++table_->For(version.function).reserved_spillover;
}

void Metrics::OnIdleCpu(const FunctionVersion& version, WorkerId, uint64_t cpu_us) {
  table_->For(version.function).idle_cpu_us += cpu_us;
}

void Metrics::OnOutputCut(const FunctionVersion& version, uint64_t bytes) {
  table_->For(version.function).output_cut_bytes += bytes;
}

void Metrics::ForgetFunction(std::string_view function) { table_->Forget(function); }

void Metrics::ForgetVersion(std::string_view function, std::string_view version) {
  table_->ForgetVersion(function, version);
}

void Metrics::Scrape(OnText done) {
  if (waiting_.size() >= kScrapesMax) {
    executor_.Post([done = std::move(done)] {
      done(Error{ErrorCode::kThrottled,
                 std::to_string(kScrapesMax) + " scrapes wait already; one scraper each 15 s is enough"});
    });
    return;
  }
  waiting_.push_back(std::move(done));
  if (serving_.empty()) Begin();
}

void Metrics::Begin() {
  serving_ = std::exchange(waiting_, {});
  scrape_ = ++scrapes_;
  asked_ = 0;
  for (MetricSource* source : sources_) {
    asked_ += source->Refresh([weak = weak_.Get(), scrape = scrape_] {
      if (weak) weak->OnRefreshed(scrape);
    });
  }
  if (asked_ == 0) return Render();
  refresh_limit_ = executor_.After(kRefreshLimit, [this] { Render(); });
}

// One that answers after the limit has been given up.
void Metrics::OnRefreshed(uint64_t scrape) {
  if (scrape == scrape_ && --asked_ == 0) Render();
}

void Metrics::Render() {
  refresh_limit_.Cancel();
  scrape_ = 0;
  struct Begun {
    MetricText text;
    SeriesTable::Snapshot functions;
  };
  const MonotonicTime began = executor_.clock().Now();
  auto begun = std::make_shared<Begun>();
  for (const MetricSource* source : sources_) source->Collect(begun->text);
  WriteLastScrape(begun->text);
  begun->functions = table_->Copy();
  const Clock& clock = executor_.clock();
  last_.loop = clock.Now() - began;
  renderer_.Run<Rendered>(
      [begun, &clock] {
        const MonotonicTime rendering = clock.Now();
        begun->functions.Write(begun->text);
        Rendered rendered;
        rendered.text = std::move(begun->text).Text(&rendered.samples);
        rendered.took = clock.Now() - rendering;
        return rendered;
      },
      [weak = weak_.Get()](Rendered rendered) {
        if (weak) weak->OnRendered(std::move(rendered));
      });
}

void Metrics::WriteLastScrape(MetricWriter& out) const {
  const auto in_seconds = [](nanoseconds time) { return std::chrono::duration<double>(time).count(); };
  out.Write("hearth_scrape_seconds", {"loop"}, in_seconds(last_.loop));
  out.Write("hearth_scrape_seconds", {"render"}, in_seconds(last_.render));
  out.Write("hearth_scrape_samples", {}, static_cast<double>(last_.samples));
}

void Metrics::OnRendered(Rendered rendered) {
  last_.render = rendered.took;
  last_.samples = rendered.samples;
  std::string text = std::move(rendered.text);
  std::vector<OnText> served = std::exchange(serving_, {});
  if (!waiting_.empty()) Begin();
  for (size_t i = 0; i + 1 < served.size(); ++i) served[i](text);
  served.back()(std::move(text));
}

}  // namespace hearth
