#pragma once

#include <deque>
#include <map>

#include "runtime/loop/executor.h"

namespace hearth {

// For tests: tasks run when the test says so, time moves when the test says so.
class ManualExecutor final : public Executor {
 public:
  void Post(std::function<void()> task) override { tasks_.push_back(std::move(task)); }
  Timer After(std::chrono::nanoseconds delay, std::function<void()> task) override;
  const Clock& clock() const override { return clock_; }

  ManualClock& manual_clock() { return clock_; }
  static constexpr size_t kPostedMax = 1'000'000;

  // Runs everything posted, including what that posts; more than kPostedMax of it is a fault.
  void RunPosted();
  // Moves time, stopping at each timer that is due on the way; runs what is posted after each.
  void Advance(std::chrono::nanoseconds by);
  size_t timers_armed() const { return timers_.size(); }

 private:
  class ManualTimer;
  using Key = std::pair<MonotonicTime, uint64_t>;

  ManualClock clock_;
  std::deque<std::function<void()>> tasks_;
  std::map<Key, std::function<void()>> timers_;
  uint64_t next_timer_ = 0;
};

}  // namespace hearth
