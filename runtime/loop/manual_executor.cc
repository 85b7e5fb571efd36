#include "runtime/loop/manual_executor.h"

#include "runtime/base/check.h"

namespace hearth {

class ManualExecutor::ManualTimer final : public Timer::Impl {
 public:
  ManualTimer(ManualExecutor& executor, Key key) : executor_(executor), key_(key) {}
  ~ManualTimer() override { executor_.timers_.erase(key_); }

 private:
  ManualExecutor& executor_;
  const Key key_;
};

Timer ManualExecutor::After(std::chrono::nanoseconds delay, std::function<void()> task) {
  const Key key{clock_.Now() + delay, next_timer_++};
  timers_.emplace(key, std::move(task));
  return Timer(std::make_unique<ManualTimer>(*this, key));
}

void ManualExecutor::RunPosted() {
  for (size_t ran = 0; !tasks_.empty(); ++ran) {
    CHECK_TRUE(ran < kPostedMax);  // tasks post each other without end
    auto task = std::move(tasks_.front());
    tasks_.pop_front();
    task();
  }
}

void ManualExecutor::Advance(std::chrono::nanoseconds by) {
  const MonotonicTime end = clock_.Now() + by;
  RunPosted();
  while (!timers_.empty() && timers_.begin()->first.first <= end) {
    auto node = timers_.extract(timers_.begin());
    if (node.key().first > clock_.Now()) clock_.Advance(node.key().first - clock_.Now());
    node.mapped()();
    RunPosted();
  }
  clock_.Advance(end - clock_.Now());
}

}  // namespace hearth
