#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "runtime/loop/executor.h"

namespace hearth {

// Somewhere else to do what would keep the loop waiting: pieces of work, one after another, in order.
class Offload {
 public:
  virtual ~Offload() = default;
  // From any thread. Never runs inside the call.
  virtual void Submit(std::function<void()> work) = 0;
};

// Runs `work` there, then `done` with its value on the executor.
template <class T>
void RunOn(Offload& offload, Executor& executor, std::function<T()> work, std::function<void(T)> done) {
  offload.Submit([&executor, work = std::move(work), done = std::move(done)]() mutable {
    executor.Post(
        [value = std::make_shared<T>(work()), done = std::move(done)]() { done(std::move(*value)); });
  });
}

}  // namespace hearth
