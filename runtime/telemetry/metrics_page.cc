#include "runtime/telemetry/metrics_page.h"

#include <algorithm>
#include <string_view>

#include "runtime/model/metric_definitions.h"
#include "runtime/telemetry/metric_text.h"

namespace hearth {
namespace {

constexpr std::string_view kHead =
    R"(# Metrics

This page is made from the code (`runtime/model/metric_definitions.h`); a test holds it to be what the code says.

`GET /metrics` on the control port, in Prometheus's text format. With `--auth-token-file` the scraper sends the token as
`Authorization: Bearer`. Alert rules and a scrape configuration are in [observability/](observability/README.md).

Invocation and billing counters are fed by the meter after a record is in the ledger, and with the numbers of that record: what a scrape shows is never
more than the ledger has, and equal once nothing is under way. They start at 0 with the daemon. They are for dashboards and alarms; bills come from the
ledger.

)";

constexpr std::string_view kTail =
    R"(
## Labels

* `function`: at most 1,000 functions have series of their own, and these at most 250,000 samples; what comes after counts under
  `function="overflow"`, so that sums stay right. What ends after its function was deleted counts there too, and so does a function that is called
  `overflow`. A deleted function's series go with it.
* `trigger`: `direct`, `http`, `queue`, `bucket`, `schedule`, `topic`.
* `outcome`: `success`, `function_error`, `timeout`, `out_of_memory`, `crash`, `init_error`, `init_timeout`, `aborted`; `throttled`, `cancelled`, `platform_fault`
  and `interrupted` are not billed.
* `reason`: the limit's name as in Lambda's error (`ConcurrentInvocationLimitExceeded`, `ReservedFunctionConcurrentInvocationLimitExceeded`); at most 16,
  others are `other`.
* `queue`, `bucket` and the like: at most 1,000 of each, the rest is added up under `overflow` (of ages the largest).
* Label values are cut at 256 bytes; what is not printable ASCII is `?`. No label holds what a request brought: no path, no request id.

A histogram appears with its first observation, an outcome and a reason with the first of theirs.

## Useful questions

```
sum by (function) (rate(hearth_invocations_total{outcome!="success"}[5m]))
histogram_quantile(0.99, sum by (le, function) (rate(hearth_invoke_duration_seconds_bucket[5m])))
sum by (function) (rate(hearth_cold_starts_total[5m])) / sum by (function) (rate(hearth_invocations_total[5m]))
```
)";

std::string_view Title(MetricGroup group) {
  switch (group) {
    case MetricGroup::kInvocations:
      return "Invocations";
    case MetricGroup::kWorkers:
      return "Workers";
    case MetricGroup::kBilling:
      return "Billing";
    case MetricGroup::kEvents:
      return "Asynchronous events";
    case MetricGroup::kQueues:
      return "Queues";
    case MetricGroup::kBuckets:
      return "Buckets";
    case MetricGroup::kLedger:
      return "Ledger";
    case MetricGroup::kStores:
      return "Stores";
    case MetricGroup::kHttp:
      return "HTTP";
    case MetricGroup::kDaemon:
      return "The daemon";
  }
  return "";
}

std::string_view TypeOf(MetricType type) {
  switch (type) {
    case MetricType::kCounter:
      return "counter";
    case MetricType::kGauge:
      return "gauge";
    case MetricType::kHistogram:
      return "histogram";
  }
  return "";
}

std::string_view UnitOf(std::string_view name) {
  if (name.ends_with("_total")) name.remove_suffix(std::string_view("_total").size());
  if (name.ends_with("_gb_seconds")) return "GB·s";
  if (name.ends_with("_seconds")) return "s";
  if (name.ends_with("_bytes")) return "bytes";
  return "";
}

std::string LabelList(std::string_view names) {
  std::string out;
  while (!names.empty()) {
    const size_t comma = std::min(names.find(','), names.size());
    if (!out.empty()) out += ", ";
    out.append("`").append(names.substr(0, comma)).append("`");
    names.remove_prefix(std::min(comma + 1, names.size()));
  }
  return out;
}

std::string Cell(std::string_view text) { return text.empty() ? " " : " " + std::string(text) + " "; }

std::string Row(const MetricDefinition& metric) {
  const std::string otel = metric.otel.empty() ? "" : "`" + std::string(metric.otel) + "`";
  return "|" + Cell("`" + std::string(metric.name) + "`") + "|" + Cell(TypeOf(metric.type)) + "|" +
         Cell(LabelList(metric.labels)) + "|" + Cell(UnitOf(metric.name)) + "|" + Cell(metric.meaning) + "|" +
         Cell(otel) + "|\n";
}

}  // namespace

std::string MetricsPage() {
  std::string page(kHead);
  for (size_t i = 0; i < kMetrics.size(); ++i) {
    if (i == 0 || kMetrics[i].group != kMetrics[i - 1].group) {
      if (i > 0) page += "\n";
      page.append("## ").append(Title(kMetrics[i].group)).append("\n\n");
      page +=
          "| metric | type | labels | unit | meaning | OpenTelemetry |\n| --- | --- | --- | --- | --- | --- "
          "|\n";
    }
    page += Row(kMetrics[i]);
  }
  return page + std::string(kTail);
}

}  // namespace hearth
