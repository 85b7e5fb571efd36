#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/base/unique_fd.h"
#include "runtime/store/ledger_format.h"
#include "runtime/store/ledger_inventory.h"
#include "runtime/store/ledger_segment.h"

namespace hearth {

// The SHA-256 chain over the sync groups, in a file beside each segment: written by the sync thread, so that
// the segment has one writer, the loop, and no hash is computed there.
//
// Owns:    the newest chain file's descriptor. Owned by LedgerLog.
// Thread:  the sync thread's, after Open().
// Durable: an entry is written after its group is on the disk; a chain file is synced when its segment is
//          left, so power loss may cost its last entries. Open() finds that, and the next Extend() covers the
//          bytes anew.
class LedgerChain final {
 public:
  static Result<LedgerChain> Open(std::string folder, const std::vector<LedgerSegmentInfo>& segments);

  // Syncs the segment from the end of the last group to `end` and adds a group for it. Segments come in
  // order. kUnavailable: the segment is synced, but the disk has no room for the group; the same again later
  // covers it.
  Status Extend(const LedgerSegment& segment, uint64_t sequence, uint64_t end, uint64_t end_number);

  // Where the next group starts. A segment before it is done with.
  uint64_t sequence() const { return sequence_; }
  uint64_t offset() const { return offset_; }

 private:
  explicit LedgerChain(std::string folder) : folder_(std::move(folder)) {}
  Status Continue(const LedgerSegmentInfo& segment);
  Status StartFile(uint64_t sequence);

  // Constant after construction.
  const std::string folder_;

  UniqueFd file_;  // none before the first segment
  uint64_t sequence_ = 0;
  uint64_t group_ = 0;
  uint64_t offset_ = 0;
  uint64_t file_bytes_ = 0;
  Sha256Digest head_{};
};

// The valid prefix of a chain file. kNotFound when there is none.
struct ChainFile {
  ChainHeader header;
  std::vector<ChainEntry> entries;
};
Result<ChainFile> ReadChainFile(const std::string& folder, uint64_t sequence);

// What of a segment its chain covers, every hash computed again. `head`, unless null: the hash that the chain
// before ended with. kNotFound: it has no chain; kCorrupt names segment, group and what is wrong.
struct CheckedGroups {
  uint64_t groups = 0;
  uint64_t end = 0;  // of the last one
  Sha256Digest head{};
};
Result<CheckedGroups> CheckChainOf(const std::string& folder, const LedgerSegmentInfo& segment,
                                   const Sha256Digest* head);

// The same for all of them, in order. kCorrupt names segment, group and what is wrong. Bytes of the newest
// segments that no group covers yet are legal; in a segment followed by a chained one they are not.
Status VerifyLedgerChain(const std::string& folder, const std::vector<LedgerSegmentInfo>& segments);

}  // namespace hearth
