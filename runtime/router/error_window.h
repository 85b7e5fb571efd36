#pragma once

#include <array>
#include <cstdint>

#include "runtime/base/clock.h"
#include "runtime/base/units.h"

namespace hearth {

// How many attempts there were lately, and how many of them failed. Lately: in the last kSlots slots of kSlot, the one
// that runs included, so that an outage shows within minutes however long all was well before.
class ErrorWindow final {
 public:
  static constexpr seconds kSlot{30};
  static constexpr size_t kSlots = 10;

  struct Totals {
    uint64_t requests = 0;
    uint64_t errors = 0;
  };

  void Add(MonotonicTime now, bool failed);
  Totals TotalsAt(MonotonicTime now) const;

 private:
  struct Slot {
    int64_t number = -1;  // since the clock's start
    Totals totals;
  };
  static int64_t NumberOf(MonotonicTime now) { return now.time_since_epoch() / kSlot; }
  std::array<Slot, kSlots> slots_{};
};

// At least `requests_min`, and of them a share of `errors_max` or more failed.
bool ShouldRollBack(const ErrorWindow::Totals& totals, double errors_max, uint64_t requests_min);

}  // namespace hearth
