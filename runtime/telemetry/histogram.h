#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "runtime/base/units.h"

namespace hearth {

// Upper bounds in nanoseconds: 50 µs to 15 min (the longest timeout), about 2.5 apart. A warm invocation
// takes 100 µs, so the usual buckets from 5 ms up would say nothing here.
inline constexpr std::array<uint64_t, 22> kDurationBucketsNs = {
    50'000,         100'000,         250'000,         500'000,        1'000'000,      2'500'000,
    5'000'000,      10'000'000,      25'000'000,      50'000'000,     100'000'000,    250'000'000,
    500'000'000,    1'000'000'000,   2'500'000'000,   5'000'000'000,  10'000'000'000, 30'000'000'000,
    60'000'000'000, 120'000'000'000, 300'000'000'000, 900'000'000'000};

// Durations by bucket, not cumulative; the last counts what is over every bound.
// Thread: one.
class DurationHistogram final {
 public:
  void Observe(uint64_t ns) {
    const auto bound = std::lower_bound(kDurationBucketsNs.begin(), kDurationBucketsNs.end(), ns);
    ++counts_[static_cast<size_t>(bound - kDurationBucketsNs.begin())];
    sum_ns_ += ns;
  }
  const std::array<uint64_t, kDurationBucketsNs.size() + 1>& counts() const { return counts_; }
  uint64_t sum_ns() const { return sum_ns_; }

 private:
  std::array<uint64_t, kDurationBucketsNs.size() + 1> counts_{};
  uint64_t sum_ns_ = 0;
};

}  // namespace hearth
