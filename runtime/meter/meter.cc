#include "runtime/meter/meter.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <utility>

#include "runtime/base/digest.h"
#include "runtime/meter/account_event.h"
#include "runtime/meter/billed_duration.h"
#include "runtime/meter/record_codec.h"

namespace hearth {
namespace {

uint64_t HashOf(std::string_view bytes) { return std::hash<std::string_view>()(bytes); }

// Both are bugs of ours elsewhere; a wrong bill is worse than an error.
Status CheckBilling(const InvocationRecord& record) {
  if (!record.billable) return Ok();
  const uint64_t expected = BilledMs(nanoseconds(static_cast<int64_t>(record.init_ns)),
                                     nanoseconds(static_cast<int64_t>(record.duration_ns)));
  if (record.billed_ms == expected) return Ok();
  return Error{ErrorCode::kInternal,
               "record invocation " + record.request_id + ": billed for " + std::to_string(record.billed_ms) +
                   " ms where init and duration make " + std::to_string(expected) + " ms"};
}

// Records behind such an entry do not change what the hours before it sum up to.
void TakeClosing(const AccountEntry& entry, UsageTable& usage) {
  if (entry.kind != EventKindOf(PeriodClosed())) return;
  const auto event = DecodeAccountEventJson(entry.kind, entry.json);
  if (event.ok()) usage.CloseThrough(std::get<PeriodClosed>(*event).through);  // else Account::Open() fails
}

// The whole hours of a period; empty (from > to is possible) when it has none.
struct WholeHours {
  UtcHour from;
  UtcHour to;
  explicit WholeHours(Period period)
      : from(std::chrono::ceil<std::chrono::hours>(period.from)), to(HourOf(period.to)) {}
  bool empty() const { return from >= to; }
};

}  // namespace

Result<Meter::Opened> Meter::Open(LedgerLog& ledger) { return Open(ledger, Options()); }

Result<Meter::Opened> Meter::Open(LedgerLog& ledger, Options options) { return Open(ledger, options, {}); }

Result<Meter::Opened> Meter::Open(LedgerLog& ledger, Options options, OpenSlots::Opened slots) {
  Opened opened;
  opened.meter.reset(new Meter(ledger, options));
  Meter& meter = *opened.meter;
  meter.slots_ = std::move(slots.slots);
  opened.report.not_known = slots.damaged;
  opened.report.detail = slots.detail;
  HEARTH_TRY(meter.TakeLeftovers(std::move(slots.left), opened.report));
  HEARTH_TRY(meter.Rebuild(opened.report));
  meter.RecordInterrupted(opened.report);
  return opened;
}

Status Meter::TakeLeftovers(std::vector<OpenSlots::Left> left, OpenReport& report) {
  for (const OpenSlots::Left& one : left) {
    auto record = DecodeRecord(one.payload);
    if (record.ok()) {
      const Identity identity{KeyOf(record->request_id), record->attempt};
      leftovers_.push_back({one.slot, identity, std::move(record).value()});
      continue;
    }
    if (record.error().code == ErrorCode::kUnsupported) return record.error().WithContext("open slot");
    if (report.not_known++ == 0) report.detail = record.error().WithContext("open slot").message;
    slots_->Free(one.slot);
  }
  return Ok();
}

// After the ledger was read: what has a record there ended before the last life did. With the ledger full the
// rest stays in its slots for the next start.
void Meter::RecordInterrupted(OpenReport& report) {
  for (const Leftover& open : std::exchange(leftovers_, {})) {
    const auto recorded = Record(open.record);
    if (!recorded.ok() && recorded.error().code != ErrorCode::kConflict) {
      report.detail = recorded.error().WithContext("an interrupted attempt has no record yet").message;
      continue;
    }
    if (recorded.ok() && *recorded == Recorded::kAppended) ++report.interrupted;
    slots_->Free(open.slot);
  }
  conflicts_ = 0;  // none of these was one
}

Status Meter::Rebuild(OpenReport& report) {
  Status newer;
  HEARTH_TRY(ledger_.Read(0, [&](uint64_t number, std::string_view bytes) {
    const Status taken = TakeEntry(number, bytes, report);
    if (taken.ok()) return true;
    const Error error = taken.error().WithContext("ledger record " + std::to_string(number));
    if (error.code == ErrorCode::kUnsupported) {
      newer = error;
      return false;
    }
    if (report.unreadable++ == 0) report.detail = error.message;
    return true;
  }));
  return newer;
}

Status Meter::TakeEntry(uint64_t number, std::string_view bytes, OpenReport& report) {
  HEARTH_ASSIGN(const LedgerEntryKind kind, EntryKindOf(bytes));
  if (kind == LedgerEntryKind::kAccountEvent) {
    HEARTH_ASSIGN(AccountEntry entry, DecodeAccountEntry(number, bytes));
    TakeAccountEntry(std::move(entry));
    ++report.account_events;
    return Ok();
  }
  HEARTH_ASSIGN(const InvocationRecord record, DecodeRecord(bytes));
  ++report.records;
  const Identity identity{KeyOf(record.request_id), record.attempt};
  Remember(number, record, identity, bytes);
  std::erase_if(leftovers_, [&](const Leftover& open) {
    if (!(open.identity == identity)) return false;
    slots_->Free(open.slot);
    return true;
  });
  return Ok();
}

void Meter::TakeAccountEntry(AccountEntry entry) {
  TakeClosing(entry, usage_);
  account_events_.push_back(std::move(entry));
}

Result<std::vector<UsageRow>> Meter::ReadRowsBookedIn(UtcHour from, UtcHour to) const {
  UsageTable usage;
  HEARTH_TRY(ledger_.Read(0, [&](uint64_t number, std::string_view bytes) {
    const auto kind = EntryKindOf(bytes);
    if (kind.ok() && *kind == LedgerEntryKind::kAccountEvent) {
      if (const auto entry = DecodeAccountEntry(number, bytes); entry.ok()) TakeClosing(*entry, usage);
    } else if (const auto record = DecodeRecord(bytes); record.ok()) {
      usage.Add(number, *record);
    }
    return true;
  }));
  return usage.RowsBookedIn(from, to);
}

Result<uint64_t> Meter::RecordAccountEvent(std::string_view kind, std::string_view json, WallTime now) {
  if (account_events_.size() >= options_.account_events_max) {
    return Error{ErrorCode::kThrottled, "record an account event: the ledger has " +
                                            std::to_string(account_events_.size()) +
                                            " of them, more are not kept in memory"};
  }
  AccountEntry entry;
  entry.kind = kind;
  entry.json = json;
  entry.recorded = now;
  entry.boot_id = options_.boot_id;
  HEARTH_ASSIGN(const std::string bytes, EncodeAccountEntry(entry));
  HEARTH_ASSIGN(entry.number, ledger_.Append(bytes));
  TakeAccountEntry(std::move(entry));
  return account_events_.back().number;
}

Result<OpenSlots::Id> Meter::Begin(const InvocationRecord& opening) {
  if (!slots_) return OpenSlots::Id();
  InvocationRecord interrupted = opening;
  interrupted.outcome = OutcomeKind::kInterrupted;
  interrupted.billable = false;
  HEARTH_ASSIGN(const std::string bytes, EncodeRecord(interrupted));
  return slots_->Put(bytes);
}

void Meter::Withdraw(OpenSlots::Id open) {
  if (slots_) slots_->Free(open);
}

Result<Meter::Recorded> Meter::Record(const InvocationRecord& record, OpenSlots::Id open) {
  auto recorded = Record(record);
  Withdraw(open);
  return recorded;
}

Result<Meter::Recorded> Meter::Record(const InvocationRecord& record) {
  HEARTH_TRY(CheckBilling(record));
  HEARTH_ASSIGN(const std::string bytes, EncodeRecord(record));
  const Identity identity{KeyOf(record.request_id), record.attempt};
  if (const uint64_t* known = identities_.Find(identity)) {
    if (*known == HashOf(bytes)) return Recorded::kAlreadyThere;
    ++conflicts_;
    return Error{ErrorCode::kConflict, "record invocation " + record.request_id + " attempt " +
                                           std::to_string(record.attempt) +
                                           ": the ledger has another record of it; the first stands"};
  }
  HEARTH_ASSIGN(const uint64_t number, ledger_.Append(bytes));
  Remember(number, record, identity, bytes);
  for (InvocationObserver* observer : observers_) observer->OnInvocationSettled(record);
  return Recorded::kAppended;
}

void Meter::Remember(uint64_t number, const InvocationRecord& record, const Identity& identity,
                     std::string_view bytes) {
  identities_.Put(identity, HashOf(bytes));
  if (record.outcome == OutcomeKind::kSuccess && record.trigger != TriggerKind::kHttp) {
    successes_.Put(identity.request, {});
  }
  usage_.Add(number, record);
}

bool Meter::HasSuccess(const RequestId& request_id) const {
  return successes_.Find(KeyOf(request_id.text())) != nullptr;
}

// Any 16 bytes do that differ when the ids do: the hexadecimal digits of a UUID, else a digest.
Meter::RequestKey Meter::KeyOf(std::string_view request_id) {
  RequestKey key;
  size_t digits = 0;
  for (const char c : request_id) {
    if (c == '-') continue;
    const bool number = c >= '0' && c <= '9';
    if ((!number && (c < 'a' || c > 'f')) || digits == 32) {
      digits = 0;
      break;
    }
    uint64_t& half = digits < 16 ? key.high : key.low;
    half = half << 4 | static_cast<uint64_t>(number ? c - '0' : c - 'a' + 10);
    ++digits;
  }
  if (digits == 32) return key;
  const Sha256Digest digest = Sha256(request_id);
  std::memcpy(&key, digest.data(), sizeof key);
  return key;
}

Result<Statement> Meter::StatementOf(Period period) const {
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

Status Meter::Visit(Period period, const std::function<bool(const InvocationRecord&)>& visit) const {
  return VisitNumbered(period, [&](uint64_t, const InvocationRecord& record) { return visit(record); });
}

Status Meter::VisitNumbered(
    Period period, const std::function<bool(uint64_t number, const InvocationRecord&)>& visit) const {
  if (period.from >= period.to) return Ok();
  const UsageTable::Range range =
      usage_.RangeOf(HourOf(period.from), std::chrono::ceil<std::chrono::hours>(period.to));
  if (range.empty()) return Ok();
  return ledger_.Read(range.first, [&](uint64_t number, std::string_view bytes) {
    if (number > range.last) return false;
    const auto record =
        DecodeRecord(bytes);  // not an account event; an unreadable one was reported at Open()
    return !record.ok() || !period.Contains(record->started) || visit(number, *record);
  });
}

}  // namespace hearth
