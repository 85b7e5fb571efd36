#include "runtime/base/clock.h"

#include <time.h>

#include <cstdio>

namespace hearth {
namespace {

std::string FormatMillis(WallTime time, const char* zone) {
  const auto millis = std::chrono::floor<std::chrono::milliseconds>(time);
  const auto whole = std::chrono::floor<std::chrono::seconds>(millis);
  const time_t seconds = whole.time_since_epoch().count();
  tm parts{};
  gmtime_r(&seconds, &parts);
  char date[32];
  strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
  char text[48];
  std::snprintf(text, sizeof text, "%s.%03d%s", date, static_cast<int>((millis - whole).count()), zone);
  return text;
}

}  // namespace

MonotonicTime SystemClock::Now() const { return std::chrono::steady_clock::now(); }

WallTime SystemClock::WallNow() const {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

void ManualClock::Advance(std::chrono::nanoseconds by) {
  now_ += by;
  wall_ += std::chrono::duration_cast<std::chrono::microseconds>(by);
}

std::string ToIso8601Millis(WallTime time) { return FormatMillis(time, "Z"); }
std::string ToLambdaTimestamp(WallTime time) { return FormatMillis(time, "+0000"); }

}  // namespace hearth
