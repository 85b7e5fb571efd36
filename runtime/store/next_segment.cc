#include "runtime/store/next_segment.h"

#include <utility>

#include "runtime/base/check.h"

namespace hearth {

NextSegment::NextSegment(Executor& executor, std::function<void()> failed)
    : failed_(std::move(failed)),
      error_{ErrorCode::kUnavailable, "no next ledger segment was asked for"},
      executor_(executor),
      thread_(executor, "ledger-next") {}

void NextSegment::Make(std::string folder, uint64_t sequence, uint64_t bytes) {
  CHECK_TRUE(state() == State::kNone || state() == State::kFailed);
  state_.store(State::kMaking, std::memory_order_release);
  thread_.Submit([this, folder = std::move(folder), sequence, bytes] {
    Made(LedgerSegment::Allocate(folder, sequence, bytes));
  });
}

void NextSegment::Made(Result<std::unique_ptr<LedgerSegment>> segment) {
  const bool failed = !segment.ok();
  {
    const std::lock_guard lock(mutex_);
    if (failed) {
      error_ = std::move(segment).error();
    } else {
      segment_ = std::move(segment).value();
    }
    state_.store(failed ? State::kFailed : State::kReady, std::memory_order_release);
  }
  made_.notify_one();
  if (failed) executor_.Post(failed_);
}

Result<std::unique_ptr<LedgerSegment>> NextSegment::Take() {
  std::unique_lock lock(mutex_);
  made_.wait(lock, [this] { return state() != State::kMaking; });
  if (state() != State::kReady) return error_;
  state_.store(State::kNone, std::memory_order_release);
  return std::move(segment_);
}

}  // namespace hearth
