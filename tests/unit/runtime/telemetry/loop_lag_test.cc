#include "runtime/telemetry/loop_lag.h"

#include <catch2/catch.hpp>

#include "runtime/loop/manual_executor.h"
#include "runtime/telemetry/metric_text.h"

namespace hearth {

TEST_CASE("each timer is one observation of how late it came", "[telemetry]") {
  ManualExecutor executor;
  LoopLag lag(executor);
  for (int i = 0; i < 3; ++i) executor.Advance(LoopLag::kEvery);
  MetricText text;
  lag.Collect(text);
  const std::string all = std::move(text).Text();
  CHECK(all.find("hearth_loop_lag_seconds_count 3\n") != std::string::npos);
  CHECK(all.find("hearth_loop_lag_seconds_bucket{le=\"5e-05\"} 3\n") != std::string::npos);
  CHECK(all.find("hearth_loop_lag_seconds_sum 0\n") != std::string::npos);
}

}  // namespace hearth
