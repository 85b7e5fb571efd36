#pragma once

#include <algorithm>
#include <cstdint>

#include "runtime/base/units.h"

namespace hearth {

// What an attempt that ran is billed for: init and handler time together, rounded up to whole milliseconds
// once, at least 1 ms. One ceiling of the sum: 22.09 ms + 238.83 ms are 261 ms, not 262 (billing
// reference 1.1). What never ran has no billed duration; do not ask.
constexpr uint64_t BilledMs(nanoseconds init, nanoseconds duration) {
  const auto sum = std::chrono::ceil<milliseconds>(init + duration);
  return static_cast<uint64_t>(std::max<int64_t>(sum.count(), 1));
}

}  // namespace hearth
