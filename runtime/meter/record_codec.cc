#include "runtime/meter/record_codec.h"

#include <utility>

#include "runtime/base/units.h"
#include "runtime/base/uuid.h"
#include "runtime/meter/entry_bytes.h"
#include "runtime/meter/ledger_entry.h"

namespace hearth {
namespace {

constexpr uint8_t kBillable = 1, kCold = 2, kPackedId = 4;  // flags
constexpr unsigned kInitKindShift = 3, kInitKindMask = 3;   // two bits of them, from version 3 on
constexpr uint8_t kInitKindLast = static_cast<uint8_t>(InitKind::kSnapshot);
constexpr uint8_t kTriggerLast = static_cast<uint8_t>(TriggerKind::kTopic);
constexpr uint8_t kOutcomeLast = static_cast<uint8_t>(OutcomeKind::kAborted);
constexpr uint8_t kPlanLast = kPlans - 1;
constexpr uint8_t kSourceLast = static_cast<uint8_t>(UsageSource::kRusage);

constexpr bool IsUuidHyphen(size_t at) { return at == 8 || at == 13 || at == 18 || at == 23; }

std::string UnpackUuid(std::string_view packed) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(36);
  for (const char c : packed) {
    if (IsUuidHyphen(text.size())) text += '-';
    text += kDigits[static_cast<uint8_t>(c) >> 4];
    text += kDigits[static_cast<uint8_t>(c) & 15];
  }
  return text;
}

using Writer = RecordWriter;
using Reader = EntryReader;

Status CheckName(std::string_view what, std::string_view name) {
  if (!name.empty() && name.size() <= kEntryNameBytesMax) return Ok();
  return Error{ErrorCode::kInvalidArgument, "record an invocation: its " + std::string(what) + " has " +
                                                std::to_string(name.size()) +
                                                " bytes, 1 to 255 are possible"};
}

void WriteNumbers(Writer& writer, const InvocationRecord& record) {
  writer.Number(record.attempt);
  writer.Signed(record.started.time_since_epoch().count());
  writer.Number(record.init_ns);
  writer.Number(record.duration_ns);
  writer.Number(record.queued_ns);
  writer.Number(record.billed_ms);
  writer.Number(record.memory_mib);
  writer.Number(record.memory_peak_kib);
  writer.Number(record.cpu_us);
  writer.Number(record.bytes_in);
  writer.Number(record.bytes_out);
  writer.Number(record.worker);
}

void ReadNumbers(Reader& reader, InvocationRecord& record) {
  record.attempt = reader.Number32("attempt");
  record.started = WallTime(microseconds(reader.Signed("started")));
  record.init_ns = reader.Number("init");
  record.duration_ns = reader.Number("duration");
  record.queued_ns = reader.Number("queued");
  record.billed_ms = reader.Number("billed");
  record.memory_mib = reader.Number32("memory");
  record.memory_peak_kib = reader.Number("memory peak");
  record.cpu_us = reader.Number("cpu");
  record.bytes_in = reader.Number("bytes in");
  record.bytes_out = reader.Number("bytes out");
  record.worker = reader.Number("worker");
}

// What version 2 added.
void WriteVersion2(Writer& writer, const InvocationRecord& record) {
  writer.Byte(static_cast<uint8_t>(record.plan));
  writer.Byte(static_cast<uint8_t>(record.usage_source));
  writer.Name(record.commitment);
  writer.Number(record.tmp_mib);
  writer.Number(record.idle_cpu_us);
  writer.Fixed64(record.boot_id);
}

void ReadVersion2(Reader& reader, InvocationRecord& record) {
  record.plan = static_cast<Plan>(reader.Choice("plan", kPlanLast));
  record.usage_source = static_cast<UsageSource>(reader.Choice("usage source", kSourceLast));
  record.commitment = reader.Name("commitment");
  record.tmp_mib = reader.Number32("tmp");
  record.idle_cpu_us = reader.Number("idle cpu");
  record.boot_id = reader.Fixed64("boot id");
}

Error NewerRecord(uint8_t version) {
  return {ErrorCode::kUnsupported, "invocation record of format version " + std::to_string(version) +
                                       "; this program reads up to " + std::to_string(kRecordVersion) +
                                       ": start the release that wrote it"};
}

// The record as it is, but for how it ended.
Result<std::string_view> Encode(const InvocationRecord& record, OutcomeKind outcome, bool billable,
                                Writer& writer) {
  HEARTH_TRY(CheckName("request id", record.request_id));
  HEARTH_TRY(CheckName("function", record.function));
  HEARTH_TRY(CheckName("version", record.version));
  if (!record.commitment.empty()) HEARTH_TRY(CheckName("commitment", record.commitment));
  const auto packed = UuidBytes(record.request_id);
  writer.Byte(static_cast<uint8_t>(LedgerEntryKind::kRecord));
  // A release that does not know of them would take the init of a snapshot for a request.
  writer.Byte(record.init == InitKind::kInit ? kRecordVersionOfOthers : kRecordVersion);
  const unsigned init_kind = static_cast<unsigned>(record.init) << kInitKindShift;
  writer.Byte(static_cast<uint8_t>((billable ? kBillable : 0) | (record.cold ? kCold : 0) |
                                   (packed ? kPackedId : 0) | init_kind));
  writer.Byte(static_cast<uint8_t>(record.trigger));
  writer.Byte(static_cast<uint8_t>(outcome));
  if (packed) {
    writer.Raw({packed->data(), packed->size()});
  } else {
    writer.Name(record.request_id);
  }
  writer.Name(record.function);
  writer.Name(record.version);
  WriteNumbers(writer, record);
  WriteVersion2(writer, record);
  return writer.bytes();
}

}  // namespace

