#include "runtime/store/ledger_check.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "runtime/base/files.h"
#include "runtime/store/ledger_chain.h"
#include "runtime/store/ledger_segment.h"

namespace hearth {

Result<bool> ReadSegmentRecords(const LedgerSegmentInfo& info, std::string_view bytes, uint64_t from,
                                const LedgerLog::Visit& visit) {
  const std::string_view within = bytes.substr(0, info.end);
  uint64_t offset = kLedgerBlockBytes;
  for (uint64_t number = info.first_number; number < info.end_number; ++number) {
    const auto record = ReadFrame(within, offset, number);
    if (!record) {
      return Error{ErrorCode::kCorrupt, "ledger segment " + info.path + ": record " + std::to_string(number) +
                                            " at byte " + std::to_string(offset) + " is damaged"};
    }
    offset += FrameBytes(record->size());
    if (number >= from && !visit(number, *record)) return false;
  }
  return true;
}

Result<RollUp> MakeRollUp(const std::string& folder, const LedgerSegmentInfo& info,
                          const Sha256Digest& previous, const LedgerLog::MakeSums& make) {
  HEARTH_ASSIGN(const auto segment, LedgerSegment::Map(info.path, LedgerSegment::Access::kRead));
  HEARTH_ASSIGN(const ChainFile chain, ReadChainFile(folder, info.sequence));
  if (chain.entries.empty() || chain.entries.back().end != info.end) {
    return Error{ErrorCode::kCorrupt,
                 "roll up ledger segment " + info.path + ": its chain does not cover it"};
  }
  RollUp roll_up;
  roll_up.sequence = info.sequence;
  roll_up.first_number = info.first_number;
  roll_up.end_number = info.end_number;
  roll_up.end = info.end;
  roll_up.chain_before = chain.header.previous;
  roll_up.chain_after = chain.entries.back().hash;
  roll_up.segment = Sha256(segment->bytes().substr(0, info.end));
  roll_up.previous = previous;
  const auto read = [&](const LedgerLog::Visit& visit) -> Status {
    HEARTH_TRY(ReadSegmentRecords(info, segment->bytes(), 0, visit));
    return Ok();
  };
  HEARTH_ASSIGN(roll_up.payload, make(read));
  HEARTH_TRY(WriteRollUp(folder, roll_up));
  return roll_up;
}

Status RemoveSegment(const std::string& folder, uint64_t sequence) {
  for (const std::string& name : {SegmentName(sequence), ChainName(sequence)}) {
    const std::string path = folder + "/" + name;
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return ErrnoError("remove " + path);
  }
  return SyncFolder(folder);
}

namespace {

class SegmentAudit final {
 public:
  SegmentAudit(const std::string& folder, const LedgerLog::Visit& visit) : folder_(folder), visit_(visit) {}

  // False: `visit` stopped it.
  bool Look(const LedgerSegmentInfo& info) {
    checked_.segments += info.raw;
    checked_.rolled_up += info.rolled_up;
    std::optional<RollUp> roll_up;
    if (info.rolled_up) roll_up = LookAtRollUp(info);
    if (!info.raw) {
      ++checked_.removed;
      checked_.records_removed += info.end_number - info.first_number;
      if (roll_up) head_ = roll_up->chain_after;
      return true;
    }
    if (!LookAtRecords(info, roll_up)) return false;
    LookAtChain(info, roll_up);
    return true;
  }

  LedgerLog::Checked Take() && { return std::move(checked_); }

 private:
  std::optional<RollUp> LookAtRollUp(const LedgerSegmentInfo& info) {
    auto roll_up = ReadRollUp(folder_, info.sequence);
    if (!roll_up.ok()) {
      Find(roll_up.error().message);
      return std::nullopt;
    }
    if (roll_up->previous != last_roll_up_) Find(info, "its roll-up does not continue the roll-up before");
    if (!uncovered_ && roll_up->chain_before != head_)
      Find(info, "its roll-up does not continue the chain of the segment before");
    last_roll_up_ = roll_up->hash;
    checked_.roll_ups.emplace_back(info.sequence, roll_up->hash);
    return std::move(roll_up).value();
  }

  bool LookAtRecords(const LedgerSegmentInfo& info, const std::optional<RollUp>& roll_up) {
    const auto segment = LedgerSegment::Map(info.path, LedgerSegment::Access::kRead);
    if (!segment.ok()) {
      Find(segment.error().message);
      return true;
    }
    const std::string_view bytes = (*segment)->bytes();
    if (bytes.size() < info.end) {
      Find(info, "it is shorter than its records");
      return true;
    }
    const auto read = ReadSegmentRecords(info, bytes, 0, [&](uint64_t number, std::string_view record) {
      ++checked_.records;
      return visit_(number, record);
    });
    if (read.ok() && !*read) return false;
    if (!read.ok()) Find(read.error().message);
    if (roll_up && roll_up->segment != Sha256(bytes.substr(0, info.end)))
      Find(info, "it is not what its roll-up was made of");
    return true;
  }

  void LookAtChain(const LedgerSegmentInfo& info, const std::optional<RollUp>& roll_up) {
    const auto groups = CheckChainOf(folder_, info, uncovered_ ? nullptr : &head_);
    if (!groups.ok()) {
      if (groups.error().code != ErrorCode::kNotFound) {
        Find(groups.error().message);
      } else if (roll_up) {  // being removed: a power loss kept the removal of its chain only
        head_ = roll_up->chain_after;
      } else {
        uncovered_ = true;
        checked_.unchained_bytes += info.end;
      }
      return;
    }
    if (uncovered_) Find(info, "it is chained although bytes of a segment before it are not");
    checked_.groups += groups->groups;
    checked_.unchained_bytes += info.end - std::min(info.end, groups->end);
    uncovered_ = groups->end < info.end;
    head_ = groups->head;
    if (roll_up && roll_up->chain_after != head_) Find(info, "its chain does not end as its roll-up says");
  }

  void Find(const LedgerSegmentInfo& info, const char* what) {
    Find("ledger segment " + info.path + ": " + what);
  }
  void Find(std::string what) { checked_.findings.push_back(std::move(what)); }

  const std::string& folder_;
  const LedgerLog::Visit& visit_;
  LedgerLog::Checked checked_;
  bool uncovered_ = false;  // bytes before are in no group
  Sha256Digest head_{};
  Sha256Digest last_roll_up_{};
};

}  // namespace

LedgerLog::Checked CheckLedger(const std::string& folder, const std::vector<LedgerSegmentInfo>& segments,
                               const LedgerLog::OpenReport& report, const LedgerLog::Visit& visit) {
  SegmentAudit audit(folder, visit);
  for (const LedgerSegmentInfo& info : segments) {
    if (!audit.Look(info)) break;
  }
  LedgerLog::Checked checked = std::move(audit).Take();
  checked.bytes_dropped = report.bytes_dropped;
  checked.dropped_where = report.detail;
  return checked;
}

}  // namespace hearth
