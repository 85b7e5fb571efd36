#include "runtime/store/ledger_roll_up.h"

#include <cstring>

#include "runtime/base/files.h"

namespace hearth {
namespace {

constexpr size_t kHashesAt = kLedgerBlockBytes;
constexpr size_t kPayloadAt = kHashesAt + 4 * sizeof(Sha256Digest);
constexpr size_t kFooterBytes = kLedgerBlockBytes;  // hash (32), zeros, CRC of all before it (4)

void StoreHash(std::string& bytes, size_t at, const Sha256Digest& hash) {
  std::memcpy(&bytes[at], hash.data(), hash.size());
}

Sha256Digest LoadHash(std::string_view bytes, size_t at) {
  Sha256Digest hash;
  std::memcpy(hash.data(), &bytes[at], hash.size());
  return hash;
}

Error Damaged(const std::string& path, const char* what) {
  return {ErrorCode::kCorrupt, "ledger roll-up " + path + ": " + what};
}

}  // namespace

std::string EncodeRollUp(RollUp& roll_up) {
  const LedgerBlock head = EncodeRollUpHeader(
      {roll_up.sequence, roll_up.first_number, roll_up.end_number, roll_up.end, roll_up.payload.size()});
  std::string bytes(kPayloadAt, '\0');
  std::memcpy(bytes.data(), head.data(), head.size());
  size_t at = kHashesAt;
  for (const Sha256Digest* hash :
       {&roll_up.chain_before, &roll_up.chain_after, &roll_up.segment, &roll_up.previous}) {
    StoreHash(bytes, at, *hash);
    at += hash->size();
  }
  bytes += roll_up.payload;
  roll_up.hash = Sha256(bytes);
  const size_t footer = bytes.size();
  bytes.resize(footer + kFooterBytes);
  StoreHash(bytes, footer, roll_up.hash);
  const size_t crc_at = bytes.size() - 4;
  StoreNumber(&bytes[crc_at], Crc32(std::string_view(bytes).substr(0, crc_at)));
  return bytes;
}

Result<RollUp> DecodeRollUp(std::string_view bytes, const std::string& path) {
  const BlockState state = CheckHeader(bytes, kRollUpMagic);
  if (state == BlockState::kOtherVersion) {
    return Error{ErrorCode::kUnsupported, "ledger roll-up " + path + " has another format version than " +
                                              std::to_string(kLedgerVersion) +
                                              ": start the release that wrote it"};
  }
  if (state != BlockState::kValid) return Damaged(path, "its header is damaged");
  const RollUpHeader head = DecodeRollUpHeader(bytes);
  if (bytes.size() < kPayloadAt + kFooterBytes ||
      head.payload_bytes != bytes.size() - kPayloadAt - kFooterBytes) {
    return Damaged(path, "it is not as long as it says");
  }
  const size_t crc_at = bytes.size() - 4, footer = bytes.size() - kFooterBytes;
  if (LoadNumber<uint32_t>(&bytes[crc_at]) != Crc32(bytes.substr(0, crc_at)))
    return Damaged(path, "it does not have its CRC");
  RollUp roll_up;
  roll_up.sequence = head.sequence;
  roll_up.first_number = head.first_number;
  roll_up.end_number = head.end_number;
  roll_up.end = head.end;
  roll_up.chain_before = LoadHash(bytes, kHashesAt);
  roll_up.chain_after = LoadHash(bytes, kHashesAt + 32);
  roll_up.segment = LoadHash(bytes, kHashesAt + 64);
  roll_up.previous = LoadHash(bytes, kHashesAt + 96);
  roll_up.payload = bytes.substr(kPayloadAt, head.payload_bytes);
  roll_up.hash = LoadHash(bytes, footer);
  if (roll_up.hash != Sha256(bytes.substr(0, footer)))
    return Damaged(path, "it does not have the hash that it states");
  return roll_up;
}

Result<RollUp> ReadRollUp(const std::string& folder, uint64_t sequence) {
  const std::string path = folder + "/" + RollUpName(sequence);
  HEARTH_ASSIGN(const std::string bytes, ReadFile(path));
  HEARTH_ASSIGN(RollUp roll_up, DecodeRollUp(bytes, path));
  if (roll_up.sequence != sequence) return Damaged(path, "it belongs to another segment");
  return roll_up;
}

Status WriteRollUp(const std::string& folder, RollUp& roll_up) {
  return WriteFileAtomically(folder + "/" + RollUpName(roll_up.sequence), EncodeRollUp(roll_up), 0640);
}

}  // namespace hearth
