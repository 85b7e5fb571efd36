#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace hearth {

// Every metric of Hearth, once: what a scrape may show, what docs/metrics.md lists (a test makes the page again
// from here), what dashboard and alert rules may name. A new metric is a row here and a Write() in a MetricSource.
//
// Names:   hearth_*, base units last (_seconds, _bytes), counters end in _total; process_* are Prometheus' own
//          names, which every dashboard for a process knows.
// Labels:  the first is what the series belongs to (function, queue, bucket, store, ...): at most
//          kEntitiesMax of those, the rest is added up under "overflow". The others have few values, named in
//          the meaning. Nothing that a request brings (path, id, user) is ever a label.

enum class MetricType : uint8_t { kCounter, kGauge, kHistogram };
enum class MetricGroup : uint8_t {
  kInvocations,
  kWorkers,
  kBilling,
  kEvents,
  kQueues,
  kBuckets,
  kLedger,
  kStores,
  kHttp,
  kDaemon
};

struct MetricDefinition {
  MetricGroup group;
  std::string_view name;
  MetricType type;
  std::string_view labels;   // names, comma-separated; values are written in this order
  std::string_view meaning;  // without a full stop; also the HELP line
  std::string_view otel{};   // OpenTelemetry's name of the same figure, if it has one
};

namespace metric_table {
using enum MetricType;
using enum MetricGroup;

inline constexpr auto kMetrics = std::to_array<MetricDefinition>({
    {kInvocations, "hearth_invocations_total", kCounter, "function,trigger,outcome",
     "attempts that ended, by what caused them and how they ended", "faas.invocations"},
    {kInvocations, "hearth_invoke_duration_seconds", kHistogram, "function",
     "time in the handler, of attempts that reached it", "faas.invoke_duration"},
    {kInvocations, "hearth_init_duration_seconds", kHistogram, "function", "time in the handler's init",
     "faas.init_duration"},
    {kInvocations, "hearth_queue_wait_seconds", kHistogram, "function",
     "from accepted to handed to a worker, without init; never billed"},
    {kInvocations, "hearth_cold_starts_total", kCounter, "function", "attempts that a worker was made for",
     "faas.coldstarts"},
    {kInvocations, "hearth_throttles_total", kCounter, "function,reason",
     "events that found no slot in time, by the limit's name"},
    {kInvocations, "hearth_timeouts_total", kCounter, "function",
     "attempts ended by the function's timeout, init included", "faas.timeouts"},
    {kInvocations, "hearth_crashes_total", kCounter, "function,cause",
     "workers that died under an attempt: crash, out_of_memory"},

    {kWorkers, "hearth_workers", kGauge, "function,state", "workers by state"},
    {kWorkers, "hearth_worker_idle_cpu_seconds_total", kCounter, "function",
     "processor time that workers used while they had no event, before they were frozen; not billed"},
    {kWorkers, "hearth_worker_start_seconds", kHistogram, "function",
     "from asking for a worker to a started process, before init"},

    {kBilling, "hearth_billed_duration_seconds_total", kCounter, "function", "billed duration"},
    {kBilling, "hearth_billed_gb_seconds_total", kCounter, "function",
     "billed duration times configured memory"},
    {kBilling, "hearth_billed_requests_total", kCounter, "function", "billed attempts"},
});
}  // namespace metric_table

inline constexpr std::span<const MetricDefinition> kMetrics = metric_table::kMetrics;
inline constexpr size_t kMetricCount = metric_table::kMetrics.size();

constexpr size_t LabelCount(const MetricDefinition& metric) {
  size_t count = metric.labels.empty() ? 0 : 1;
  for (const char c : metric.labels) count += c == ',';
  return count;
}

// A metric by its name, found while compiling: a name that has no row does not compile.
class MetricRef final {
 public:
  template <size_t N>
  consteval MetricRef(const char (&name)[N])  // NOLINT(google-explicit-constructor)
      : index_(IndexOf(std::string_view(name, N - 1))) {}
  constexpr size_t index() const { return index_; }
  constexpr const MetricDefinition& definition() const { return kMetrics[index_]; }

 private:
  static size_t ThisMetricHasNoRowInTheTable();  // not constexpr: to be reached is a compile error
  static consteval size_t IndexOf(std::string_view name) {
    for (size_t i = 0; i < kMetricCount; ++i) {
      if (metric_table::kMetrics[i].name == name) return i;
    }
    return ThisMetricHasNoRowInTheTable();
  }
  size_t index_;
};

}  // namespace hearth
