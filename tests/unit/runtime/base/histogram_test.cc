#include "runtime/base/histogram.h"

#include <catch2/catch.hpp>

namespace hearth {

TEST_CASE("value at a bound counts below it, one past it above", "[base]") {
  GroupSizeHistogram sizes;
  sizes.Observe(4);
  sizes.Observe(5);
  sizes.Observe(257);
  CHECK(sizes.counts()[2] == 1);
  CHECK(sizes.counts()[3] == 1);
  CHECK(sizes.counts().back() == 1);
  CHECK(sizes.sum() == 266);
  CHECK(sizes.count() == 3);
}

TEST_CASE("bounds of every histogram grow", "[base]") {
  CHECK(std::is_sorted(kDurationBoundsNs.begin(), kDurationBoundsNs.end()));
  CHECK(std::is_sorted(kCoarseBoundsNs.begin(), kCoarseBoundsNs.end()));
  CHECK(std::is_sorted(kMemoryBoundsBytes.begin(), kMemoryBoundsBytes.end()));
  CHECK(std::is_sorted(kGroupSizeBounds.begin(), kGroupSizeBounds.end()));
}

}  // namespace hearth
