#include "runtime/meter/roll_up_sums.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "runtime/meter/account_event.h"
#include "runtime/meter/entry_bytes.h"
#include "runtime/meter/record_codec.h"

namespace hearth {
namespace {

// Those that there were at first are always written, later ones where there are any: a roll-up that is made again, by
// whichever version, has the bytes whose hash is in the ledger.
constexpr size_t kOutcomeKindsFirst = 11;

// Four names, two hours, a plan, the count of outcomes, and numbers.
constexpr size_t kRowBytesMax =
    3 * (1 + kEntryNameBytesMax) + 2 + (2 + 4 + 9 + kOutcomeKinds) * kEntryNumberBytesMax;
constexpr uint8_t kPlanLast = kPlans - 1;
int64_t HoursOf(UtcHour hour) { return hour.time_since_epoch().count(); }

// The fields of a sum, in the order of the bytes.
template <class Totals, class Do>
void EachTotal(Totals& totals, Do&& one) {
  one(totals.records);
  one(totals.requests);
  one(totals.billed_ms);
  one(totals.memory_mb_ms);
  one(totals.next_hour_mb_ms);
  one(totals.duration_ns);
  one(totals.init_ns);
  one(totals.cold_starts);
  one(totals.cpu_us);
}

std::string EncodeRow(const RollUpSums::Row& row) {
  const UsageKey& key = row.usage.key;
  EntryWriter<kRowBytesMax> writer;
  writer.Signed(HoursOf(key.hour));
  writer.Number(static_cast<uint64_t>(HoursOf(key.booked) - HoursOf(key.hour)));
  writer.Name(key.function);
  writer.Name(key.version);
  writer.Byte(static_cast<uint8_t>(key.plan));
  writer.Name(key.commitment);
  writer.Number(key.memory_mib);
  writer.Number(key.tmp_mib);
  writer.Number(row.range.first);
  writer.Number(row.range.last);
  EachTotal(row.usage.usage, [&](uint64_t value) { writer.Number(value); });
  size_t kinds = kOutcomeKinds;
  while (kinds > kOutcomeKindsFirst && row.usage.usage.by_outcome[kinds - 1] == 0) --kinds;
  writer.Byte(static_cast<uint8_t>(kinds));
  for (size_t i = 0; i < kinds; ++i) writer.Number(row.usage.usage.by_outcome[i]);
  return std::string(writer.bytes());
}

RollUpSums::Row ReadRow(EntryReader& reader) {
  RollUpSums::Row row;
  UsageKey& key = row.usage.key;
  const int64_t hour = reader.Signed("hour");
  const uint64_t later = reader.Number("booked");
  key.hour = UtcHour(std::chrono::hours(hour));
  key.booked = UtcHour(std::chrono::hours(hour + static_cast<int64_t>(later)));
  key.function = reader.Name("function");
  key.version = reader.Name("function version");
  key.plan = static_cast<Plan>(reader.Choice("plan", kPlanLast));
  key.commitment = reader.Name("commitment");
  key.memory_mib = reader.Number32("memory");
  key.tmp_mib = reader.Number32("tmp");
  row.range.first = reader.Number("first record");
  row.range.last = reader.Number("last record");
  EachTotal(row.usage.usage, [&](uint64_t& value) { value = reader.Number("sum"); });
  const uint8_t outcomes = reader.Choice("outcomes", kOutcomeKinds);
  for (size_t i = 0; i < outcomes; ++i) row.usage.usage.by_outcome[i] = reader.Number("outcome");
  return row;
}

}  // namespace

std::optional<std::pair<UtcHour, UtcHour>> RollUpSums::Hours() const {
  if (rows.empty()) return std::nullopt;
  const auto [first, last] = std::minmax_element(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    return a.usage.key.hour < b.usage.key.hour;
  });
  return std::pair(first->usage.key.hour, last->usage.key.hour);
}