Result<std::string_view> EncodeRecord(const InvocationRecord& record, RecordWriter& writer) {
  return Encode(record, record.outcome, record.billable, writer);
}

Result<std::string_view> EncodeOpening(const InvocationRecord& opening, RecordWriter& writer) {
  return Encode(opening, OutcomeKind::kInterrupted, /*billable=*/false, writer);
}

Result<std::string> EncodeRecord(const InvocationRecord& record) {
  RecordWriter writer;
  HEARTH_ASSIGN(const std::string_view bytes, EncodeRecord(record, writer));
  return std::string(bytes);
}

Result<InvocationRecord> DecodeRecord(std::string_view bytes) {
  HEARTH_ASSIGN(const LedgerEntryKind kind, EntryKindOf(bytes));
  if (kind != LedgerEntryKind::kRecord && kind != LedgerEntryKind::kRecordVersion1)
    return Error{ErrorCode::kNotFound, "ledger entry is no invocation record"};
  Reader reader(bytes);
  const bool tagged = kind == LedgerEntryKind::kRecord;
  (void)reader.Byte("kind");
  const uint8_t version = tagged ? reader.Byte("version") : 1;
  if (version > kRecordVersion) return NewerRecord(version);
  InvocationRecord record;
  const uint8_t flags = reader.Byte("flags");
  record.billable = (flags & kBillable) != 0;
  record.cold = (flags & kCold) != 0;
  const unsigned init_kind = (flags >> kInitKindShift) & kInitKindMask;
  if (init_kind > kInitKindLast || (init_kind != 0 && version < kRecordVersion))
    return Error{ErrorCode::kCorrupt, "invocation record: its field \"init kind\" is damaged"};
  record.init = static_cast<InitKind>(init_kind);
  record.trigger = static_cast<TriggerKind>(reader.Choice("trigger", kTriggerLast));
  record.outcome = static_cast<OutcomeKind>(reader.Choice("outcome", kOutcomeLast));
  record.request_id = (flags & kPackedId) != 0 ? UnpackUuid(reader.Raw("request id", 16))
                                               : std::string(reader.Name("request id"));
  record.function = reader.Name("function");
  record.version = reader.Name("function version");
  ReadNumbers(reader, record);
  if (version >= 2) ReadVersion2(reader, record);
  const bool version_fits = version >= (tagged ? 2 : 1);
  if (version_fits && !reader.failed() && reader.at_end()) return record;
  return Error{ErrorCode::kCorrupt,
               std::string("invocation record: ") +
                   (!version_fits     ? "version " + std::to_string(version) + " was never written so"
                    : reader.failed() ? "its field \"" + std::string(reader.failed()) + "\" is damaged"
                                      : std::string("bytes follow its last field"))};
}

}  // namespace hearth
