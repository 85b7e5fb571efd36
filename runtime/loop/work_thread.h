#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "runtime/loop/executor.h"
#include "runtime/loop/offload.h"

namespace hearth {

// A thread that does blocking disk work for the loop, one piece after another, in order. A store owns one, so
// that its files have one writer.
//
// Owns:    the thread; joined in the destructor after everything submitted has run (completions already
//          posted still run on the loop: they must hold weak pointers).
// Thread:  Submit() from any.
class WorkThread final : public Offload {
 public:
  WorkThread(Executor& executor, const char* name);
  ~WorkThread() override;
  void Submit(std::function<void()> work) override;
  // Runs `work` on the thread, then `done` with its value on the executor.
  template <class T>
  void Run(std::function<T()> work, std::function<void(T)> done) {
    RunOn<T>(*this, executor_, std::move(work), std::move(done));
  }
  size_t waiting() const;

 private:
  void Loop();

  Executor& executor_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> work_;  // guarded by mutex_
  bool stopping_ = false;                   // guarded by mutex_
  std::thread thread_;
};

}  // namespace hearth
