#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/base/histogram.h"
#include "runtime/base/result.h"
#include "runtime/base/units.h"
#include "runtime/loop/executor.h"

namespace hearth {

// An append-only log of small records in segment files; docs/ledger-format.md has the bytes.
//
// Owns:    the segments of one folder, the newest of them mmapped and fallocated; a thread that syncs and
//          chains.
// Thread:  loop thread. Append() is a copy into the mapping: no system call but once a segment.
// Durable: at once against kill -9 (the page cache has it); within the sync linger against power loss.
// Limits:  record 64 KiB; segment 64 MiB by default.
// Failure: Open() keeps the valid prefix of each segment and reports the rest; Append() is kUnavailable when
//          no next segment could be made (disk full): new work is refused, nothing that was accepted is lost.
class LedgerLog {
 public:
  struct Options {
    std::string folder;
    uint64_t segment_bytes = (64_MiB).count;
    milliseconds sync_linger{5};
  };
  struct OpenReport {
    uint64_t records = 0;
    uint64_t bytes_dropped = 0;  // after the last valid record
    std::string detail;          // "" when all is well
  };
  struct Stats {
    uint64_t bytes = 0;       // of all segments, what stands ready after the newest record included
    uint64_t unsynced = 0;    // records that power loss would take now
    CoarseHistogram sync_ns;  // of each group: sync and chain
  };
  struct Opened;

  static Result<Opened> Open(Options options, Executor& executor);

  virtual ~LedgerLog() = default;
  // The record's number, from 0, over all segments.
  virtual Result<uint64_t> Append(std::string_view record) = 0;
  // Asked before work is accepted. It turns false while there still is room for the records of the work that
  // runs: an eighth of a segment. Also false for good after a failed sync, since what the disk has is unknown
  // then.
  virtual bool writable() const = 0;
  // Calls back once everything appended so far survives power loss.
  virtual void Sync(std::function<void(Status)> done) = 0;
  // In order, including what was just appended. Stops when `visit` returns false.
  virtual Status Read(uint64_t from,
                      const std::function<bool(uint64_t number, std::string_view record)>& visit) const = 0;
  // One past the number of the newest record. Numbers of records that were lost are not given again to others
  // unless they were the newest.
  virtual uint64_t size() const = 0;
  virtual Stats stats() const { return {}; }
  // Checks every CRC and the SHA-256 chain over the sync groups; blocks. kCorrupt names segment and group.
  virtual Status Verify() const = 0;
};

struct LedgerLog::Opened {
  std::unique_ptr<LedgerLog> log;
  OpenReport report;
};

}  // namespace hearth
