#include "runtime/telemetry/loop_lag.h"

#include <algorithm>

namespace hearth {

void LoopLag::Arm() {
  timer_ = executor_.After(kEvery, [this, due = executor_.clock().Now() + kEvery] {
    const nanoseconds late = std::max(executor_.clock().Now() - due, nanoseconds(0));
    lag_.Observe(static_cast<uint64_t>(late.count()));
    Arm();
  });
}

}  // namespace hearth
