#include "runtime/router/init_back_off.h"

#include <algorithm>
#include <utility>

namespace hearth {

milliseconds InitBackOff::DelayAfter(size_t failures) {
  const size_t doublings = std::min<size_t>(failures - kFailures, 6);
  return std::min(kDelay * (1 << doublings), kDelayMax);
}

std::optional<InitBackOff::Refusal> InitBackOff::Admit(uint64_t version, MonotonicTime now) {
  const auto found = failing_.find(version);
  if (found == failing_.end() || found->second.failures < kFailures) return std::nullopt;
  Failing& failing = found->second;
  if (now >= failing.until) {
    failing.until = now + DelayAfter(failing.failures);
    return std::nullopt;
  }
  return Refusal{failing.failures, std::chrono::ceil<milliseconds>(failing.until - now), failing.why};
}

void InitBackOff::OnFailed(uint64_t version, std::string why, MonotonicTime now) {
  Failing& failing = failing_[version];
  ++failing.failures;
  failing.why = std::move(why);
  if (failing.failures >= kFailures) failing.until = now + DelayAfter(failing.failures);
}

}  // namespace hearth
