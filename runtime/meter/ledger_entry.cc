#include "runtime/meter/ledger_entry.h"

#include <cstring>
#include <utility>

#include "runtime/meter/entry_bytes.h"

namespace hearth {
namespace {

constexpr uint8_t kKindLast = static_cast<uint8_t>(LedgerEntryKind::kRollUpMade);
constexpr size_t kAnchorBytesMax = 2 + kEntryNumberBytesMax + sizeof(Sha256Digest);
constexpr size_t kAccountHeadBytesMax = 2 + 1 + kEntryNameBytesMax + kEntryNumberBytesMax + 8;

}  // namespace

Result<LedgerEntryKind> EntryKindOf(std::string_view bytes) {
  const uint8_t kind = bytes.empty() ? 0 : static_cast<uint8_t>(bytes[0]);
  if (kind == 0) return Error{ErrorCode::kCorrupt, "ledger entry: kind 0 never was"};
  if (kind <= kKindLast) return static_cast<LedgerEntryKind>(kind);
  return Error{ErrorCode::kUnsupported, "ledger entry of kind " + std::to_string(kind) +
                                            "; this program knows those up to " + std::to_string(kKindLast) +
                                            ": start the release that wrote it"};
}

Result<std::string> EncodeAccountEntry(const AccountEntry& entry) {
  if (entry.kind.empty() || entry.kind.size() > kEntryNameBytesMax || entry.json.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 "record an account event: its kind has " + std::to_string(entry.kind.size()) +
                     " bytes, 1 to 255 are possible; its payload has " + std::to_string(entry.json.size())};
  }
  if (entry.json.size() > kAccountEventJsonMax.count) {
    return Error{ErrorCode::kTooLarge, "record an account event: its payload has " +
                                           std::to_string(entry.json.size()) + " bytes; the limit is " +
                                           std::to_string(kAccountEventJsonMax.count)};
  }
  EntryWriter<kAccountHeadBytesMax> writer;
  writer.Byte(static_cast<uint8_t>(LedgerEntryKind::kAccountEvent));
  writer.Byte(kAccountEntryVersion);
  writer.Name(entry.kind);
  writer.Signed(entry.recorded.time_since_epoch().count());
  writer.Fixed64(entry.boot_id);
  return std::string(writer.bytes()) + entry.json;
}

Result<AccountEntry> DecodeAccountEntry(uint64_t number, std::string_view bytes) {
  EntryReader reader(bytes);
  (void)reader.Byte("kind");
  const uint8_t version = reader.Byte("version");
  if (version > kAccountEntryVersion) {
    return Error{ErrorCode::kUnsupported, "account event of format version " + std::to_string(version) +
                                              "; this program reads up to " +
                                              std::to_string(kAccountEntryVersion) +
                                              ": start the release that wrote it"};
  }
  AccountEntry entry;
  entry.number = number;
  entry.kind = reader.Name("kind name");
  entry.recorded = WallTime(microseconds(reader.Signed("recorded")));
  entry.boot_id = reader.Fixed64("boot id");
  entry.json = reader.Rest();
  if (version > 0 && !reader.failed() && !entry.kind.empty() && !entry.json.empty()) return entry;
  return Error{ErrorCode::kCorrupt, "account event: its field \"" +
                                        std::string(reader.failed()      ? reader.failed()
                                                    : version == 0       ? "version"
                                                    : entry.kind.empty() ? "kind name"
                                                                         : "payload") +
                                        "\" is damaged"};
}

std::string EncodeRollUpAnchor(const RollUpAnchor& anchor) {
  EntryWriter<kAnchorBytesMax> writer;
  writer.Byte(static_cast<uint8_t>(LedgerEntryKind::kRollUpMade));
  writer.Byte(kRollUpAnchorVersion);
  writer.Number(anchor.sequence);
  writer.Raw({reinterpret_cast<const char*>(anchor.hash.data()), anchor.hash.size()});
  return std::string(writer.bytes());
}

Result<RollUpAnchor> DecodeRollUpAnchor(std::string_view bytes) {
  EntryReader reader(bytes);
  (void)reader.Byte("kind");
  const uint8_t version = reader.Byte("version");
  if (version > kRollUpAnchorVersion) {
    return Error{ErrorCode::kUnsupported, "hash of a roll-up of format version " + std::to_string(version) +
                                              "; this program reads up to " +
                                              std::to_string(kRollUpAnchorVersion) +
                                              ": start the release that wrote it"};
  }
  RollUpAnchor anchor;
  anchor.sequence = reader.Number("sequence");
  const std::string_view hash = reader.Raw("hash", anchor.hash.size());
  if (version > 0 && !reader.failed() && reader.at_end()) {
    std::memcpy(anchor.hash.data(), hash.data(), hash.size());
    return anchor;
  }
  return Error{ErrorCode::kCorrupt, "hash of a roll-up: its bytes are damaged"};
}

}  // namespace hearth
