#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace hearth {

// Upper bounds in nanoseconds: 50 µs to 15 min (the longest timeout), about 2.5 apart. A warm invocation
// takes 100 µs, so the usual buckets from 5 ms up would say nothing here.
inline constexpr std::array<uint64_t, 22> kDurationBoundsNs = {
    50'000,         100'000,         250'000,         500'000,        1'000'000,      2'500'000,
    5'000'000,      10'000'000,      25'000'000,      50'000'000,     100'000'000,    250'000'000,
    500'000'000,    1'000'000'000,   2'500'000'000,   5'000'000'000,  10'000'000'000, 30'000'000'000,
    60'000'000'000, 120'000'000'000, 300'000'000'000, 900'000'000'000};
// For what is not the handler's own time: half the buckets, since each is a line of each function's scrape.
inline constexpr std::array<uint64_t, 12> kCoarseBoundsNs = {
    50'000,     100'000,    250'000,     500'000,       1'000'000,      2'500'000,
    10'000'000, 50'000'000, 250'000'000, 1'000'000'000, 10'000'000'000, 60'000'000'000};
// Bytes: 4 MiB (a worker that does nothing) to 10 GiB (the largest function).
inline constexpr std::array<uint64_t, 10> kMemoryBoundsBytes = {
    uint64_t{4} << 20,    uint64_t{16} << 20,    uint64_t{64} << 20,   uint64_t{128} << 20,
    uint64_t{256} << 20,  uint64_t{512} << 20,   uint64_t{1024} << 20, uint64_t{2048} << 20,
    uint64_t{4096} << 20, uint64_t{10'240} << 20};
// Operations that share a commit; 256 is the largest group.
inline constexpr std::array<uint64_t, 9> kGroupSizeBounds = {1, 2, 4, 8, 16, 32, 64, 128, 256};

// What a histogram says, without its bounds in its type.
struct HistogramView {
  std::span<const uint64_t> bounds;
  std::span<const uint64_t> counts;  // one more than bounds, not cumulative
  uint64_t sum = 0;
};

// Integers (nanoseconds, bytes, things) by bucket; the last bucket counts what is over every bound.
// Thread: one.
template <const auto& kBounds>
class Histogram final {
 public:
  static constexpr size_t kBuckets = kBounds.size() + 1;

  void Observe(uint64_t value) {
    const auto bound = std::lower_bound(kBounds.begin(), kBounds.end(), value);
    ++counts_[static_cast<size_t>(bound - kBounds.begin())];
    sum_ += value;
    ++count_;
  }
  const std::array<uint64_t, kBuckets>& counts() const { return counts_; }
  uint64_t sum() const { return sum_; }
  uint64_t count() const { return count_; }
  HistogramView view() const { return {kBounds, counts_, sum_}; }

 private:
  std::array<uint64_t, kBuckets> counts_{};
  uint64_t sum_ = 0;
  uint64_t count_ = 0;
};

using DurationHistogram = Histogram<kDurationBoundsNs>;
using CoarseHistogram = Histogram<kCoarseBoundsNs>;
using MemoryHistogram = Histogram<kMemoryBoundsBytes>;
using GroupSizeHistogram = Histogram<kGroupSizeBounds>;

}  // namespace hearth
