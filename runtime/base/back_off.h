#pragma once

#include <algorithm>

#include "runtime/base/random.h"
#include "runtime/base/units.h"

namespace hearth {

// How long to wait before trying again what failed for no fault of its own: doubling from `first` to
// `longest`, of which each wait takes a random part between a half and the whole, so that those who failed
// together do not come back together.
class BackOff final {
 public:
  BackOff(milliseconds first, milliseconds longest) : first_(first), longest_(longest) {}

  milliseconds Next(Random& random) {
    const milliseconds whole = std::min(longest_, first_ * (int64_t{1} << std::min(failures_, 20)));
    ++failures_;
    const int64_t half = whole.count() / 2;
    return milliseconds(half + static_cast<int64_t>(random.Next64() % static_cast<uint64_t>(half + 1)));
  }
  void Reset() { failures_ = 0; }
  int failures() const { return failures_; }

 private:
  const milliseconds first_;
  const milliseconds longest_;
  int failures_ = 0;
};

}  // namespace hearth
