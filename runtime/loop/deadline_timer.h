#pragma once

#include <functional>
#include <optional>
#include <utility>

#include "runtime/loop/executor.h"

namespace hearth {

// A deadline that is set and lifted for each piece of work, and hardly ever comes: setting it again costs no timer, as
// long as one is under way that fires no later.
//
// Owns:    one timer. Borrows: the executor, which outlives it.
// Thread:  loop thread only.
// Promise: `due` runs once for each Set() whose time has come, no earlier than that, unless it was lifted or set
//          again before.
class DeadlineTimer final {
 public:
  DeadlineTimer(Executor& executor, std::function<void()> due) : executor_(executor), due_(std::move(due)) {}

  void Set(MonotonicTime deadline) {
    deadline_ = deadline;
    if (!timer_.armed() || deadline < fires_at_) Arm();
  }
  void Lift() { deadline_.reset(); }
  bool set() const { return deadline_.has_value(); }

 private:
  void Arm() {
    fires_at_ = *deadline_;
    timer_ = executor_.After(fires_at_ - executor_.clock().Now(), [this] { OnTimer(); });
  }
  void OnTimer() {
    timer_.Cancel();
    if (!deadline_) return;
    if (executor_.clock().Now() < *deadline_) return Arm();
    deadline_.reset();
    due_();
  }

  Executor& executor_;
  const std::function<void()> due_;
  std::optional<MonotonicTime> deadline_;
  MonotonicTime fires_at_{};
  Timer timer_;
};

}  // namespace hearth
