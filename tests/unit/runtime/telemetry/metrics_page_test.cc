#include "runtime/telemetry/metrics_page.h"

#include <cstdlib>
#include <set>
#include <string>

#include <catch2/catch.hpp>

#include "runtime/base/files.h"
#include "runtime/model/metric_definitions.h"

namespace hearth {

TEST_CASE("docs/metrics.md is what the table of metrics makes", "[telemetry]") {
  const std::string path = HEARTH_SOURCE_DIR "/docs/metrics.md";
  if (std::getenv("HEARTH_REGENERATE") != nullptr) REQUIRE(WriteFileAtomically(path, MetricsPage()).ok());
  const auto page = ReadFile(path);
  REQUIRE(page.ok());
  INFO("make it again: HEARTH_REGENERATE=1 ./dev test -R metrics.md");
  CHECK(*page == MetricsPage());
}

TEST_CASE("names of metrics follow Prometheus: prefix, base units, _total for counters alone",
          "[telemetry]") {
  std::set<std::string_view> names;
  for (const MetricDefinition& metric : kMetrics) {
    INFO(metric.name);
    CHECK(names.insert(metric.name).second);
    CHECK((metric.name.starts_with("hearth_") || metric.name.starts_with("process_")));
    CHECK(metric.name.ends_with("_total") == (metric.type == MetricType::kCounter));
    for (const char* unit : {"_ms", "_milliseconds", "_kb", "_mb", "_minutes"})
      CHECK(metric.name.find(unit) == std::string_view::npos);
    CHECK_FALSE(metric.meaning.empty());
    CHECK(metric.meaning.find_first_of("|\n\\") == std::string_view::npos);
  }
}

TEST_CASE("metrics of a group stand together", "[telemetry]") {
  std::set<MetricGroup> ended;
  for (size_t i = 1; i < kMetrics.size(); ++i) {
    if (kMetrics[i].group != kMetrics[i - 1].group) ended.insert(kMetrics[i - 1].group);
    INFO(kMetrics[i].name);
    CHECK_FALSE(ended.contains(kMetrics[i].group));
  }
}

}  // namespace hearth
