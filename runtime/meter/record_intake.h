#pragma once

#include <deque>
#include <functional>
#include <string>

#include "runtime/base/log.h"
#include "runtime/base/weak_ptr.h"
#include "runtime/loop/executor.h"
#include "runtime/meter/meter.h"

namespace hearth {

// Puts the records of other loops into the ledger.
//
// Borrows: the meter, the executor, the log; all outlive it.
// Thread:  that of the first loop.
// Failure: while the ledger has no room a record waits, in order, and is tried again each kRetry; it lies safe in its
//          loop's slot. One that can never be taken (malformed, or another of its identity is there) is told and dropped.
class RecordIntake final {
 public:
  static constexpr milliseconds kRetry{100};

  RecordIntake(Meter& meter, Executor& executor, Log& log) : meter_(meter), executor_(executor), log_(log) {}

  // `taken` runs once the ledger has it, or never will; inside the call or later.
  void Take(const std::string& record, std::function<void()> taken);
  // Once what was taken before survives power loss; inside the call or later.
  void Sync(std::function<void(Status)> done);
  size_t waiting() const { return waiting_.size(); }

 private:
  struct Waiting {
    std::string record;
    std::function<void()> taken;
    std::function<void(Status)> synced;  // or this
  };
  bool TryRecord(const std::string& record);
  void TakeWaiting();
  void TryLater();

  Meter& meter_;
  Executor& executor_;
  Log& log_;
  std::deque<Waiting> waiting_;
  Timer retry_;
};

}  // namespace hearth
