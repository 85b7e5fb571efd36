#include "runtime/router/concurrency_limits.h"

namespace hearth {

void ConcurrencyLimits::Reserve(std::string_view function, std::optional<size_t> reserved) {
  Use& use = uses_[std::string(function)];
  use.gone = false;
  reserved_ += reserved.value_or(0);
  reserved_ -= use.reserved.value_or(0);
  shared_ -= use.OnShared();
  use.reserved = reserved;
  shared_ += use.OnShared();
}

ConcurrencyLimits::Verdict ConcurrencyLimits::Check(std::string_view function) const {
  const auto use = uses_.find(function);
  if (use != uses_.end() && use->second.reserved) {
    if (*use->second.reserved == 0) return Verdict::kFunctionOff;
    if (use->second.under_way < *use->second.reserved) return Verdict::kAdmit;
  }
  return shared_ < shared_max() ? Verdict::kAdmit : Verdict::kAccountFull;
}

ConcurrencyLimits::Pass ConcurrencyLimits::Enter(const std::string& function) {
  const auto place = uses_.try_emplace(function).first;
  Use& use = place->second;
  shared_ -= use.OnShared();
  ++use.under_way;
  shared_ += use.OnShared();
  return Pass(*this, place);
}

void ConcurrencyLimits::Leave(Uses::iterator place) {
  Use& use = place->second;
  shared_ -= use.OnShared();
  --use.under_way;
  shared_ += use.OnShared();
  if (use.gone && use.under_way == 0) uses_.erase(place);
}

void ConcurrencyLimits::Forget(std::string_view function) {
  const auto place = uses_.find(function);
  if (place == uses_.end()) return;
  Reserve(function, std::nullopt);
  place->second.gone = true;
  if (place->second.under_way == 0) uses_.erase(place);
}

}  // namespace hearth
