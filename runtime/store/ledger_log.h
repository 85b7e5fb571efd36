#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/digest.h"
#include "runtime/base/histogram.h"
#include "runtime/base/result.h"
#include "runtime/base/units.h"
#include "runtime/loop/executor.h"

namespace hearth {

// One segment of a log, newest last.
struct LedgerPart {
  uint64_t sequence = 0;
  uint64_t first_number = 0;
  uint64_t end_number = 0;
  bool full = false;       // nothing is appended any more, and all of it is synced and chained
  bool raw = true;         // its records are there
  bool rolled_up = false;  // sums were made of it
  Sha256Digest roll_up_hash{};
};

// What was in a log at one moment. Any thread; also when the log is gone.
class LedgerView {
 public:
  using Visit = std::function<bool(uint64_t number, std::string_view record)>;

  virtual ~LedgerView() = default;
  virtual std::vector<LedgerPart> parts() const = 0;
  // In order. Stops when `visit` returns false. kPrecondition: records of a segment were removed since then;
  // none of that segment has been visited.
  virtual Status Read(uint64_t from, const Visit& visit) const = 0;
  // What stands for a segment's records; see LedgerLog::RollUpPart().
  virtual Result<std::string> SumsOf(uint64_t sequence) const = 0;
};

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
    milliseconds sync_linger{20};
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

  using Part = LedgerPart;
  using Visit = LedgerView::Visit;
  virtual std::vector<Part> parts() const { return {}; }
  // What was appended so far, for another thread. Here: of a log in memory, which is to outlive it.
  virtual std::shared_ptr<const LedgerView> View() const;
  // On another thread: the sums of a full segment, from its records. It reads them by calling what it is
  // given.
  using MakeSums = std::function<Result<std::string>(const std::function<Status(const Visit&)>& read)>;
  // Writes the sums of a full segment beside it; the records stay. Calls back with the hash of what was
  // written. kPrecondition: it is not full and synced, or another one is being rolled up.
  virtual void RollUpPart(uint64_t sequence, MakeSums make, std::function<void(Result<Sha256Digest>)> done);
  // Removes the records of a segment that has been rolled up; its sums, numbers and place in the chain stay.
  virtual void RemoveRaw(uint64_t sequence, std::function<void(Status)> done);
  // What MakeSums gave for it. Blocks.
  virtual Result<std::string> SumsOf(uint64_t sequence) const;

  // What Check() finds. The log is good when `findings` is empty.
  struct Checked {
    uint64_t segments = 0;         // with their records
    uint64_t rolled_up = 0;        // of which sums were made
    uint64_t removed = 0;          // of which only sums are left
    uint64_t records = 0;          // read
    uint64_t records_removed = 0;  // in the sums only
    uint64_t groups = 0;           // sync groups whose hash was computed again
    uint64_t unchained_bytes = 0;  // at the end, not synced yet
    uint64_t bytes_dropped = 0;    // found at the opening: no fault after a power loss
    std::string dropped_where;
    std::vector<std::pair<uint64_t, Sha256Digest>> roll_ups;  // sequence and hash, in order
    std::vector<std::string> findings;
  };
  // The same as Verify(), on another thread, and it goes on after the first finding. `visit` is called there.
  virtual void Check(Visit visit, std::function<void(Checked)> done) const;
  // Of a ledger that no process has open; kConflict when one has.
  static Result<Checked> CheckFolder(const std::string& folder, const Visit& visit);
};

struct LedgerLog::Opened {
  std::unique_ptr<LedgerLog> log;
  OpenReport report;
};

}  // namespace hearth
