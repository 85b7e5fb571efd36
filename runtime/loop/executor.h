#pragma once

#include <functional>
#include <memory>

#include "runtime/base/clock.h"

namespace hearth {

// A task that will run once, later; destroying or Cancel()ling it means that it never runs.
// Thread: the loop's only. Owned by whoever would be called back, so no callback outlives its object.
class Timer final {
 public:
  class Impl {
   public:
    virtual ~Impl() = default;  // cancels
  };

  Timer() = default;
  explicit Timer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
  void Cancel() { impl_.reset(); }
  // True from After() until Cancel(), also when the task has run: re-arm by assigning a new one.
  bool armed() const { return impl_ != nullptr; }

 private:
  std::unique_ptr<Impl> impl_;
};

// Runs tasks on the one thread that owns the state. The loop is one; tests have a manual one. Core classes
// know no more of the loop than this.
class Executor {
 public:
  virtual ~Executor() = default;
  // From any thread. Runs after the current task, in order, never inside the call.
  virtual void Post(std::function<void()> task) = 0;
  // Loop thread only. `delay` is rounded up to the executor's resolution (1 ms for the loop); 0 is legal and
  // still runs later.
  [[nodiscard]] virtual Timer After(std::chrono::nanoseconds delay, std::function<void()> task) = 0;
  virtual const Clock& clock() const = 0;
};

}  // namespace hearth
