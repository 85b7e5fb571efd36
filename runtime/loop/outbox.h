#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "runtime/base/units.h"
#include "runtime/loop/executor.h"

namespace hearth {

// What one loop has to tell another, in order: tasks that run there. Many go over together, so that neither loop wakes
// the other for each, and the lock of the other's queue is taken once for all of them.
//
// Borrows: both executors; they outlive it.
// Thread:  that of `from`. A task is destroyed on either thread: it owns nothing that cares.
// Limits:  a task waits kLinger at most, while `from` runs.
class Outbox final {
 public:
  static constexpr milliseconds kLinger{1};

  Outbox(Executor& from, Executor& to) : from_(from), to_(to) {}

  // Goes with the next that is sent, or after kLinger.
  void Put(std::function<void()> task) {
    tasks_.push_back(std::move(task));
    if (!timer_.armed()) timer_ = from_.After(kLinger, [this] { Flush(); });
  }
  // Goes at once, behind those that were put before.
  void Send(std::function<void()> task) {
    tasks_.push_back(std::move(task));
    Flush();
  }
  void Flush() {
    timer_.Cancel();
    if (tasks_.empty()) return;
    to_.Post([tasks = std::exchange(tasks_, {})] {
      for (const std::function<void()>& task : tasks) task();
    });
  }

 private:
  Executor& from_;
  Executor& to_;
  std::vector<std::function<void()>> tasks_;
  Timer timer_;
};

}  // namespace hearth
