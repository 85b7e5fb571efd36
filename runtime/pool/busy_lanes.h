#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/units.h"
#include "runtime/loop/turn_end.h"
#include "runtime/wire/event_lane.h"

namespace hearth {

// A busy worker with a lane, as its loop sees it.
class LaneUser {
 public:
  // Takes the answers that lie in the lane, and says how many there were. May destroy this one and others.
  virtual size_t TakeAnswers(MonotonicTime now) = 0;
  // Sends what was put off until the end of the turn. False: there was nothing. May destroy this one and others.
  virtual bool Wake() = 0;
  // From here on the worker has to ring; false: an answer is there already.
  virtual bool BeginSleep() = 0;
  virtual void EndSleep() = 0;

 protected:
  ~LaneUser() = default;
};

// The lanes of one loop whose workers are busy. At the end of each turn their answers are taken, and the workers woken that
// were given something in it, each once; before the loop sleeps they are told to ring.
//
// Borrows: its users, each until Remove().
// Thread:  loop thread.
// Limits:  kLanesMax lanes at a time, of all workers of the loop: 1 MiB each at most, 4 KiB for each place that is used for
//          short events.
class BusyLanes final {
 public:
  static constexpr uint32_t kLanesMax = 64;
  static constexpr milliseconds kWaitedKnownFor{5};

  // `waited`: how long this thread has been kept waiting for a processor, in all.
  explicit BusyLanes(Loop& loop, std::function<nanoseconds()> waited = RunQueueWaitOfLoop());
  void Add(LaneUser& user);
  void Remove(LaneUser& user);
  // To be made.
  uint32_t& left() { return left_; }
  // For how long, at most, the loop has not run since it went to sleep, though there was something for it, because others
  // had the processor. (What it waited in up to kWaitedKnownFor before that is in it too.)
  nanoseconds KeptWaiting() const { return waited_() - waited_before_; }

 private:
  static std::function<nanoseconds()> RunQueueWaitOfLoop();
  TurnEnd::Next EndTurn();
  void NoteWaited();
  bool LookAtAll(size_t& answers);

  Loop& loop_;
  const std::function<nanoseconds()> waited_;
  MonotonicTime looked_at_{};
  nanoseconds waited_before_{0};
  MonotonicTime waited_noted_at_{};
  std::vector<LaneUser*> users_;  // null: removed in this turn
  uint32_t left_ = kLanesMax;
  std::unique_ptr<TurnEnd> turn_end_;
};

}  // namespace hearth
