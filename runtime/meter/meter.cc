#include "runtime/meter/meter.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <utility>

#include "runtime/base/digest.h"
#include "runtime/base/uuid.h"
#include "runtime/meter/billed_duration.h"
#include "runtime/meter/record_codec.h"
#include "runtime/meter/roll_up_sums.h"

namespace hearth {

Status CheckBilling(const InvocationRecord& record) {
  if (!record.billable) return Ok();
  const uint64_t expected = BilledMs(nanoseconds(static_cast<int64_t>(record.init_ns)),
                                     nanoseconds(static_cast<int64_t>(record.duration_ns)));
  if (record.billed_ms == expected) return Ok();
  return Error{ErrorCode::kInternal,
               "record invocation " + record.request_id + ": billed for " + std::to_string(record.billed_ms) +
                   " ms where init and duration make " + std::to_string(expected) + " ms"};
}

Result<Meter::Opened> Meter::Open(LedgerLog& ledger) { return Open(ledger, Options()); }

Result<Meter::Opened> Meter::Open(LedgerLog& ledger, Options options) { return Open(ledger, options, {}); }

Result<Meter::Opened> Meter::Open(LedgerLog& ledger, Options options, OpenSlots::Opened slots,
                                  const std::vector<OpenSlots::Opened*>& of_loops) {
  Opened opened;
  opened.meter.reset(new Meter(ledger, options));
  Meter& meter = *opened.meter;
  HEARTH_TRY(meter.TakeLeftovers(slots, opened.report));
  for (OpenSlots::Opened* of_loop : of_loops) HEARTH_TRY(meter.TakeLeftovers(*of_loop, opened.report));
  meter.slots_ = std::move(slots.slots);
  HEARTH_TRY(meter.Rebuild(opened.report));
  meter.RecordLeftovers(opened.report);
  return opened;
}

Status Meter::TakeLeftovers(OpenSlots::Opened& opened, OpenReport& report) {
  if (report.not_known == 0) report.detail = opened.detail;
  report.not_known += opened.damaged;
  for (const OpenSlots::Left& one : opened.left) {
    auto record = DecodeRecord(one.payload);
    if (record.ok()) {
      const Identity identity{KeyOf(record->request_id), record->attempt};
      leftovers_.push_back({opened.slots.get(), one.slot, identity, std::move(record).value()});
      continue;
    }
    if (record.error().code == ErrorCode::kUnsupported) return record.error().WithContext("open slot");
    if (report.not_known++ == 0) report.detail = record.error().WithContext("open slot").message;
    opened.slots->Free(one.slot);
  }
  return Ok();
}

// After the ledger was read: what has a record there ended before the last life did. What was on its way comes first: of
// one attempt both may be left. With the ledger full the rest stays in its slots for the next start.
void Meter::RecordLeftovers(OpenReport& report) {
  std::vector<Leftover> left = std::exchange(leftovers_, {});
  const auto first_open = std::stable_partition(left.begin(), left.end(), [](const Leftover& one) {
    return one.record.outcome != OutcomeKind::kInterrupted;
  });
  const auto settled = static_cast<size_t>(first_open - left.begin());
  for (size_t index = 0; index < left.size(); ++index) {
    const Leftover& one = left[index];
    const auto recorded = Record(one.record);
    if (!recorded.ok() && recorded.error().code != ErrorCode::kConflict) {
      report.detail = recorded.error().WithContext("an interrupted attempt has no record yet").message;
      continue;
    }
    if (recorded.ok() && *recorded == Recorded::kAppended)
      ++(index < settled ? report.settled : report.interrupted);
    one.slots->Free(one.slot);
  }
  conflicts_ = 0;  // none of these was one
}

// Full segments are taken for what their roll-ups say; only the records of the last ones are read, for the
// identities. So the cost of opening is bounded by the roll-ups and the window, not by the age of the ledger.
Status Meter::Rebuild(OpenReport& report) {
  const std::vector<LedgerLog::Part> parts = ledger_.parts();
  if (parts.empty()) return ReadRange(0, UINT64_MAX, UsageFrom::kRecords, report);
  const uint64_t window = std::max(options_.identities_max, options_.successes_max);
  const uint64_t window_begins = ledger_.size() - std::min<uint64_t>(ledger_.size(), window);
  const auto view = ledger_.View();
  for (const LedgerLog::Part& part : parts) {
    UsageFrom usage = UsageFrom::kRecords;
    bool read = part.raw;
    if (part.rolled_up) {
      const auto sums = SumsOfPart(*view, part);
      if (!sums.ok() && (!part.raw || sums.error().code == ErrorCode::kUnsupported)) return sums.error();
      if (sums.ok()) {
        usage = UsageFrom::kSums;
        read = part.raw && (part.end_number > window_begins || MayHoldLeftovers(*sums));
        TakeSums(*sums);
        if (!read) report.records += sums->invocations;
        report.account_events += sums->account_events.size();
      }
    }
    if (read) HEARTH_TRY(ReadRange(part.first_number, part.end_number, usage, report));
  }
  return Ok();
}

Status Meter::ReadRange(uint64_t first, uint64_t end, UsageFrom usage, OpenReport& report) {
  Status newer;
  HEARTH_TRY(ledger_.Read(first, [&](uint64_t number, std::string_view bytes) {
    if (number >= end) return false;
    const Status taken = TakeEntry(number, bytes, usage, report);
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

void Meter::TakeSums(const RollUpSums& sums) {
  for (const RollUpSums::Row& row : sums.rows) usage_.Add(row.usage, row.range);
  for (const AccountEntry& entry : sums.account_events) TakeAccountEntry(entry);
}

// A slot is half a minute older than its record at most, but that record may be anywhere within the hour.
bool Meter::MayHoldLeftovers(const RollUpSums& sums) const {
  const auto hours = sums.Hours();
  return hours && std::any_of(leftovers_.begin(), leftovers_.end(), [&](const Leftover& open) {
           const UtcHour hour = HourOf(open.record.started);
           return hours->first <= hour && hour <= hours->second;
         });
}

Status Meter::TakeEntry(uint64_t number, std::string_view bytes, UsageFrom usage, OpenReport& report) {
  HEARTH_ASSIGN(const LedgerEntryKind kind, EntryKindOf(bytes));
  if (kind == LedgerEntryKind::kAccountEvent) {
    if (usage == UsageFrom::kSums) return Ok();  // they had it
    HEARTH_ASSIGN(AccountEntry entry, DecodeAccountEntry(number, bytes));
    TakeAccountEntry(std::move(entry));
    ++report.account_events;
    return Ok();
  }
  if (kind == LedgerEntryKind::kRollUpMade) {
    HEARTH_ASSIGN(const RollUpAnchor anchor, DecodeRollUpAnchor(bytes));
    roll_ups_anchored_ = std::max(roll_ups_anchored_, anchor.sequence + 1);
    return Ok();
  }
  HEARTH_ASSIGN(const InvocationRecord record, DecodeRecord(bytes));
  ++report.records;
  const Identity identity{KeyOf(record.request_id), record.attempt};
  RememberIdentity(record, identity, bytes);
  if (usage == UsageFrom::kRecords) usage_.Add(number, record);
  std::erase_if(leftovers_, [&](const Leftover& open) {
    if (!(open.identity == identity)) return false;
    open.slots->Free(open.slot);
    return true;
  });
  return Ok();
}

void Meter::TakeAccountEntry(AccountEntry entry) {
  if (const auto through = ClosingOf(entry)) usage_.CloseThrough(*through);
  account_events_.push_back(std::move(entry));
}

UtcHour Meter::ClosedBefore(uint64_t number) const {
  UtcHour closed = std::chrono::sys_days(std::chrono::year(1900) / 1 / 1);
  for (const AccountEntry& entry : account_events_) {
    if (entry.number >= number) break;
    if (const auto through = ClosingOf(entry)) closed = std::max(closed, *through);
  }
  return closed;
}

Result<uint64_t> Meter::RecordAccountEvent(std::string_view kind, std::string_view json, WallTime now) {
  if (account_events_.size() >= options_.account_events_max) {
    return Error{ErrorCode::kThrottled, "record an account event: the ledger has " +
                                            std::to_string(account_events_.size()) +
                                            " of them, more are not kept in memory"};
  }
  if (!ledger_.writable()) {
    return Error{ErrorCode::kUnavailable,
                 "record an account event: the ledger has room for the records of accepted work only"};
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
  RecordWriter writer;
  HEARTH_ASSIGN(const std::string_view bytes, EncodeOpening(opening, writer));
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
  RecordWriter writer;
  HEARTH_ASSIGN(const std::string_view bytes, EncodeRecord(record, writer));
  const Identity identity{KeyOf(record.request_id), record.attempt};
  if (const Seen* known = identities_.Find(identity)) {
    if (*known == SeenAs(record, bytes)) return Recorded::kAlreadyThere;
    ++conflicts_;
    return Error{ErrorCode::kConflict, "record invocation " + record.request_id + " attempt " +
                                           std::to_string(record.attempt) +
                                           ": the ledger has another record of it; the first stands"};
  }
  HEARTH_ASSIGN(const uint64_t number, ledger_.Append(bytes));
  RememberIdentity(record, identity, bytes);
  usage_.Add(number, record);
  for (InvocationObserver* observer : observers_) observer->OnInvocationSettled(record);
  return Recorded::kAppended;
}

Meter::Seen Meter::SeenAs(const InvocationRecord& record, std::string_view bytes) {
  Seen seen{};
  seen.hash = std::hash<std::string_view>()(bytes) >> 8;
  seen.outcome = static_cast<uint8_t>(record.outcome);
  return seen;
}

void Meter::RememberIdentity(const InvocationRecord& record, const Identity& identity,
                             std::string_view bytes) {
  identities_.Put(identity, SeenAs(record, bytes));
  if (record.outcome == OutcomeKind::kSuccess && record.trigger != TriggerKind::kHttp) {
    successes_.Put(identity.request, {});
  }
}

bool Meter::HasSuccess(const RequestId& request_id) const {
  return successes_.Find(KeyOf(request_id.text())) != nullptr;
}

std::optional<OutcomeKind> Meter::OutcomeOf(const RequestId& request_id, uint32_t attempt) const {
  const Seen* known = identities_.Find({KeyOf(request_id.text()), attempt});
  return known != nullptr ? std::optional(static_cast<OutcomeKind>(known->outcome)) : std::nullopt;
}

// Any 16 bytes do that differ when the ids do: a UUID's own, else a digest.
Meter::RequestKey Meter::KeyOf(std::string_view request_id) {
  RequestKey key;
  if (const auto bytes = UuidBytes(request_id)) {
    std::memcpy(&key, bytes->data(), sizeof key);
  } else {
    const Sha256Digest digest = Sha256(request_id);
    std::memcpy(&key, digest.data(), sizeof key);
  }
  return key;
}

}  // namespace hearth
