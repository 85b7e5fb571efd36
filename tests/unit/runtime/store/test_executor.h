#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>

#include "runtime/base/check.h"
#include "runtime/base/result.h"
#include "runtime/loop/executor.h"

namespace hearth {

// ManualExecutor for stores, whose threads post: Post() from any thread, RunUntil() waits for them. Time is
// manual. The only wait of real time is for a disk that hangs: kHangs, after which the test aborts.
class TestExecutor final : public Executor {
 public:
  void Post(std::function<void()> task) override {
    {
      const std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(task));
    }
    posted_.notify_one();
  }
  Timer After(std::chrono::nanoseconds delay, std::function<void()> task) override {
    const Key key{clock_.Now() + delay, next_timer_++};
    timers_.emplace(key, std::move(task));
    return Timer(std::make_unique<TestTimer>(*this, key));
  }
  const Clock& clock() const override { return clock_; }
  ManualClock& manual_clock() { return clock_; }
  size_t timers_armed() const { return timers_.size(); }

  void RunUntil(const std::function<bool()>& happened) {
    while (!happened()) {
      std::unique_lock lock(mutex_);
      CHECK_TRUE(posted_.wait_for(lock, kHangs, [this] { return !tasks_.empty(); }));
      auto task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
    }
  }
  // Starts what is due on the way; what that posts runs in the next RunUntil().
  void Advance(std::chrono::nanoseconds by) {
    const MonotonicTime end = clock_.Now() + by;
    while (!timers_.empty() && timers_.begin()->first.first <= end) {
      auto node = timers_.extract(timers_.begin());
      if (node.key().first > clock_.Now()) clock_.Advance(node.key().first - clock_.Now());
      node.mapped()();
    }
    clock_.Advance(end - clock_.Now());
  }

 private:
  static constexpr std::chrono::seconds kHangs{60};
  using Key = std::pair<MonotonicTime, uint64_t>;
  class TestTimer final : public Timer::Impl {
   public:
    TestTimer(TestExecutor& executor, Key key) : executor_(executor), key_(key) {}
    ~TestTimer() override { executor_.timers_.erase(key_); }

   private:
    TestExecutor& executor_;
    const Key key_;
  };

  ManualClock clock_;
  std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::function<void()>> tasks_;  // guarded by mutex_
  std::map<Key, std::function<void()>> timers_;
  uint64_t next_timer_ = 0;
};

// Calls `call(completion)` and runs the executor until the completion has its value.
template <class T, class Call>
Result<T> Await(TestExecutor& executor, Call call) {
  auto result = std::make_shared<std::optional<Result<T>>>();
  call([result](Result<T> value) { result->emplace(std::move(value)); });
  CHECK_TRUE(!result->has_value());  // a completion never runs inside its call
  executor.RunUntil([&] { return result->has_value(); });
  return std::move(**result);
}

}  // namespace hearth