Status RollUpBuilder::Take(uint64_t number, std::string_view bytes) {
  HEARTH_ASSIGN(const LedgerEntryKind kind, EntryKindOf(bytes));
  if (kind == LedgerEntryKind::kRollUpMade) return Ok();  // of an earlier segment; its successor has its hash
  if (kind == LedgerEntryKind::kAccountEvent) {
    HEARTH_ASSIGN(AccountEntry entry, DecodeAccountEntry(number, bytes));
    if (const auto through = ClosingOf(entry)) table_.CloseThrough(*through);
    sums_.account_events.push_back(std::move(entry));
    return Ok();
  }
  HEARTH_ASSIGN(const InvocationRecord record, DecodeRecord(bytes));
  table_.Add(number, record);
  ranges_[HourOf(record.started)].Widen(number, number);
  ++sums_.invocations;
  return Ok();
}

RollUpSums RollUpBuilder::Finish() && {
  for (UsageRow& usage : table_.RowsBookedIn(UtcHour::min(), UtcHour::max())) {
    const UsageTable::Range range = ranges_.at(usage.key.hour);
    sums_.rows.push_back({std::move(usage), range});
  }
  return std::move(sums_);
}

std::optional<UtcHour> ClosingOf(const AccountEntry& entry) {
  if (entry.kind != EventKindOf(PeriodClosed())) return std::nullopt;
  const auto event = DecodeAccountEventJson(entry.kind, entry.json);
  if (!event.ok()) return std::nullopt;  // Account::Open() fails then
  return std::get<PeriodClosed>(*event).through;
}

std::string EncodeRollUpSums(const RollUpSums& sums) {
  EntryWriter<1 + 3 * kEntryNumberBytesMax> head;
  head.Byte(kRollUpSumsVersion);
  head.Number(sums.invocations);
  head.Number(sums.rows.size());
  head.Number(sums.account_events.size());
  std::string bytes(head.bytes());
  for (const RollUpSums::Row& row : sums.rows) bytes += EncodeRow(row);
  for (const AccountEntry& entry : sums.account_events) {
    const std::string encoded = EncodeAccountEntry(entry).value();  // it was decoded from such bytes
    EntryWriter<2 * kEntryNumberBytesMax> place;
    place.Number(entry.number);
    place.Number(encoded.size());
    bytes += place.bytes();
    bytes += encoded;
  }
  return bytes;
}

Result<RollUpSums> DecodeRollUpSums(std::string_view bytes) {
  EntryReader reader(bytes);
  const uint8_t version = reader.Byte("version");
  if (version > kRollUpSumsVersion) {
    return Error{ErrorCode::kUnsupported, "sums of a ledger segment, format version " +
                                              std::to_string(version) + "; this program reads up to " +
                                              std::to_string(kRollUpSumsVersion) +
                                              ": start the release that wrote it"};
  }
  RollUpSums sums;
  sums.invocations = reader.Number("invocations");
  const uint64_t rows = reader.Number("rows"), events = reader.Number("account events");
  for (uint64_t i = 0; i < rows && !reader.failed(); ++i) sums.rows.push_back(ReadRow(reader));
  for (uint64_t i = 0; i < events && !reader.failed(); ++i) {
    const uint64_t number = reader.Number("number");
    const std::string_view entry = reader.Raw("account event", reader.Number("length"));
    if (reader.failed()) break;
    HEARTH_ASSIGN(AccountEntry decoded, DecodeAccountEntry(number, entry));
    sums.account_events.push_back(std::move(decoded));
  }
  if (version > 0 && !reader.failed() && reader.at_end()) return sums;
  return Error{ErrorCode::kCorrupt,
               std::string("sums of a ledger segment: ") +
                   (reader.failed() ? "its field \"" + std::string(reader.failed()) + "\" is damaged"
                    : version == 0  ? "version 0 never was"
                                    : std::string("bytes follow its last field"))};
}

}  // namespace hearth
