#pragma once

#include <functional>
#include <string>
#include <vector>

#include "runtime/base/weak_ptr.h"
#include "runtime/loop/offload.h"
#include "runtime/meter/meter.h"
#include "runtime/telemetry/log_files.h"
#include "runtime/telemetry/log_store.h"

namespace hearth {

// A function's log before what memory has of it: what handlers logged, from the files, between the START, END and
// REPORT lines of the ledger's records, which nobody wrote until now.
//
// Owned by the daemon. Borrows: files, meter, executor, offload; all outlive it.
// Thread:  loop thread; files and ledger are read on others.
// Limits:  kReadMax entries of the ledger are looked at for an answer, the newest; records are there for
//          ledger_keep_days.
// Failure: what cannot be read is left out; the page says that there is more.
// Promise: no `done` runs after the destructor returns.
class LogHistory final {
 public:
  static constexpr uint64_t kReadMax = 2'000'000;

  struct Query {
    std::string function = {};
    LogStore::Reach before = {};  // where memory begins
    // Requests whose START is in memory.
    std::vector<std::string> started = {};
    WallTime since = WallTime::min();
    std::string request_id = {};  // "" for all
    size_t lines_max = 1'000;     // the newest
  };
  struct Page {
    std::vector<StoredLogLine> lines;  // in order of time; those of a request between its START and END
    bool more = false;                 // older lines are there
    uint64_t dropped = 0;              // lines of handlers that are gone, where the page reaches back to them
  };

  LogHistory(LogFiles& files, const Meter& meter, Executor& executor, Offload& offload)
      : files_(files), meter_(meter), executor_(executor), offload_(offload) {}

  void Read(Query query, std::function<void(Page)> done);

 private:
  LogFiles& files_;
  const Meter& meter_;
  Executor& executor_;
  Offload& offload_;
  WeakPtrFactory<LogHistory> weak_{this};
};

}  // namespace hearth
