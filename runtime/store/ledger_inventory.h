#pragma once

#include <cstdint>
#include <string>
#include <vector>

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

// Reads every segment of the folder and keeps the valid prefix of each. Files that were prepared and never
// used are removed; a damaged one is left alone and reported. kUnsupported, naming file and version, when one
// is of another format version.
Result<LedgerInventory> TakeLedgerInventory(const std::string& folder);

}  // namespace hearth
