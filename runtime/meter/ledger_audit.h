#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "runtime/base/digest.h"
#include "runtime/base/result.h"
#include "runtime/store/ledger_log.h"

namespace hearth {

// What a check of the whole ledger found: the store's part (CRCs, chain, roll-ups) and the meter's (is every
// record an entry that can be read; are the roll-ups those whose hash was put into the ledger).
struct LedgerAudit {
  LedgerLog::Checked checked;
  uint64_t invocations = 0;     // records of attempts that were read
  uint64_t account_events = 0;  // read
  uint64_t unreadable = 0;      // entries that could not be
  uint64_t not_anchored = 0;    // newest roll-ups whose hash is not in the ledger yet

  bool good() const { return checked.findings.empty(); }
};

// Blocks on another thread; `done` runs on the loop's.
void AuditLedger(const LedgerLog& ledger, std::function<void(LedgerAudit)> done);
// Of a folder that no hearthd has open; kConflict when one has. Blocks.
Result<LedgerAudit> AuditLedgerFolder(const std::string& folder);
std::string LedgerAuditJson(const LedgerAudit& audit);

}  // namespace hearth
