#pragma once

#include <array>
#include <functional>
#include <list>

#include "runtime/base/clock.h"
#include "runtime/http/limits.h"

namespace hearth::http {

// What a connection waits for; each has its limit of time. kNothing: its handlers have theirs.
enum class Waiting { kNothing, kIdle, kHead, kBody, kSend };
constexpr size_t kWaitings = 5;

// Deadlines of all connections of a server, without a timer for each: one list for each kind of waiting, in
// the order of entry, which is the order of deadlines since a kind has one duration. Entering is a splice: no
// allocation, no heap. Time is that of the last Sweep(): a deadline fires up to an interval late, never
// early.
// Thread:  loop. Owned by Server; entries are destroyed before it.
class DeadlineLists final {
 public:
  class Entry final {
   public:
    Entry(DeadlineLists& lists, std::function<void(Waiting)> on_overdue);
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    ~Entry();
    // Also restarts the time of the same kind.
    void Enter(Waiting kind);
    Waiting kind() const { return kind_; }

   private:
    friend class DeadlineLists;
    DeadlineLists& lists_;
    const std::function<void(Waiting)> on_overdue_;
    Waiting kind_ = Waiting::kNothing;
    MonotonicTime deadline_;
    std::list<Entry*>::iterator place_;
  };

  DeadlineLists(const Limits& limits, const Clock& clock);
  // A quarter of the shortest limit, at most 250 ms.
  std::chrono::milliseconds interval() const { return interval_; }
  // Looks at the time and calls whatever is overdue; an entry may be destroyed by its call.
  void Sweep();
  bool empty() const;

 private:
  std::list<Entry*>& ListOf(Waiting kind) { return lists_[static_cast<size_t>(kind)]; }

  const Clock& clock_;
  std::array<std::chrono::nanoseconds, kWaitings> limits_;
  std::chrono::milliseconds interval_;
  MonotonicTime now_;
  std::array<std::list<Entry*>, kWaitings> lists_;
};

}  // namespace hearth::http
