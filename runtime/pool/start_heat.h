#pragma once

#include <array>
#include <cstdint>

#include "runtime/base/clock.h"
#include "runtime/base/units.h"

namespace hearth {

// Whether a function keeps needing workers that are not there: then one is kept ahead of its events. Needing many at one
// moment does not count, nor does what is over: they were started in at least kSlotsHot of the last kSlots pieces of time.
class StartHeat final {
 public:
  static constexpr seconds kSlot{10};
  static constexpr size_t kSlots = 6;
  static constexpr size_t kSlotsHot = 3;

  // A worker was started that no commitment keeps: for an event, or in place of a spare one that was taken.
  void OnStart(MonotonicTime now) {
    const uint64_t slot = SlotOf(now);
    slots_[slot % kSlots] = slot + 1;
  }
  bool IsHot(MonotonicTime now) const {
    const uint64_t last = SlotOf(now) + 1;
    size_t with_starts = 0;
    for (const uint64_t slot : slots_) with_starts += slot != 0 && slot + kSlots > last && slot <= last;
    return with_starts >= kSlotsHot;
  }

 private:
  static uint64_t SlotOf(MonotonicTime now) { return static_cast<uint64_t>(now.time_since_epoch() / kSlot); }

  std::array<uint64_t, kSlots> slots_{};  // the number of each that had a start, and 1; 0: none
};

}  // namespace hearth
