#pragma once

#include <functional>
#include <memory>

#include "runtime/loop/loop.h"

namespace hearth {

// Runs a task at the end of each turn of a loop: when everything that had happened has been dealt with, and before the
// loop looks for more, for which it may sleep.
// Thread: loop thread. The task may destroy anything but its TurnEnd.
class TurnEnd final {
 public:
  enum class Next {
    kMaySleep,
    kAtOnce,  // the loop looks for events without waiting, and the task runs again
  };
  static std::unique_ptr<TurnEnd> Create(Loop& loop, std::function<Next()> task);
  ~TurnEnd();

 private:
  struct Uv;
  explicit TurnEnd(Uv* uv) : uv_(uv) {}
  Uv* uv_;  // freed by its close callbacks
};

}  // namespace hearth
