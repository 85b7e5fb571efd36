#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/loop/executor.h"

struct uv_loop_s;
struct uv_async_s;
struct uv_idle_s;
struct uv_timer_s;

namespace hearth {

// One event loop on one thread: the owner of all mutable state it calls back into. The only user of libuv is
// this folder.
//
// Owns:    the uv loop; one uv timer that serves every Timer; the buffer that all streams read into. Owned by
//          main (hearthd) or a test. Create() makes the process ignore SIGPIPE: a peer that has gone is an
//          error of the write.
// Thread:  Run() on one thread, which is then the loop's; Post() and Stop() from any.
// Promise: no callback runs after the object it belongs to (Timer, FdWatch, Stream, Listener) is destroyed.
// Failure: an object of the loop that outlives it is a bug: the destructor aborts.
class Loop final : public Executor {
 public:
  static Result<std::unique_ptr<Loop>> Create(const Clock& clock);
  ~Loop() override;

  void Run();   // until Stop()
  void Stop();  // Run() returns after the current turn; before Run(), after its first turn
  void Post(std::function<void()> task) override;
  Timer After(std::chrono::nanoseconds delay, std::function<void()> task) override;
  const Clock& clock() const override { return clock_; }
  bool OnLoopThread() const;  // also true while nobody runs the loop
  // When the first callback of this turn ran, which is when the loop woke, if it slept; now, if none has.
  MonotonicTime TurnBegan() const { return turn_began_.value_or(clock_.Now()); }

  // For this folder only.
  uv_loop_s* raw() { return uv_.get(); }
  char* read_buffer() { return read_buffer_.get(); }  // kReadBufferBytes, valid within one read callback
  void BeginTurn() {                                  // by each callback, first of all
    if (!turn_began_) turn_began_ = clock_.Now();
  }
  void EndTurn() { turn_began_.reset(); }
  void Keep(std::shared_ptr<void> finishing);  // until Forget(), or the loop ends
  void Forget(const void* finished);

  // One read takes at most this much: a body of 6 MiB costs about 100 reads, and the buffer stays in a core's
  // L2 cache.
  static constexpr size_t kReadBufferBytes = 64 << 10;

 private:
  class TimerEntry;
  using TimerKey = std::pair<uint64_t, uint64_t>;  // due (uv_hrtime, ns), sequence

  explicit Loop(const Clock& clock);
  void RunPosted();
  void RunTimers();
  void ArmTimer();

  // Constant after construction.
  const Clock& clock_;
  std::unique_ptr<uv_loop_s> uv_;
  std::unique_ptr<char[]> read_buffer_;
  uv_async_s* wake_ = nullptr;  // these three: freed by their close callback
  uv_idle_s* again_ =
      nullptr;  // runs while the loop's own thread has posted something: no eventfd round trip
  uv_timer_s* timer_ = nullptr;  // for the earliest of timers_

  std::atomic<std::thread::id> thread_;  // default: nobody runs the loop
  std::atomic<bool> stopping_ = false;
  std::mutex posted_mutex_;
  std::vector<std::function<void()>> posted_;  // guarded by posted_mutex_
  std::map<TimerKey, std::function<void()>> timers_;
  uint64_t next_timer_ = 0;
  std::optional<MonotonicTime> turn_began_;
  uint64_t armed_until_ = 0;  // 0: the uv timer is not armed
  std::map<const void*, std::shared_ptr<void>> kept_;
};

}  // namespace hearth
