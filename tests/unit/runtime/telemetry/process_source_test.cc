#include "runtime/telemetry/process_source.h"

#include <unistd.h>

#include <vector>

#include <catch2/catch.hpp>

#include "runtime/base/unique_fd.h"
#include "runtime/telemetry/metric_text.h"

namespace hearth {
namespace {

double Value(const SystemClock& clock, const std::string& name) {
  MetricText text;
  ProcessSource(clock).Collect(text);
  const std::string all = "\n" + std::move(text).Text();
  const size_t at = all.find("\n" + name + " ");
  REQUIRE(at != std::string::npos);
  return std::stod(all.substr(at + name.size() + 2));
}

}  // namespace

TEST_CASE("process figures are those of this process", "[telemetry]") {
  const SystemClock clock;
  const double fds = Value(clock, "process_open_fds");
  CHECK(fds >= 3);
  std::vector<UniqueFd> more;
  for (int i = 0; i < 10; ++i) more.emplace_back(::dup(1));
  CHECK(Value(clock, "process_open_fds") == fds + 10);
  CHECK(Value(clock, "process_max_fds") >= fds);
  CHECK(Value(clock, "process_resident_memory_bytes") > 1 << 20);
  CHECK(Value(clock, "process_virtual_memory_bytes") > Value(clock, "process_resident_memory_bytes"));
  CHECK(Value(clock, "process_cpu_seconds_total") > 0);
  CHECK(Value(clock, "process_start_time_seconds") > 1.7e9);
}

}  // namespace hearth
