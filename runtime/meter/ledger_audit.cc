#include "runtime/meter/ledger_audit.h"

#include <memory>
#include <utility>

#include "runtime/meter/ledger_entry.h"
#include "runtime/meter/record_codec.h"
#include "runtime/store/ledger_format.h"

namespace hearth {
namespace {

// Sees each record of the ledger once, on whatever thread reads them.
class EntryAudit final {
 public:
  bool See(uint64_t number, std::string_view bytes) {
    const Status seen = Take(number, bytes);
    if (!seen.ok() && audit_.unreadable++ == 0)
      first_unreadable_ = seen.error().WithContext("ledger record " + std::to_string(number)).message;
    return true;
  }

  LedgerAudit Finish(LedgerLog::Checked checked) && {
    if (audit_.unreadable > 0) {
      checked.findings.push_back(std::to_string(audit_.unreadable) +
                                 " records are no entries; the first: " + first_unreadable_);
    }
    // A roll-up has the hash of the one before it, so that one that is anchored vouches for all before.
    for (const auto& [sequence, hash] : checked.roll_ups) {
      ++audit_.not_anchored;
      const auto anchor = anchors_.find(sequence);
      if (anchor == anchors_.end()) continue;
      audit_.not_anchored = 0;
      if (anchor->second != hash) {
        checked.findings.push_back("ledger roll-up " + RollUpName(sequence) +
                                   ": it does not have the hash that the ledger has of it");
      }
    }
    audit_.checked = std::move(checked);
    return std::move(audit_);
  }

 private:
  Status Take(uint64_t number, std::string_view bytes) {
    HEARTH_ASSIGN(const LedgerEntryKind kind, EntryKindOf(bytes));
    switch (kind) {
      case LedgerEntryKind::kRollUpMade: {
        HEARTH_ASSIGN(const RollUpAnchor anchor, DecodeRollUpAnchor(bytes));
        anchors_[anchor.sequence] = anchor.hash;
        return Ok();
      }
      case LedgerEntryKind::kAccountEvent:
        HEARTH_TRY(DecodeAccountEntry(number, bytes));
        ++audit_.account_events;
        return Ok();
      case LedgerEntryKind::kRecordVersion1:
      case LedgerEntryKind::kRecord:
        HEARTH_TRY(DecodeRecord(bytes));
        ++audit_.invocations;
        return Ok();
    }
    return Ok();
  }

  LedgerAudit audit_;
  std::string first_unreadable_;
  std::map<uint64_t, Sha256Digest> anchors_;
};

}  // namespace

void AuditLedger(const LedgerLog& ledger, std::function<void(LedgerAudit)> done) {
  const auto entries = std::make_shared<EntryAudit>();
  ledger.Check([entries](uint64_t number, std::string_view bytes) { return entries->See(number, bytes); },
               [entries, done = std::move(done)](LedgerLog::Checked checked) {
                 done(std::move(*entries).Finish(std::move(checked)));
               });
}

Result<LedgerAudit> AuditLedgerFolder(const std::string& folder) {
  EntryAudit entries;
  HEARTH_ASSIGN(LedgerLog::Checked checked,
                LedgerLog::CheckFolder(folder, [&](uint64_t number, std::string_view bytes) {
                  return entries.See(number, bytes);
                }));
  return std::move(entries).Finish(std::move(checked));
}

}  // namespace hearth
