#pragma once

#include <functional>
#include <utility>

#include "runtime/base/weak_ptr.h"
#include "runtime/loop/executor.h"

namespace hearth {

// Lets so many things be done in one turn of the loop, so that what else is ready gets its turn between them.
//
// Owned by whoever does them.
// Borrows: the executor; outlives it.
// Thread:  loop thread.
// Promise: `next_turn` runs once for each turn in which something was taken, never inside Take().
class TurnLimit final {
 public:
  TurnLimit(Executor& executor, size_t per_turn, std::function<void()> next_turn)
      : executor_(executor), per_turn_(per_turn), next_turn_(std::move(next_turn)) {}

  // False: no more in this turn.
  bool Take() {
    if (taken_ == per_turn_) return false;
    if (taken_++ > 0) return true;
    executor_.Post([self = weak_.Get()] {
      if (!self) return;
      self->taken_ = 0;
      self->next_turn_();
    });
    return true;
  }

 private:
  Executor& executor_;
  const size_t per_turn_;
  const std::function<void()> next_turn_;
  size_t taken_ = 0;
  WeakPtrFactory<TurnLimit> weak_{this};
};

}  // namespace hearth
