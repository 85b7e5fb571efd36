#include "runtime/pool/prefetch.h"

#include <catch2/catch.hpp>

namespace hearth {

using std::chrono::hours;

TEST_CASE("how deep events may stand behind one another", "[prefetch]") {
  const PrefetchLimits limits;
  const auto depth = [&](nanoseconds p95, OtherWorkers others) { return PrefetchDepth(limits, p95, others); };
  CHECK(depth(microseconds(5), OtherWorkers::kOneIdle) == 15);
  CHECK(depth(microseconds(30), OtherWorkers::kOneIdle) == 3);
  CHECK(depth(microseconds(100), OtherWorkers::kOneIdle) == 1);
  CHECK(depth(microseconds(101), OtherWorkers::kOneIdle) == 0);  // an idle worker is woken instead
  CHECK(depth(microseconds(101), OtherWorkers::kAllBusy) == 1);
  CHECK(depth(microseconds(5), OtherWorkers::kAllBusy) == 15);
  CHECK(depth(milliseconds(1), OtherWorkers::kAllBusy) == 1);
  CHECK(depth(milliseconds(1) + nanoseconds(1), OtherWorkers::kAllBusy) == 0);
  CHECK(depth(nanoseconds(0), OtherWorkers::kAllBusy) == 15);
}

TEST_CASE("nothing stands behind what is not known, and nothing where that is switched off", "[prefetch]") {
  CHECK(PrefetchDepth({}, std::nullopt, OtherWorkers::kAllBusy) == 0);
  PrefetchLimits off;
  off.events_max = 0;
  CHECK(PrefetchDepth(off, microseconds(1), OtherWorkers::kAllBusy) == 0);
}

TEST_CASE("recent durations: none at first, within a factor of two then", "[prefetch]") {
  RecentDurations recent;
  for (int n = 0; n < 15; ++n) recent.Add(microseconds(20));
  CHECK_FALSE(recent.p95());
  recent.Add(microseconds(20));
  CHECK(*recent.p95() >= microseconds(20));
  CHECK(*recent.p95() <= microseconds(40));
}

TEST_CASE("recent durations: one in twenty counts, one in forty does not", "[prefetch]") {
  RecentDurations often, seldom;
  for (int n = 1; n <= 240; ++n) {
    often.Add(n % 15 == 0 ? milliseconds(10) : microseconds(20));
    seldom.Add(n % 40 == 0 ? milliseconds(10) : microseconds(20));
  }
  CHECK(*often.p95() >= milliseconds(10));
  CHECK(*seldom.p95() < microseconds(50));
}

TEST_CASE("recent durations: what was is forgotten, and nothing is too long or too short", "[prefetch]") {
  RecentDurations recent;
  for (int n = 0; n < 1000; ++n) recent.Add(hours(9));
  CHECK(*recent.p95() >= seconds(274));
  for (int n = 0; n < 2000; ++n) recent.Add(nanoseconds(-5));
  CHECK(*recent.p95() <= nanoseconds(1));
}

}  // namespace hearth
