#include "runtime/meter/record_codec.h"

#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "runtime/base/units.h"

namespace hearth {
namespace {

constexpr uint8_t kBillable = 1, kCold = 2, kPackedId = 4;  // flags
constexpr size_t kNameBytesMax = 255;
constexpr uint8_t kTriggerLast = static_cast<uint8_t>(TriggerKind::kTopic);
constexpr uint8_t kOutcomeLast = static_cast<uint8_t>(OutcomeKind::kInterrupted);

constexpr bool IsUuidHyphen(size_t at) { return at == 8 || at == 13 || at == 18 || at == 23; }

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// 16 bytes for a lower-case UUID, nothing for any other id.
std::optional<std::string> PackUuid(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  std::string packed;
  int high = -1;
  for (size_t at = 0; at < text.size(); ++at) {
    if (IsUuidHyphen(at)) {
      if (text[at] != '-') return std::nullopt;
      continue;
    }
    const int digit = HexValue(text[at]);
    if (digit < 0) return std::nullopt;
    if (high < 0) {
      high = digit;
    } else {
      packed += static_cast<char>(std::exchange(high, -1) * 16 + digit);
    }
  }
  return packed;
}

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

constexpr size_t kNumberBytesMax = 10;
constexpr size_t kNumbers = 12;
constexpr size_t kEncodedBytesMax = 4 + 3 * (1 + kNameBytesMax) + kNumbers * kNumberBytesMax;

class Writer final {
 public:
  void Byte(uint8_t value) { buffer_[size_++] = static_cast<char>(value); }
  // Seven bits a byte, least first, the top bit set on all but the last.
  void Number(uint64_t value) {
    for (; value >= 0x80; value >>= 7) Byte(static_cast<uint8_t>(value) | 0x80);
    Byte(static_cast<uint8_t>(value));
  }
  void Name(std::string_view name) {
    Byte(static_cast<uint8_t>(name.size()));
    Raw(name);
  }
  void Raw(std::string_view bytes) {
    std::memcpy(&buffer_[size_], bytes.data(), bytes.size());
    size_ += bytes.size();
  }
  std::string Text() const { return std::string(buffer_.data(), size_); }

 private:
  std::array<char, kEncodedBytesMax> buffer_;
  size_t size_ = 0;
};

// After the first thing that does not fit every read gives zero; failed() names it.
class Reader final {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  uint8_t Byte(const char* field) {
    if (rest_.empty()) return Fail(field);
    const auto value = static_cast<uint8_t>(rest_[0]);
    rest_.remove_prefix(1);
    return value;
  }
  uint64_t Number(const char* field) {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const uint8_t byte = Byte(field);
      if (shift == 63 && byte > 1) break;
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return Fail(field);
  }
  std::string_view Raw(const char* field, size_t size) {
    if (rest_.size() < size) {
      Fail(field);
      return {};
    }
    const std::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return bytes;
  }
  std::string_view Name(const char* field) { return Raw(field, Byte(field)); }
  uint8_t Choice(const char* field, uint8_t last) {
    const uint8_t value = Byte(field);
    return value <= last ? value : Fail(field);
  }
  uint32_t Number32(const char* field) {
    const uint64_t value = Number(field);
    return value <= UINT32_MAX ? static_cast<uint32_t>(value) : Fail(field);
  }
  const char* failed() const { return failed_; }
  bool at_end() const { return rest_.empty(); }

 private:
  uint8_t Fail(const char* field) {
    if (!failed_) failed_ = field;
    rest_ = {};
    return 0;
  }
  std::string_view rest_;
  const char* failed_ = nullptr;
};

// The wall clock may stand before 1970 on a machine without a battery: signs alternate, so that small stays
// short.
uint64_t ZigZag(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}
int64_t UnZigZag(uint64_t value) {
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

Status CheckName(std::string_view what, std::string_view name) {
  if (!name.empty() && name.size() <= kNameBytesMax) return Ok();
  return Error{ErrorCode::kInvalidArgument, "record an invocation: its " + std::string(what) + " has " +
                                                std::to_string(name.size()) +
                                                " bytes, 1 to 255 are possible"};
}

void WriteNumbers(Writer& writer, const InvocationRecord& record) {
  writer.Number(record.attempt);
  writer.Number(ZigZag(record.started.time_since_epoch().count()));
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
  record.started = WallTime(microseconds(UnZigZag(reader.Number("started"))));
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

}  // namespace

Result<std::string> EncodeRecord(const InvocationRecord& record) {
  HEARTH_TRY(CheckName("request id", record.request_id));
  HEARTH_TRY(CheckName("function", record.function));
  HEARTH_TRY(CheckName("version", record.version));
  const auto packed = PackUuid(record.request_id);
  Writer writer;
  writer.Byte(kRecordVersion);
  writer.Byte((record.billable ? kBillable : 0) | (record.cold ? kCold : 0) | (packed ? kPackedId : 0));
  writer.Byte(static_cast<uint8_t>(record.trigger));
  writer.Byte(static_cast<uint8_t>(record.outcome));
  if (packed) {
    writer.Raw(*packed);
  } else {
    writer.Name(record.request_id);
  }
  writer.Name(record.function);
  writer.Name(record.version);
  WriteNumbers(writer, record);
  return writer.Text();
}

Result<InvocationRecord> DecodeRecord(std::string_view bytes) {
  Reader reader(bytes);
  const uint8_t version = reader.Byte("version");
  if (version > kRecordVersion) {
    return Error{ErrorCode::kUnsupported, "invocation record of format version " + std::to_string(version) +
                                              "; this program reads up to " + std::to_string(kRecordVersion) +
                                              ": start the release that wrote it"};
  }
  InvocationRecord record;
  const uint8_t flags = reader.Byte("flags");
  record.billable = (flags & kBillable) != 0;
  record.cold = (flags & kCold) != 0;
  record.trigger = static_cast<TriggerKind>(reader.Choice("trigger", kTriggerLast));
  record.outcome = static_cast<OutcomeKind>(reader.Choice("outcome", kOutcomeLast));
  record.request_id = (flags & kPackedId) != 0 ? UnpackUuid(reader.Raw("request id", 16))
                                               : std::string(reader.Name("request id"));
  record.function = reader.Name("function");
  record.version = reader.Name("function version");
  ReadNumbers(reader, record);
  const bool whole = version == kRecordVersion && !reader.failed() && reader.at_end();
  if (whole) return record;
  return Error{ErrorCode::kCorrupt,
               std::string("invocation record: ") +
                   (version == 0      ? "version 0 never was"
                    : reader.failed() ? "its field \"" + std::string(reader.failed()) + "\" is damaged"
                                      : std::string("bytes follow its last field"))};
}

}  // namespace hearth
