#include "runtime/telemetry/metrics.h"

#include <utility>

#include "runtime/telemetry/series_table.h"

namespace hearth {
namespace {

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

void CountEnding(FunctionSeries& series, OutcomeKind outcome) {
  switch (outcome) {
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
  table_->CountAttempt(series, record.trigger, record.outcome);
  CountEnding(series, record.outcome);
  if (record.cold) ++series.cold_starts;
  if (Ran(record.outcome)) {
    table_->Observe(series, &FunctionSeries::invoke_duration, record.duration_ns);
    table_->Observe(series, &FunctionSeries::queue_wait, record.queued_ns);
  }
  if (record.init_ns > 0) table_->Observe(series, &FunctionSeries::init_duration, record.init_ns);
  if (!record.billable) return;
  ++series.billed_requests;
  series.billed_ms += record.billed_ms;
  series.billed_mb_ms += record.billed_ms * record.memory_mib;
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

void Metrics::OnIdleCpu(const FunctionVersion& version, WorkerId, uint64_t cpu_us) {
  table_->For(version.function).idle_cpu_us += cpu_us;
}

void Metrics::ForgetFunction(std::string_view function) { table_->Forget(function); }

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
  auto begun = std::make_shared<Begun>();
  for (const MetricSource* source : sources_) source->Collect(begun->text);
  begun->functions = table_->Copy();
  renderer_.Run<std::string>(
      [begun] {
        begun->functions.Write(begun->text);
        return std::move(begun->text).Text();
      },
      [weak = weak_.Get()](std::string text) {
        if (weak) weak->OnRendered(std::move(text));
      });
}

void Metrics::OnRendered(std::string text) {
  std::vector<OnText> served = std::exchange(serving_, {});
  if (!waiting_.empty()) Begin();
  for (size_t i = 0; i + 1 < served.size(); ++i) served[i](text);
  served.back()(std::move(text));
}

}  // namespace hearth
