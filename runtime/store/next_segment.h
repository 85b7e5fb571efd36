#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "runtime/base/result.h"
#include "runtime/loop/work_thread.h"
#include "runtime/store/ledger_segment.h"

namespace hearth {

// Makes the ledger's next segment before the current one is full, on a thread of its own: allocating 64 MiB
// may take a while, and must not wait behind a sync.
//
// Owns:    the thread and at most one segment made ahead. Owned by LedgerLog.
// Thread:  loop thread.
// States:  kNone -> kMaking -> kReady -> kNone (taken) | kMaking -> kFailed -> kMaking.
// Failure: `failed` runs on the loop; whoever owns us decides when to Make() again.
class NextSegment final {
 public:
  enum class State { kNone, kMaking, kReady, kFailed };

  NextSegment(Executor& executor, std::function<void()> failed);

  void Make(std::string folder, uint64_t sequence, uint64_t bytes);  // not while kMaking or kReady
  // Waits while it is being made: a segment is asked for half a segment ahead, so this waits only on a disk
  // that is slower than the loop by far, and then a late record is better than a lost one.
  Result<std::unique_ptr<LedgerSegment>> Take();
  State state() const { return state_.load(std::memory_order_acquire); }

 private:
  void Made(Result<std::unique_ptr<LedgerSegment>> segment);

  // Constant after construction.
  const std::function<void()> failed_;

  std::atomic<State> state_{State::kNone};
  std::mutex mutex_;
  std::condition_variable made_;
  std::unique_ptr<LedgerSegment> segment_;  // guarded by mutex_
  Error error_;                             // guarded by mutex_
  Executor& executor_;
  WorkThread thread_;  // last: joined before the rest goes
};

}  // namespace hearth
