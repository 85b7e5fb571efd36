#include "runtime/base/clock.h"

#include <catch2/catch.hpp>

namespace hearth {

using namespace std::chrono_literals;

TEST_CASE("times in the forms of AWS", "[base]") {
  const WallTime time =
      std::chrono::sys_days(std::chrono::year(2026) / 11 / 23) + 9h + 11min + 50s + 911999us;
  CHECK(ToIso8601Millis(time) == "2026-11-23T09:11:50.911Z");
  CHECK(ToLambdaTimestamp(time) == "2026-11-23T09:11:50.911+0000");
}

TEST_CASE("milliseconds are cut off, also before 1970 and on a leap day", "[base]") {
  CHECK(ToIso8601Millis(WallTime(0us)) == "1970-01-01T00:00:00.000Z");
  CHECK(ToIso8601Millis(WallTime(-1us)) == "1969-12-31T23:59:59.999Z");
  CHECK(ToIso8601Millis(std::chrono::sys_days(std::chrono::year(2028) / 2 / 29) + 999us) ==
        "2028-02-29T00:00:00.000Z");
}

TEST_CASE("manual time moves both clocks, stepping the wall moves one", "[base]") {
  ManualClock clock;
  const MonotonicTime begun = clock.Now();
  const WallTime wall = clock.WallNow();
  clock.Advance(1500us);
  CHECK(clock.Now() - begun == 1500us);
  CHECK(clock.WallNow() - wall == 1500us);
  clock.SetWall(wall - 24h);
  CHECK(clock.Now() - begun == 1500us);
  CHECK(clock.WallNow() == wall - 24h);
}

TEST_CASE("the system's monotonic clock does not go back", "[base]") {
  const SystemClock clock;
  const MonotonicTime first = clock.Now();
  CHECK(clock.Now() >= first);
  CHECK(clock.WallNow() > std::chrono::sys_days(std::chrono::year(2024) / 1 / 1));
}

}  // namespace hearth
