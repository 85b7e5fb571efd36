#pragma once

#include <utility>

#include "runtime/loop/executor.h"
#include "runtime/loop/offload.h"

namespace hearth {

// No other thread: work is done in a turn of its own of the executor, so that tests order all that happens.
class PostedOffload final : public Offload {
 public:
  explicit PostedOffload(Executor& executor) : executor_(executor) {}
  void Submit(std::function<void()> work) override { executor_.Post(std::move(work)); }

 private:
  Executor& executor_;
};

}  // namespace hearth
