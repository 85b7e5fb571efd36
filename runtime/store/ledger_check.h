#pragma once

#include <string>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/store/ledger_inventory.h"
#include "runtime/store/ledger_log.h"
#include "runtime/store/ledger_roll_up.h"

namespace hearth {

// What is done with segments that nobody appends to, on whatever thread: values in, values out.

// The records of one segment from number `from` on. False when `visit` stopped; kCorrupt names the record.
Result<bool> ReadSegmentRecords(const LedgerSegmentInfo& info, std::string_view bytes, uint64_t from,
                                const LedgerLog::Visit& visit);

// Sums of a full segment, written beside it.
Result<RollUp> MakeRollUp(const std::string& folder, const LedgerSegmentInfo& info,
                          const Sha256Digest& previous, const LedgerLog::MakeSums& make);

// Records first, then the chain: what a crash leaves of the two is removed by the next start.
Status RemoveSegment(const std::string& folder, uint64_t sequence);

// Every CRC, every hash of the chain and of the roll-ups; goes on after a finding, until `visit` returns false.
LedgerLog::Checked CheckLedger(const std::string& folder, const std::vector<LedgerSegmentInfo>& segments,
                               const LedgerLog::OpenReport& report, const LedgerLog::Visit& visit);

}  // namespace hearth
