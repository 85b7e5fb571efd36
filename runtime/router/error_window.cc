#include "runtime/router/error_window.h"

namespace hearth {

void ErrorWindow::Add(MonotonicTime now, bool failed) {
  const int64_t number = NumberOf(now);
  Slot& slot = slots_[static_cast<size_t>(number) % kSlots];
  if (slot.number != number) slot = {number, {}};
  ++slot.totals.requests;
  slot.totals.errors += failed ? 1 : 0;
}

ErrorWindow::Totals ErrorWindow::TotalsAt(MonotonicTime now) const {
  const int64_t last = NumberOf(now);
  Totals all;
  for (const Slot& slot : slots_) {
    if (slot.number < 0 || slot.number + static_cast<int64_t>(kSlots) <= last) continue;
    all.requests += slot.totals.requests;
    all.errors += slot.totals.errors;
  }
  return all;
}

bool ShouldRollBack(const ErrorWindow::Totals& totals, double errors_max, uint64_t requests_min) {
  if (errors_max <= 0 || totals.requests < requests_min || totals.errors == 0) return false;
  return static_cast<double>(totals.errors) >= errors_max * static_cast<double>(totals.requests);
}

}  // namespace hearth
