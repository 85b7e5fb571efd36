#include <time.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <thread>

#include <hearth/hearth.h>

// Sleeps or spins for "us" microseconds and says how long it was at it by its own CLOCK_MONOTONIC:
// {"do": "spin", "us": 500} answers {"own_ns": 500123}. What it is billed is held against that.

namespace {

using hearth::json;

std::int64_t NowNs() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

json Measure(const json& order) {
  const std::int64_t began = NowNs();
  const std::int64_t ns = order.value("us", std::int64_t{0}) * 1'000;
  if (order.value("do", "sleep") == "spin") {
    while (NowNs() < began + ns) {
    }
  } else {
    std::this_thread::sleep_for(std::chrono::nanoseconds(ns));
  }
  return {{"own_ns", NowNs() - began}};
}

}  // namespace

HEARTH_HANDLER(Measure);
