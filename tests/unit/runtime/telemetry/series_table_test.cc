#include "runtime/telemetry/series_table.h"

#include <catch2/catch.hpp>

namespace hearth {

TEST_CASE("samples are counted as they are written, and given back with their function", "[telemetry]") {
  SeriesTable table({.functions_max = 10, .series_max = 1'000, .is_deployed = {}});
  for (const char* name : {"a", "b"}) {
    FunctionSeries& series = table.For(name);
    InvocationRecord record;
    record.function = name;
    record.version = "1";
    table.CountAttempt(series, record);
    table.CountAttempt(series, record);
    record.outcome = OutcomeKind::kTimeout;
    table.CountAttempt(series, record);
    record.version = "2";
    record.plan = Plan::kSpot;
    table.CountAttempt(series, record);
    table.CountBilled(series, record);
    table.CountCrash(series, CrashCause::kExit);
    table.CountThrottle(series, "x");
    table.Observe(series, &FunctionSeries::invoke_duration, 1);
    table.Observe(series, &FunctionSeries::worker_start, 1);
  }
  MetricText text;
  table.Copy().Write(text);
  CHECK(text.samples() == table.samples());
  table.ForgetVersion("b", "2");
  table.Forget("a");
  MetricText half;
  table.Copy().Write(half);
  CHECK(half.samples() == table.samples());
  table.Forget("b");
  table.Forget("b");
  CHECK(table.samples() == 0);
  CHECK(table.functions() == 0);
}

TEST_CASE("throttle reasons at their limit and one past", "[telemetry]") {
  SeriesTable table({.functions_max = 10, .series_max = 1'000, .is_deployed = {}});
  for (size_t i = 0; i <= kThrottleReasonsMax; ++i) table.CountThrottle(table.For("a"), std::to_string(i));
  MetricText text;
  table.Copy().Write(text);
  const std::string all = std::move(text).Text();
  CHECK(all.find(R"(hearth_throttles_total{function="a",reason="15"} 1)") != std::string::npos);
  CHECK(all.find(R"(hearth_throttles_total{function="a",reason="16"} 1)") == std::string::npos);
  CHECK(all.find(R"(hearth_throttles_total{function="a",reason="other"} 1)") != std::string::npos);
}

}  // namespace hearth
