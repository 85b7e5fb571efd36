#pragma once

#include <functional>
#include <string_view>

#include "runtime/base/units.h"
#include "runtime/loop/executor.h"
#include "sandbox/cgroup.h"

namespace hearth {

inline constexpr milliseconds kIdleLingerMax{5};

// Stops all threads of a worker that has nothing to do, after a short linger, until its next event: they would
// run unbilled.
//
// Owns:    a timer. Owned by the worker's channel.
// Borrows: the executor; the group, which may be null: both outlive it.
// Thread:  loop thread.
// States:  kAwake -> kLingering -> kFrozen -> kAwake
// How:     the group's freezer. Where there is none, SIGSTOP: it stops honest threads, but a handler's own
//          timer may send it SIGCONT.
// Limits:  a linger of kIdleLingerMax.
// Failure: a group that cannot be frozen stays awake, and one that cannot be thawed is of no more use; both
//          are told once.
// Promise: events that follow one another within the linger cost no system call.
class IdleFreezer final {
 public:
  // Looked at again so often, this far apart, whether everything stands still.
  static constexpr int kChecksMax = 20;
  static constexpr milliseconds kCheckInterval{1};

  struct Observer {
    std::function<void()> frozen;                       // it has just been frozen
    std::function<void(std::string_view why)> trouble;  // it could not be frozen
  };

  IdleFreezer(Executor& executor, nanoseconds linger, Cgroup* group, Observer observer)
      : linger_(linger), group_(group), observer_(std::move(observer)), executor_(executor) {}

  // From here on it can be stopped; the descriptor is the worker's, and stays open as long as this.
  void SetProcess(int pidfd) { pidfd_ = pidfd; }
  // It has nothing to do.
  void BeginIdle(MonotonicTime since);
  // It is to get a frame: thaws it.
  Status EndIdle();
  bool frozen() const { return state_ == State::kFrozen; }
  // It is another loop's to freeze from here on, or this one's again as that one left it.
  void Leave();
  void Resume(Frozen frozen);

 private:
  enum class State { kAwake, kLingering, kFrozen };

  void Linger(nanoseconds left);
  void OnLinger();
  void Check(int checks_left);
  Status Stop(Frozen frozen);

  // Constant after construction.
  const nanoseconds linger_;
  Cgroup* const group_;
  const Observer observer_;
  // Borrowed.
  Executor& executor_;
  // Mutable.
  int pidfd_ = -1;
  State state_ = State::kAwake;
  MonotonicTime idle_since_{};
  Timer timer_;  // of the linger; it may fire while the worker is busy again, and then finds nothing to do
  Timer check_;
  bool told_ = false;
};

}  // namespace hearth
