#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "runtime/base/units.h"

// When an event is handed to a worker that is busy with another, so that the worker need not sleep between the two:
// decisions as pure functions of values.

namespace hearth {

struct PrefetchLimits {
  size_t events_max = 15;  // that stand behind the one that a worker runs; 0: none ever
  nanoseconds duration_max{
      1'000'000};  // of a function's events, at the 95th percentile: none for longer ones
  nanoseconds wait_beside_idle_max{100'000};  // rather than that an idle worker is woken
  nanoseconds assumed = nanoseconds::max();   // of durations that nobody knows yet
};

// How long the last events took, as far as it matters here: within a factor of two.
class RecentDurations final {
 public:
  void Add(nanoseconds took) {
    const size_t bits = std::bit_width(static_cast<uint64_t>(took.count() > 0 ? took.count() : 0));
    ++counts_[bits < kBuckets ? bits : kBuckets - 1];
    if (++total_ % kLookedAtEvery == 0) Look();
  }
  // Not less than it was; none before there have been enough to tell.
  std::optional<nanoseconds> p95() const { return p95_; }

 private:
  static constexpr size_t kBuckets = 40;  // by the bits of the nanoseconds: up to 9 minutes
  static constexpr uint32_t kLookedAtEvery = 16, kHalvedAt = 256;

  void Look() {
    uint32_t over = 0;
    size_t bucket = kBuckets;
    while (bucket > 0 && (over += counts_[bucket - 1]) * 20 <= total_) --bucket;
    p95_ = nanoseconds(int64_t{1} << (bucket > 0 ? bucket - 1 : 0));
    if (total_ < kHalvedAt) return;
    total_ = 0;
    for (uint32_t& count : counts_) total_ += count /= 2;
  }

  std::array<uint32_t, kBuckets> counts_{};
  uint32_t total_ = 0;
  std::optional<nanoseconds> p95_;
};

// How many events may stand behind the one that runs, if their durations are like this. Beside an idle worker only as
// many as wait no longer than it would take to wake that one up.
enum class OtherWorkers { kAllBusy, kOneIdle };
inline size_t PrefetchDepth(const PrefetchLimits& limits, std::optional<nanoseconds> p95,
                            OtherWorkers others) {
  const nanoseconds each = std::max(p95.value_or(limits.assumed), nanoseconds(1));
  if (each > limits.duration_max) return 0;
  const auto short_wait = static_cast<size_t>(limits.wait_beside_idle_max / each);
  const size_t depth = others == OtherWorkers::kAllBusy && short_wait == 0 ? 1 : short_wait;
  return depth < limits.events_max ? depth : limits.events_max;
}

}  // namespace hearth
