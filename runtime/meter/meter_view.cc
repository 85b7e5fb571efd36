#include "runtime/meter/meter_view.h"

#include <algorithm>

#include "runtime/meter/record_codec.h"
#include "runtime/meter/usage_table.h"

namespace hearth {
namespace {

// The whole hours of a period; empty (from > to is possible) when it has none.
struct WholeHours {
  UtcHour from;
  UtcHour to;
  explicit WholeHours(Period period)
      : from(std::chrono::ceil<std::chrono::hours>(period.from)), to(HourOf(period.to)) {}
  bool empty() const { return from >= to; }
};

void Close(const AccountEntry& entry, UsageTable& usage) {
  if (const auto through = ClosingOf(entry)) usage.CloseThrough(*through);
}

}  // namespace

Result<Statement> MeterView::StatementOf(Period period) const {
  StatementBuilder builder(period);
  const auto add = [&](const InvocationRecord& record) {
    builder.Add(record);
    return true;
  };
  const WholeHours whole(period);
  if (whole.empty()) {
    HEARTH_TRY(Visit(period, add));
  } else {
    usage_.Collect(whole.from, whole.to, builder);
    HEARTH_TRY(Visit({period.from, whole.from}, add));
    HEARTH_TRY(Visit({whole.to, period.to}, add));
  }
  return std::move(builder).Take();
}

Result<std::vector<UsageRow>> MeterView::ReadRowsBookedIn(UtcHour from, UtcHour to) const {
  UsageTable usage;
  const std::vector<LedgerPart> parts = ledger_->parts();
  if (parts.empty()) HEARTH_TRY(ReadUsage(0, UINT64_MAX, usage));
  for (const LedgerPart& part : parts) {
    if (part.first_number == part.end_number) continue;
    if (part.raw) {
      Status read = ReadUsage(part.first_number, part.end_number, usage);
      if (read.ok()) continue;
      if (read.error().code != ErrorCode::kPrecondition) return read.error();  // not removed meanwhile
    }
    HEARTH_TRY(AddSums(part, usage));
  }
  return usage.RowsBookedIn(from, to);
}

Status MeterView::Read(uint64_t from, const LedgerView::Visit& visit) const {
  bool stopped = false;
  HEARTH_TRY(ledger_->Read(from, [&](uint64_t number, std::string_view bytes) {
    stopped = stop_ && stop_->load(std::memory_order_relaxed);
    return !stopped && visit(number, bytes);
  }));
  return stopped ? Status(Error{ErrorCode::kCancelled, "read the ledger: whoever wanted it is gone"}) : Ok();
}

Status MeterView::ReadUsage(uint64_t from, uint64_t to, UsageTable& usage) const {
  return Read(from, [&](uint64_t number, std::string_view bytes) {
    if (number >= to) return false;
    const auto kind = EntryKindOf(bytes);
    if (kind.ok() && *kind == LedgerEntryKind::kAccountEvent) {
      if (const auto entry = DecodeAccountEntry(number, bytes); entry.ok()) Close(*entry, usage);
    } else if (const auto record = DecodeRecord(bytes); record.ok()) {
      usage.Add(number, *record);
    }
    return number + 1 < to;
  });
}

Status MeterView::AddSums(const LedgerPart& part, UsageTable& usage) const {
  HEARTH_ASSIGN(const RollUpSums sums, SumsOfPart(*ledger_, part));
  for (const RollUpSums::Row& row : sums.rows) usage.Add(row.usage, row.range);
  for (const AccountEntry& entry : sums.account_events) Close(entry, usage);
  return Ok();
}

Status MeterView::Visit(Period period, const std::function<bool(const InvocationRecord&)>& visit) const {
  return VisitNumbered(period, [&](uint64_t, const InvocationRecord& record) { return visit(record); });
}

Status MeterView::VisitNumbered(
    Period period, const std::function<bool(uint64_t number, const InvocationRecord&)>& visit) const {
  if (period.from >= period.to) return Ok();
  const RecordRange range =
      usage_.RangeOf(HourOf(period.from), std::chrono::ceil<std::chrono::hours>(period.to));
  if (range.empty()) return Ok();
  const std::vector<LedgerPart> parts = ledger_->parts();
  const bool gone = std::any_of(parts.begin(), parts.end(), [&](const LedgerPart& part) {
    return !part.raw && part.end_number > range.first && part.first_number <= range.last;
  });
  if (gone) {
    return Error{ErrorCode::kPrecondition,
                 "the single records of that time are no longer kept (ledger_keep_days), only their sums by "
                 "whole UTC hour"};
  }
  return Read(range.first, [&](uint64_t number, std::string_view bytes) {
    if (number > range.last) return false;
    const auto record =
        DecodeRecord(bytes);  // not an account event; an unreadable one was reported at Open()
    return !record.ok() || !period.Contains(record->started) || visit(number, *record);
  });
}

Result<bool> MeterView::VisitNewest(
    std::string_view function, WallTime since, uint64_t read_max,
    const std::function<bool(uint64_t, const InvocationRecord&)>& visit) const {
  constexpr uint64_t kPiece = 10'000;  // entries in memory at a time
  for (const auto& [hour, range] : usage_.HoursOf(function)) {
    if (hour + std::chrono::hours(1) <= since) break;
    for (uint64_t end = range.last + 1; end > range.first;) {
      const uint64_t begin = end - range.first > kPiece ? end - kPiece : range.first;
      if (end - begin > read_max) return false;
      read_max -= end - begin;
      std::vector<std::pair<uint64_t, InvocationRecord>> piece;
      HEARTH_TRY(Read(begin, [&, hour = hour](uint64_t number, std::string_view bytes) {
        if (number >= end) return false;
        auto record = DecodeRecord(bytes);
        const bool wanted = record.ok() && record->function == function && HourOf(record->started) == hour &&
                            record->started >= since;
        if (wanted) piece.emplace_back(number, std::move(record).value());
        return true;
      }));
      for (auto one = piece.rbegin(); one != piece.rend(); ++one) {
        if (!visit(one->first, one->second)) return true;
      }
      end = begin;
    }
  }
  return true;
}

Result<RollUpSums> SumsOfPart(const LedgerView& ledger, const LedgerPart& part) {
  HEARTH_ASSIGN(const std::string bytes, ledger.SumsOf(part.sequence));
  auto sums = DecodeRollUpSums(bytes);
  if (sums.ok()) return sums;
  return sums.error().WithContext("roll-up of ledger segment " + std::to_string(part.sequence));
}

}  // namespace hearth
