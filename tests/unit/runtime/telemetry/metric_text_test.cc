#include "runtime/telemetry/metric_text.h"

#include <limits>
#include <sstream>
#include <string>

#include <catch2/catch.hpp>

namespace hearth {
namespace {

std::string LineOf(MetricText text, const std::string& begins) {
  std::istringstream lines(std::move(text).Text());
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(begins)) return line.substr(begins.size());
  }
  return "";
}

}  // namespace

TEST_CASE("samples of a metric stand together below its help and type", "[telemetry]") {
  MetricText text;
  text.Write("hearth_cold_starts_total", {"a"}, 1);
  text.Write("hearth_timeouts_total", {"a"}, 2);
  text.Write("hearth_cold_starts_total", {"b"}, 3);
  CHECK(std::move(text).Text() ==
        "# HELP hearth_timeouts_total attempts ended by the function's timeout, init included\n"
        "# TYPE hearth_timeouts_total counter\n"
        "hearth_timeouts_total{function=\"a\"} 2\n"
        "# HELP hearth_cold_starts_total attempts that a worker was made for\n"
        "# TYPE hearth_cold_starts_total counter\n"
        "hearth_cold_starts_total{function=\"a\"} 1\n"
        "hearth_cold_starts_total{function=\"b\"} 3\n");
}

TEST_CASE("label values cannot end their quotes, their line or their encoding", "[telemetry]") {
  MetricText text;
  text.Write("hearth_throttles_total", {"a\"} 1\nb\\", "\xff\x01é"}, 1);
  CHECK(LineOf(std::move(text), "hearth_throttles_total") == R"({function="a\"} 1\nb\\",reason="????"} 1)");
}

TEST_CASE("label value at its limit and one past", "[telemetry]") {
  const std::string longest(MetricText::kLabelBytesMax, 'x');
  MetricText text;
  text.Write("hearth_timeouts_total", {longest}, 1);
  CHECK(LineOf(std::move(text), "hearth_timeouts_total{function=\"" + longest) == "\"} 1");
  MetricText cut;
  cut.Write("hearth_timeouts_total", {longest + "y"}, 1);
  CHECK(LineOf(std::move(cut), "hearth_timeouts_total{function=\"" + longest) == "\"} 1");
}

TEST_CASE("numbers read back the same and large counts have no exponent", "[telemetry]") {
  const auto written = [](double value) {
    MetricText text;
    text.Write("hearth_timeouts_total", {"a"}, value);
    return LineOf(std::move(text), "hearth_timeouts_total{function=\"a\"} ");
  };
  CHECK(written(0) == "0");
  CHECK(written(9'007'199'254'740'992) == "9007199254740992");
  CHECK(written(0.1) == "0.1");
  CHECK(std::stod(written(1.0 / 3)) == 1.0 / 3);
  CHECK(written(std::numeric_limits<double>::infinity()) == "+Inf");
}

TEST_CASE("histogram is cumulative, in seconds, with sum and count", "[telemetry]") {
  CoarseHistogram seen;
  seen.Observe(50'000);
  seen.Observe(50'001);
  seen.Observe(61'000'000'000);
  MetricText text;
  text.Write("hearth_queue_wait_seconds", {"a"}, seen.view());
  const std::string all = std::move(text).Text();
  for (const char* line : {"hearth_queue_wait_seconds_bucket{function=\"a\",le=\"5e-05\"} 1\n",
                           "hearth_queue_wait_seconds_bucket{function=\"a\",le=\"0.0001\"} 2\n",
                           "hearth_queue_wait_seconds_bucket{function=\"a\",le=\"60\"} 2\n",
                           "hearth_queue_wait_seconds_bucket{function=\"a\",le=\"+Inf\"} 3\n",
                           "hearth_queue_wait_seconds_sum{function=\"a\"} 61.000100001\n",
                           "hearth_queue_wait_seconds_count{function=\"a\"} 3\n"}) {
    INFO(line);
    CHECK(all.find(line) != std::string::npos);
  }
}

TEST_CASE("entities at their limit and one past, which is added up as overflow", "[telemetry]") {
  MetricText text;
  for (size_t i = 0; i < MetricText::kEntitiesMax + 2; ++i) {
    for (const char* state : {"idle", "busy"})
      text.Write("hearth_workers", {"f" + std::to_string(i), state}, 3);
  }
  text.Write("hearth_workers", {"overflow", "idle"}, 1);
  CHECK(text.samples() == 2 * MetricText::kEntitiesMax);
  const std::string all = std::move(text).Text();
  CHECK(all.find("hearth_workers{function=\"f999\",state=\"busy\"} 3\n") != std::string::npos);
  CHECK(all.find("f1000") == std::string::npos);
  CHECK(all.find("hearth_workers{function=\"overflow\",state=\"busy\"} 6\n") != std::string::npos);
  CHECK(all.find("hearth_workers{function=\"overflow\",state=\"idle\"} 7\n") != std::string::npos);
}

}  // namespace hearth
