#include "runtime/loop/work_thread.h"

#include <pthread.h>

namespace hearth {

WorkThread::WorkThread(Executor& executor, const char* name)
    : executor_(executor), thread_([this] { Loop(); }) {
  pthread_setname_np(thread_.native_handle(), name);
}

WorkThread::~WorkThread() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void WorkThread::Submit(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    work_.push_back(std::move(work));
  }
  wake_.notify_one();
}

size_t WorkThread::waiting() const {
  const std::lock_guard lock(mutex_);
  return work_.size();
}

void WorkThread::Loop() {
  for (;;) {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return stopping_ || !work_.empty(); });
    if (work_.empty()) return;
    auto work = std::move(work_.front());
    work_.pop_front();
    lock.unlock();
    work();
  }
}

}  // namespace hearth
