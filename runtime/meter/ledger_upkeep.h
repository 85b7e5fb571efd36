#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "runtime/base/log.h"
#include "runtime/base/weak_ptr.h"
#include "runtime/loop/executor.h"
#include "runtime/meter/meter.h"
#include "runtime/store/ledger_log.h"

namespace hearth {

// Sums up full segments of the ledger, and removes their records when they have been kept long enough.
//
// Each step is one segment, oldest first: its sums are written beside it, their hash is put into the ledger
// and synced, and only then, `keep` after its last hour, its records go. Dying between two steps costs
// nothing: the next start goes on from what is there.
//
// Borrows: ledger, meter, executor, log; all outlive it. Owned by main.
// Thread:  loop thread; sums are made on one of the ledger's own.
// Clock:   the wall clock of the start, then the monotonic one: a wall clock that is set forward by mistake
//          removes nothing.
// Failure: a step that fails is logged and tried again after `every`.
class LedgerUpkeep final {
 public:
  struct Options {
    std::chrono::days keep{400};
    seconds every{60};
  };

  LedgerUpkeep(Options options, LedgerLog& ledger, const Meter& meter, Executor& executor, Log& log);

  void Start();
  // Does what there is to do, one step after the other; what Start() has done every so often.
  void Look();

 private:
  void LookLater();
  void RollUp(const LedgerLog::Part& part);
  void Anchor(const LedgerLog::Part& newest);
  void RemoveOne(const std::vector<LedgerLog::Part>& parts);
  WallTime Now() const;
  bool IsOld(const LedgerLog::Part& part);
  void Done(const Status& status, const char* what);

  // Constant after construction.
  const Options options_;
  const WallTime wall_at_start_;
  const MonotonicTime at_start_;
  // Borrowed.
  LedgerLog& ledger_;
  const Meter& meter_;
  Executor& executor_;
  Log& log_;
  // Mutable.
  bool busy_ = false;
  uint64_t appended_ = 0;              // segments before this one: the ledger has the hash of their sums
  uint64_t anchored_ = 0;              // and it is synced
  std::map<uint64_t, WallTime> ends_;  // of the last hour of a segment, by sequence
  Timer timer_;
  WeakPtrFactory<LedgerUpkeep> weak_{this};
};

}  // namespace hearth
