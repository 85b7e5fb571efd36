#include "runtime/loop/loop.h"

#include <csignal>

#include <uv.h>

namespace hearth {
namespace {

template <class Handle>
void CloseAndFree(Handle*& handle) {
  if (!handle) return;
  uv_close(reinterpret_cast<uv_handle_t*>(handle),
           [](uv_handle_t* closed) { delete reinterpret_cast<Handle*>(closed); });
  handle = nullptr;
}

}  // namespace

class Loop::TimerEntry final : public Timer::Impl {
 public:
  TimerEntry(Loop& loop, TimerKey key) : loop_(loop), key_(key) {}
  // The uv timer is left armed: it then finds nothing due, which is cheaper than re-arming on every cancel.
  ~TimerEntry() override { loop_.timers_.erase(key_); }

 private:
  Loop& loop_;
  const TimerKey key_;
};

Loop::Loop(const Clock& clock) : clock_(clock), read_buffer_(std::make_unique<char[]>(kReadBufferBytes)) {}

Result<std::unique_ptr<Loop>> Loop::Create(const Clock& clock) {
  std::signal(SIGPIPE, SIG_IGN);
  std::unique_ptr<Loop> loop(new Loop(clock));
  auto uv = std::make_unique<uv_loop_t>();
  if (const int failed = uv_loop_init(uv.get()); failed < 0)
    return ErrnoError("start an event loop", -failed);
  loop->uv_ = std::move(uv);
  loop->wake_ = new uv_async_t;
  const int failed = uv_async_init(loop->raw(), loop->wake_,
                                   [](uv_async_t* wake) { static_cast<Loop*>(wake->data)->RunPosted(); });
  if (failed < 0) {
    delete std::exchange(loop->wake_, nullptr);
    return ErrnoError("start an event loop: make its eventfd", -failed);
  }
  loop->again_ = new uv_idle_t;
  uv_idle_init(loop->raw(), loop->again_);
  loop->timer_ = new uv_timer_t;
  uv_timer_init(loop->raw(), loop->timer_);
  loop->wake_->data = loop->again_->data = loop->timer_->data = loop.get();
  return loop;
}

Loop::~Loop() {
  if (!uv_) return;
  kept_.clear();
  // What is posted but has not run may own objects of this loop.
  std::vector<std::function<void()>> posted;
  {
    const std::lock_guard lock(posted_mutex_);
    posted.swap(posted_);
  }
  posted.clear();
  CHECK_TRUE(timers_.empty());
  CloseAndFree(wake_);
  CloseAndFree(again_);
  CloseAndFree(timer_);
  while (uv_run(raw(), UV_RUN_NOWAIT) != 0 && uv_loop_alive(raw()) != 0) {
    CHECK_TRUE(uv_backend_timeout(raw()) == 0);  // else some Stream, FdWatch, ... outlives its loop
  }
  CHECK_TRUE(uv_loop_close(raw()) == 0);
}

void Loop::Run() {
  thread_ = std::this_thread::get_id();
  uv_run(raw(), UV_RUN_DEFAULT);
  thread_ = std::thread::id();
}

void Loop::Stop() {
  stopping_ = true;
  uv_async_send(wake_);
}

bool Loop::OnLoopThread() const {
  const std::thread::id runner = thread_;
  return runner == std::thread::id() || runner == std::this_thread::get_id();
}

void Loop::Post(std::function<void()> task) {
  bool first;
  {
    const std::lock_guard lock(posted_mutex_);
    first = posted_.empty();
    posted_.push_back(std::move(task));
  }
  if (!first) return;
  if (thread_.load() == std::this_thread::get_id()) {
    uv_idle_start(again_, [](uv_idle_t* again) { static_cast<Loop*>(again->data)->RunPosted(); });
  } else {
    uv_async_send(wake_);
  }
}

void Loop::RunPosted() {
  BeginTurn();
  uv_idle_stop(again_);
  std::vector<std::function<void()>> tasks;
  {
    const std::lock_guard lock(posted_mutex_);
    tasks.swap(posted_);
  }
  for (auto& task : tasks) {
    task();
    task = nullptr;
  }
  if (stopping_.exchange(false)) uv_stop(raw());
}

Timer Loop::After(std::chrono::nanoseconds delay, std::function<void()> task) {
  DCHECK_TRUE(OnLoopThread());
  const uint64_t wait_ns = delay.count() > 0 ? static_cast<uint64_t>(delay.count()) : 0;
  const TimerKey key{uv_hrtime() + wait_ns, next_timer_++};
  timers_.emplace(key, std::move(task));
  ArmTimer();
  return Timer(std::make_unique<TimerEntry>(*this, key));
}

void Loop::ArmTimer() {
  if (timers_.empty()) return;
  const uint64_t due = timers_.begin()->first.first;
  if (armed_until_ != 0 && armed_until_ <= due) return;
  armed_until_ = due;
  const uint64_t now = uv_hrtime();
  const uint64_t wait_ms = due > now ? (due - now + 999'999) / 1'000'000 : 0;
  uv_update_time(raw());  // uv counts from the time it last looked, which may be a long callback ago
  uv_timer_start(
      timer_, [](uv_timer_t* timer) { static_cast<Loop*>(timer->data)->RunTimers(); }, wait_ms, 0);
}

void Loop::RunTimers() {
  BeginTurn();
  armed_until_ = 0;
  const uint64_t now = uv_hrtime();
  while (!timers_.empty() && timers_.begin()->first.first <= now) {
    auto due = timers_.extract(timers_.begin());
    due.mapped()();
  }
  ArmTimer();
}

void Loop::Keep(std::shared_ptr<void> finishing) {
  const void* key = finishing.get();
  kept_.emplace(key, std::move(finishing));
}

void Loop::Forget(const void* finished) {
  auto forgotten = kept_.extract(finished);  // destroyed after the map is whole again
}

}  // namespace hearth
