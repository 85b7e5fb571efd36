#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/base/digest.h"
#include "runtime/base/result.h"
#include "runtime/store/ledger_log.h"

namespace hearth {

// What of one segment is part of the ledger: records [first_number, end_number), bytes up to `end`.
struct LedgerSegmentInfo {
  uint64_t sequence = 0;
  std::string path;
  uint64_t first_number = 0;
  uint64_t end_number = 0;
  uint64_t end = 0;
  bool raw = true;         // its records are there; false: only its roll-up is
  bool rolled_up = false;  // it has a roll-up, with `chain_after` and `roll_up_hash`
  Sha256Digest chain_after{};
  Sha256Digest roll_up_hash{};
};

struct LedgerInventory {
  std::vector<LedgerSegmentInfo> segments;  // in order
  uint64_t next_sequence = 0;
  uint64_t next_number = 0;
  // Nothing but zeros follows the last record, so new ones may go there. Otherwise a new segment is begun and
  // the bytes stay for whoever wants to look at them.
  bool last_may_grow = false;
  LedgerLog::OpenReport report;
};

// Reads every segment of the folder and keeps the valid prefix of each; one that has a roll-up is taken for
// what that says, unread. Files that were prepared and never used are removed, and what a crash left of one
// that was being removed; a damaged one is left alone and reported. kUnsupported, naming file and version, when one
// is of another format version.
Result<LedgerInventory> TakeLedgerInventory(const std::string& folder);

}  // namespace hearth
