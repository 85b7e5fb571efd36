#pragma once

#include <cstddef>
#include <cstdint>

namespace hearth {

// How many batches of a mapping may be under way: grows while they run, halves when the function is throttled
// (AIMD, as TCP does it). A pure decision.
//
// It begins with kFirst (AWS: five pollers). Until the first throttle each batch that ran raises it by one, which
// doubles it a round; after that a whole round raises it by one. A throttle halves it, at most once for all
// batches that began before: those are answers to the same question. It never falls below one, the probe.
class ConcurrencyWindow final {
 public:
  static constexpr size_t kFirst = 5;

  explicit ConcurrencyWindow(size_t most);
  // Holds at once; what was learned stays.
  void SetMost(size_t most);
  size_t allowed() const { return static_cast<size_t>(allowed_); }
  size_t most() const { return most_; }

  // What a batch takes along when it begins, and says when it is throttled.
  uint64_t epoch() const { return epoch_; }
  // A batch ran, whatever came of it; `under_way` counts it. A window that was not full says nothing.
  void OnRan(size_t under_way);
  void OnThrottled(uint64_t epoch);

 private:
  size_t most_;
  double allowed_;
  double doubles_below_;
  uint64_t epoch_ = 0;
};

}  // namespace hearth
