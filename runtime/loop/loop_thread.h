#pragma once

#include <memory>
#include <thread>

#include "runtime/loop/loop.h"

namespace hearth {

// A loop that runs on a thread of its own, beside the one that made it.
//
// Owns:    both. Until Start(), and from Stop() on, whoever made it may use what is on the loop: nobody runs it then.
// Thread:  of its maker; loop().Post() from any.
class LoopThread final {
 public:
  static Result<std::unique_ptr<LoopThread>> Create(const Clock& clock);
  ~LoopThread() { Stop(); }

  Loop& loop() { return *loop_; }
  void Start();
  void Stop();  // returns when the loop has ended its turn; no Start(), or a second Stop(): nothing happens
  // Processors that this process may use.
  static unsigned Processors() { return std::thread::hardware_concurrency(); }

 private:
  explicit LoopThread(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}

  const std::unique_ptr<Loop> loop_;
  std::thread thread_;
};

}  // namespace hearth
