#include "runtime/pool/phase_clock.h"

#include <algorithm>

namespace hearth {

// The wall clock is read first, here and below: whatever comes between the two reads makes a phase longer, never
// shorter than it was.
void PhaseClock::Begin(const Clock& clock) {
  began_wall_ = clock.WallNow();
  began_ = clock.Now();
}

void PhaseClock::NotBefore(MonotonicTime time) {
  if (time <= began_) return;
  began_wall_ += std::chrono::floor<WallTime::duration>(time - began_);
  began_ = time;
}

nanoseconds PhaseClock::Took(const Clock& clock, std::optional<WallTime> answered_at) const {
  const WallTime wall = clock.WallNow();
  const nanoseconds took = clock.Now() - began_;
  if (!answered_at) return took;
  const nanoseconds stepped = (wall - began_wall_) - took;
  const nanoseconds unread = wall - *answered_at;
  if (stepped > kStepNoticed || stepped < -nanoseconds(kStepNoticed) || unread < nanoseconds(0)) return took;
  return std::max(nanoseconds(0), took - unread);
}

}  // namespace hearth
