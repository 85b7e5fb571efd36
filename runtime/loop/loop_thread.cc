#include "runtime/loop/loop_thread.h"

namespace hearth {

Result<std::unique_ptr<LoopThread>> LoopThread::Create(const Clock& clock) {
  HEARTH_ASSIGN(auto loop, Loop::Create(clock));
  return std::unique_ptr<LoopThread>(new LoopThread(std::move(loop)));
}

void LoopThread::Start() {
  thread_ = std::thread([this] { loop_->Run(); });
}

void LoopThread::Stop() {
  if (!thread_.joinable()) return;
  loop_->Stop();
  thread_.join();
}

}  // namespace hearth
