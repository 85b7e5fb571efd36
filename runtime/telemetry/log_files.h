#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/base/units.h"
#include "runtime/base/weak_ptr.h"
#include "runtime/loop/executor.h"
#include "runtime/loop/work_thread.h"
#include "runtime/telemetry/log_line.h"

namespace hearth {

// What functions logged, in files: it outlives memory, the daemon and kill -9. A folder for each function, in it
// segments named by the number of their first line; a line is a frame with a CRC (docs/logs.md).
//
// Owned by main.
// Owns:    the folder; a thread that reads and writes it.
// Thread:  loop thread. No call waits for the disk.
// Durable: within kFlushEvery against kill -9; against power loss as the kernel writes pages back.
// Limits:  the options; kSegmentsMax segments a function. The oldest segments go first; what is gone is counted.
// Failure: a disk that takes nothing loses lines and counts them, in memory and where they would stand; it never
//          holds anybody up. What of a segment cannot be read any more is left out.
// Promise: no `done` runs after the destructor returns; what was appended before it is written.
class LogFiles final {
 public:
  static constexpr milliseconds kFlushEvery{100};
  static constexpr std::chrono::hours kSweepEvery{1};  // for what is too old
  static constexpr size_t kSegmentsMax = 1'024;

  struct Options {
    std::string folder;
    Bytes function_max = 64_MiB;
    Bytes total_max = 1_GiB;
    std::chrono::hours age_max{30 * 24};
    Bytes segment = 1_MiB;
    Bytes pending_max = 16_MiB;  // not written yet, of all functions
  };
  struct Query {
    std::string function;
    uint64_t before = UINT64_MAX;  // lines with a smaller number
    WallTime since = WallTime::min();
    std::string request_id = {};  // "" for all
    size_t lines_max = 1'000;     // the newest
    Bytes bytes_max = 8_MiB;
  };
  struct Page {
    std::vector<StoredLogLine> lines;      // oldest first
    bool more = false;                     // older ones are there
    uint64_t dropped = 0;                  // lines that are gone, where the page reaches back to them
    WallTime forgotten = WallTime::min();  // when a function of that name was last forgotten
  };

  // kIo: the folder cannot be made or read.
  static Result<std::unique_ptr<LogFiles>> Open(Options options, Executor& executor);
  ~LogFiles();

  // Greater than the number of any line that is there.
  uint64_t first_free_number() const { return first_free_number_; }
  // Its texts are escaped already.
  void Append(uint64_t number, const HandlerLogLine& line);
  void Read(Query query, std::function<void(Page)> done);
  // Its lines go; when that was is kept.
  void Forget(std::string_view function);
  // Lines that no disk took.
  uint64_t lost() const { return lost_; }

 private:
  class Shelf;

  // What of one function is to be written.
  struct Batch {
    uint64_t first_number = 0;
    uint64_t lines = 0;
    uint64_t lost = 0;  // lines that stood before these
    std::string frames;
  };
  using Pending = std::map<std::string, Batch, std::less<>>;

  LogFiles(Options options, Executor& executor);
  void Lose(Batch& batch, uint64_t lines);
  void WritePending();
  void SweepLater();

  // Constant after construction.
  const Options options_;
  uint64_t first_free_number_ = 1;
  // Borrowed.
  Executor& executor_;
  // Mutable.
  const std::unique_ptr<Shelf> shelf_;  // the thread's
  Pending pending_;
  uint64_t pending_bytes_ = 0;
  uint64_t writing_bytes_ = 0;  // handed to the thread
  uint64_t lost_ = 0;
  Timer flush_;
  Timer sweep_;
  WeakPtrFactory<LogFiles> weak_{this};
  WorkThread thread_;  // last: joined before the rest goes
};

}  // namespace hearth
