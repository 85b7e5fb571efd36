#include "runtime/meter/billed_duration.h"

#include <catch2/catch.hpp>

namespace hearth {

using namespace std::chrono_literals;

TEST_CASE("billed duration: golden vectors", "[meter]") {
  CHECK(BilledMs(0ns, 27'550us) == 28);
  CHECK(BilledMs(0ns, 693'920us) == 694);
  CHECK(BilledMs(22'090us, 238'830us) == 261);  // one ceiling of the sum
  CHECK(BilledMs(450'450us, 3'000ms) == 3451);  // timeout: full timeout and init
  CHECK(BilledMs(0ns, 400ns) == 1);
  CHECK(BilledMs(203'690us, 38'660us) == 243);
}

TEST_CASE("billed duration: whole milliseconds stay, one nanosecond more is the next", "[meter]") {
  CHECK(BilledMs(0ns, 0ns) == 1);
  CHECK(BilledMs(0ns, 1ms) == 1);
  CHECK(BilledMs(0ns, 1ms + 1ns) == 2);
  CHECK(BilledMs(0ns, 900s) == 900'000);
  CHECK(BilledMs(999'999ns, 1ns) == 1);
}

}  // namespace hearth
