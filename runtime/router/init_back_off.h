#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "runtime/base/clock.h"
#include "runtime/base/units.h"

namespace hearth {

// A version whose init fails again and again is left alone for a while: each event would cost a fork and an init, up to
// its limit, for nothing. A handler that crashes at events is another matter: the next event may be a good one.
//
// After kFailures in a row nothing is begun for kDelay; then one event is let through, and if its init fails too the
// delay doubles, up to kDelayMax. One init that succeeds ends it.
class InitBackOff final {
 public:
  static constexpr size_t kFailures = 5;
  static constexpr milliseconds kDelay{1'000};
  static constexpr milliseconds kDelayMax{60'000};

  struct Refusal {
    size_t failures = 0;
    milliseconds left{0};
    std::string why;  // how the last one failed
  };
  // `version` is a generation. Empty: the event may go, and where it is the one that is let through, no other does
  // before the delay is over again.
  std::optional<Refusal> Admit(uint64_t version, MonotonicTime now);
  void OnFailed(uint64_t version, std::string why, MonotonicTime now);
  void Forget(uint64_t version) { failing_.erase(version); }  // it was initialised, or is gone
  bool empty() const { return failing_.empty(); }

 private:
  struct Failing {
    size_t failures = 0;
    MonotonicTime until{};
    std::string why;
  };
  static milliseconds DelayAfter(size_t failures);
  std::map<uint64_t, Failing> failing_;
};

}  // namespace hearth
