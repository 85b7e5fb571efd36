#include "triggers/queue/concurrency_window.h"

#include <algorithm>

namespace hearth {

ConcurrencyWindow::ConcurrencyWindow(size_t most)
    : most_(most),
      allowed_(static_cast<double>(std::min(most, kFirst))),
      doubles_below_(static_cast<double>(most)) {}

void ConcurrencyWindow::SetMost(size_t most) {
  if (doubles_below_ >= static_cast<double>(most_)) doubles_below_ = static_cast<double>(most);
  most_ = most;
  allowed_ = std::min(allowed_, static_cast<double>(most));
}

void ConcurrencyWindow::OnRan(size_t under_way) {
  if (under_way < allowed()) return;
  allowed_ += allowed_ < doubles_below_ ? 1 : 1 / allowed_;
  allowed_ = std::min(allowed_, static_cast<double>(most_));
}

void ConcurrencyWindow::OnThrottled(uint64_t epoch) {
  if (epoch < epoch_) return;
  ++epoch_;
  allowed_ = std::max(1.0, static_cast<double>(allowed() / 2));
  doubles_below_ = allowed_;
}

}  // namespace hearth
