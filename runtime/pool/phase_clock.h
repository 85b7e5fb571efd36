#pragma once

#include <optional>

#include "runtime/base/clock.h"
#include "runtime/base/units.h"

namespace hearth {

// How long a worker took for an init or an event: from the moment before the frame went to it until the kernel took its
// answer. What the answer then lies unread, because this process was asleep or busy, is nobody's to pay.
//
// The kernel's stamp is of the wall clock, which may be set at any moment. It counts only while the wall clock and the
// monotonic one have kept their distance since the phase began; otherwise, and for ends without an answer, the phase
// ends when that is noticed.
class PhaseClock final {
 public:
  // How far the distance may seem to have moved: the two clocks are read one after the other. What one step of the
  // wall clock that is smaller can be worth, too.
  static constexpr microseconds kStepNoticed{100};

  void Begin(const Clock& clock);
  // It cannot have begun before.
  void NotBefore(MonotonicTime time);
  MonotonicTime began() const { return began_; }
  WallTime began_wall() const { return began_wall_; }
  // Until now, or until `answered_at` where that can be relied on; never negative.
  nanoseconds Took(const Clock& clock, std::optional<WallTime> answered_at) const;

 private:
  MonotonicTime began_{};
  WallTime began_wall_{};
};

}  // namespace hearth
