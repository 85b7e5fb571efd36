#include "runtime/telemetry/exposition.h"

#include <limits>
#include <utility>
#include <vector>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

namespace hearth {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

using Labels = std::vector<ClientMetric::Label>;

constexpr double kNsPerSecond = 1e9, kMsPerSecond = 1e3, kMbMsPerGbSecond = 1'024'000;

MetricFamily Family(const char* name, const char* help, MetricType type) {
  MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  return family;
}

MetricFamily Counter(const char* name, const char* help) { return Family(name, help, MetricType::Counter); }
MetricFamily Histogram(const char* name, const char* help) {
  return Family(name, help, MetricType::Histogram);
}

void AddCounter(MetricFamily& family, Labels labels, double value) {
  ClientMetric metric;
  metric.label = std::move(labels);
  metric.counter.value = value;
  family.metric.push_back(std::move(metric));
}

void AddGauge(MetricFamily& family, Labels labels, double value) {
  ClientMetric metric;
  metric.label = std::move(labels);
  metric.gauge.value = value;
  family.metric.push_back(std::move(metric));
}

void AddHistogram(MetricFamily& family, Labels labels, const DurationHistogram& figures) {
  ClientMetric metric;
  metric.label = std::move(labels);
  uint64_t cumulative = 0;
  for (size_t i = 0; i < figures.counts().size(); ++i) {
    cumulative += figures.counts()[i];
    const bool last = i == kDurationBucketsNs.size();
    const double bound = last ? std::numeric_limits<double>::infinity()
                              : static_cast<double>(kDurationBucketsNs[i]) / kNsPerSecond;
    ClientMetric::Bucket bucket;
    bucket.cumulative_count = cumulative;
    bucket.upper_bound = bound;
    metric.histogram.bucket.push_back(bucket);
  }
  metric.histogram.sample_count = cumulative;
  metric.histogram.sample_sum = static_cast<double>(figures.sum_ns()) / kNsPerSecond;
  family.metric.push_back(std::move(metric));
}

ClientMetric::Label Label(std::string name, std::string_view value) {
  return {std::move(name), std::string(value)};
}

}  // namespace

class Exposition::Families final {
 public:
  void Add(const std::string& function, const FunctionSeries& series) {
    const Labels labels{Label("function", function)};
    AddInvocations(labels, series);
    AddThrottles(labels, series);
    AddWorkers(labels, series);
    AddCounter(cold_starts_, labels, static_cast<double>(series.cold_starts));
    AddCounter(timeouts_, labels, static_cast<double>(series.timeouts));
    AddCounter(crashes_, With(labels, "cause", "crash"), static_cast<double>(series.crashes));
    AddCounter(crashes_, With(labels, "cause", "out_of_memory"), static_cast<double>(series.out_of_memory));
    AddCounter(billed_duration_, labels, static_cast<double>(series.billed_ms) / kMsPerSecond);
    AddCounter(billed_gb_seconds_, labels, static_cast<double>(series.billed_mb_ms) / kMbMsPerGbSecond);
    AddCounter(billed_requests_, labels, static_cast<double>(series.billed_requests));
    AddHistogram(invoke_duration_, labels, series.invoke_duration);
    AddHistogram(init_duration_, labels, series.init_duration);
    AddHistogram(queue_wait_, labels, series.queue_wait);
    AddHistogram(worker_start_, labels, series.worker_start);
  }

  std::string Text() && {
    std::vector<MetricFamily> all;
    for (MetricFamily* family : {&invocations_, &invoke_duration_, &init_duration_, &queue_wait_,
                                 &cold_starts_, &throttles_, &timeouts_, &crashes_, &workers_, &worker_start_,
                                 &billed_duration_, &billed_gb_seconds_, &billed_requests_}) {
      all.push_back(std::move(*family));
    }
    return prometheus::TextSerializer().Serialize(all);
  }

 private:
  static Labels With(Labels labels, const char* name, std::string_view value) {
    labels.push_back(Label(name, value));
    return labels;
  }

  void AddInvocations(const Labels& labels, const FunctionSeries& series) {
    for (size_t trigger = 0; trigger < kTriggerKinds; ++trigger) {
      for (size_t outcome = 0; outcome < kOutcomeKindCount; ++outcome) {
        const uint64_t count = series.invocations[trigger][outcome];
        if (count == 0) continue;
        AddCounter(invocations_,
                   With(With(labels, "trigger", NameOf(static_cast<TriggerKind>(trigger))), "outcome",
                        NameOf(static_cast<OutcomeKind>(outcome))),
                   static_cast<double>(count));
      }
    }
  }

  void AddThrottles(const Labels& labels, const FunctionSeries& series) {
    for (const auto& [reason, count] : series.throttles) {
      AddCounter(throttles_, With(labels, "reason", reason), static_cast<double>(count));
    }
  }

  void AddWorkers(const Labels& labels, const FunctionSeries& series) {
    for (size_t state = 0; state < kWorkerStates; ++state) {
      AddGauge(workers_, With(labels, "state", NameOf(static_cast<WorkerState>(state))),
               static_cast<double>(series.workers[state]));
    }
  }

  MetricFamily invocations_ =
      Counter("hearth_invocations_total", "Attempts that ended, by what caused them and how they ended.");
  MetricFamily invoke_duration_ =
      Histogram("hearth_invoke_duration_seconds", "Time in the handler, of attempts that reached it.");
  MetricFamily init_duration_ = Histogram("hearth_init_duration_seconds", "Time in the handler's init.");
  MetricFamily queue_wait_ = Histogram("hearth_queue_wait_seconds",
                                       "From accepted to handed to a worker, without init; never billed.");
  MetricFamily cold_starts_ = Counter("hearth_cold_starts_total", "Attempts that a worker was made for.");
  MetricFamily throttles_ = Counter("hearth_throttles_total", "Events that found no slot in time, by limit.");
  MetricFamily timeouts_ =
      Counter("hearth_timeouts_total", "Attempts ended by the function's timeout, init included.");
  MetricFamily crashes_ = Counter("hearth_crashes_total", "Workers that died under an attempt.");
  MetricFamily workers_ = Family("hearth_workers", "Workers by state.", MetricType::Gauge);
  MetricFamily worker_start_ =
      Histogram("hearth_worker_start_seconds", "From asking for a worker to a started process, before init.");
  MetricFamily billed_duration_ = Counter("hearth_billed_duration_seconds_total", "Billed duration.");
  MetricFamily billed_gb_seconds_ =
      Counter("hearth_billed_gb_seconds_total", "Billed duration times configured memory.");
  MetricFamily billed_requests_ = Counter("hearth_billed_requests_total", "Billed attempts.");
};

Exposition::Exposition() : families_(std::make_unique<Families>()) {}
Exposition::~Exposition() = default;
void Exposition::Add(const std::string& function, const FunctionSeries& series) {
  families_->Add(function, series);
}
std::string Exposition::Text() && { return std::move(*families_).Text(); }

}  // namespace hearth
