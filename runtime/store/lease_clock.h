#pragma once

#include <algorithm>
#include <cstdint>

#include "runtime/base/clock.h"

namespace hearth {

// When something happens, on both clocks. Deadlines (visibility, delay, retention, idempotency) are counted
// in `lease_us`, dates that people read in `wall`.
struct StoreTime {
  WallTime wall{};
  int64_t lease_us = 0;
};

// Time that never goes back, not even over a restart: it starts at the wall clock's date or at the last time
// that the store has seen, whichever is later, and then follows the monotonic clock. So a wall clock that is
// stepped back cannot leave a message invisible for ever, and one that is stepped forward while we run ends
// no lease early.
class LeaseClock final {
 public:
  LeaseClock(const Clock& clock, int64_t last_seen_us)
      : clock_(clock),
        start_(clock.Now()),
        start_us_(std::max<int64_t>(clock.WallNow().time_since_epoch().count(), last_seen_us)) {}
  StoreTime Now() const {
    const auto elapsed = std::chrono::duration_cast<std::chrono::microseconds>(clock_.Now() - start_);
    return {clock_.WallNow(), start_us_ + elapsed.count()};
  }

 private:
  const Clock& clock_;
  const MonotonicTime start_;
  const int64_t start_us_;
};

}  // namespace hearth
