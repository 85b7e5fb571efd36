#include "runtime/store/ledger_format.h"

#include <algorithm>
#include <cstdio>

#include "runtime/base/check.h"

namespace hearth {
namespace {

constexpr size_t kBlockCrcAt = kLedgerBlockBytes - 4;

void StorePreamble(LedgerBlock& block, std::string_view magic) {
  std::memcpy(block.data(), magic.data(), magic.size());
  StoreNumber(&block[8], kLedgerVersion);
  StoreNumber(&block[12], Crc32({block.data(), 12}));
}

void StoreBlockCrc(LedgerBlock& block) {
  StoreNumber(&block[kBlockCrcAt], Crc32({block.data(), kBlockCrcAt}));
}

bool BlockCrcFits(std::string_view block) {
  return LoadNumber<uint32_t>(&block[kBlockCrcAt]) == Crc32(block.substr(0, kBlockCrcAt));
}

bool AllZero(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == 0; });
}

}  // namespace

BlockState CheckHeader(std::string_view bytes, std::string_view magic) {
  const std::string_view block = bytes.substr(0, kLedgerBlockBytes);
  if (AllZero(block)) return BlockState::kEmpty;
  if (block.size() < kPreambleBytes || block.substr(0, magic.size()) != magic) return BlockState::kDamaged;
  if (LoadNumber<uint32_t>(&block[12]) != Crc32(block.substr(0, 12))) return BlockState::kDamaged;
  if (LoadNumber<uint32_t>(&block[8]) != kLedgerVersion) return BlockState::kOtherVersion;
  return block.size() == kLedgerBlockBytes && BlockCrcFits(block) ? BlockState::kValid : BlockState::kDamaged;
}

LedgerBlock EncodeSegmentHeader(const SegmentHeader& header) {
  LedgerBlock block{};
  StorePreamble(block, kSegmentMagic);
  StoreNumber(&block[16], header.sequence);
  StoreNumber(&block[24], header.first_number);
  StoreNumber(&block[32], header.previous_end);
  StoreNumber<int64_t>(&block[40], header.created.time_since_epoch().count());
  StoreBlockCrc(block);
  return block;
}

SegmentHeader DecodeSegmentHeader(std::string_view block) {
  SegmentHeader header;
  header.sequence = LoadNumber<uint64_t>(&block[16]);
  header.first_number = LoadNumber<uint64_t>(&block[24]);
  header.previous_end = LoadNumber<uint64_t>(&block[32]);
  header.created = WallTime(microseconds(LoadNumber<int64_t>(&block[40])));
  return header;
}

LedgerBlock EncodeChainHeader(const ChainHeader& header) {
  LedgerBlock block{};
  StorePreamble(block, kChainMagic);
  StoreNumber(&block[16], header.sequence);
  std::memcpy(&block[24], header.previous.data(), header.previous.size());
  StoreBlockCrc(block);
  return block;
}

ChainHeader DecodeChainHeader(std::string_view block) {
  ChainHeader header;
  header.sequence = LoadNumber<uint64_t>(&block[16]);
  std::memcpy(header.previous.data(), &block[24], header.previous.size());
  return header;
}

LedgerBlock EncodeChainEntry(const ChainEntry& entry) {
  LedgerBlock block{};
  StoreNumber(&block[0], entry.group);
  StoreNumber(&block[8], entry.end);
  StoreNumber(&block[16], entry.end_number);
  std::memcpy(&block[24], entry.hash.data(), entry.hash.size());
  StoreBlockCrc(block);
  return block;
}

std::optional<ChainEntry> DecodeChainEntry(std::string_view block) {
  if (block.size() != kLedgerBlockBytes || !BlockCrcFits(block)) return std::nullopt;
  ChainEntry entry;
  entry.group = LoadNumber<uint64_t>(&block[0]);
  entry.end = LoadNumber<uint64_t>(&block[8]);
  entry.end_number = LoadNumber<uint64_t>(&block[16]);
  std::memcpy(entry.hash.data(), &block[24], entry.hash.size());
  return entry;
}

LedgerBlock EncodeRollUpHeader(const RollUpHeader& header) {
  LedgerBlock block{};
  StorePreamble(block, kRollUpMagic);
  StoreNumber(&block[16], header.sequence);
  StoreNumber(&block[24], header.first_number);
  StoreNumber(&block[32], header.end_number);
  StoreNumber(&block[40], header.end);
  StoreNumber(&block[48], header.payload_bytes);
  StoreBlockCrc(block);
  return block;
}

RollUpHeader DecodeRollUpHeader(std::string_view block) {
  return {LoadNumber<uint64_t>(&block[16]), LoadNumber<uint64_t>(&block[24]),
          LoadNumber<uint64_t>(&block[32]), LoadNumber<uint64_t>(&block[40]),
          LoadNumber<uint64_t>(&block[48])};
}

LedgerBlock EncodeSlotsHeader(uint32_t slot_bytes, uint64_t slots) {
  LedgerBlock block{};
  StorePreamble(block, kSlotsMagic);
  StoreNumber(&block[16], slot_bytes);
  StoreNumber(&block[24], slots);
  StoreBlockCrc(block);
  return block;
}

Sha256Digest ChainHash(const Sha256Digest& previous, uint64_t sequence, uint64_t start,
                       std::string_view bytes) {
  const Sha256Digest content = Sha256(bytes);
  char link[32 + 3 * 8 + 32];
  std::memcpy(link, previous.data(), previous.size());
  StoreNumber(link + 32, sequence);
  StoreNumber(link + 40, start);
  StoreNumber<uint64_t>(link + 48, start + bytes.size());
  std::memcpy(link + 56, content.data(), content.size());
  return Sha256({link, sizeof link});
}

uint32_t FrameCrc(uint64_t number, uint32_t length, std::string_view padded_payload) {
  char place[12];
  StoreNumber(place, number);
  StoreNumber(place + 8, length);
  return Crc32(padded_payload, Crc32({place, sizeof place}));
}

std::optional<std::string_view> ReadFrame(std::string_view segment, uint64_t offset, uint64_t number) {
  if (offset + kFrameHeaderBytes > segment.size()) return std::nullopt;
  const auto length = LoadNumber<uint32_t>(&segment[offset]);
  if (length == 0 || length > kLedgerRecordBytesMax) return std::nullopt;
  if (FrameBytes(length) > segment.size() - offset) return std::nullopt;
  const auto padded = segment.substr(offset + kFrameHeaderBytes, FrameBytes(length) - kFrameHeaderBytes);
  if (LoadNumber<uint32_t>(&segment[offset + 4]) != FrameCrc(number, length, padded)) return std::nullopt;
  return padded.substr(0, length);
}

namespace {
std::string NumberedName(uint64_t sequence, const char* suffix) {
  char name[48];
  std::snprintf(name, sizeof name, "%010llu.%s", static_cast<unsigned long long>(sequence), suffix);
  return name;
}
}  // namespace

std::string SegmentName(uint64_t sequence) { return NumberedName(sequence, "ledger"); }
std::string RollUpName(uint64_t sequence) { return NumberedName(sequence, "rollup"); }
std::string ChainName(uint64_t sequence) { return NumberedName(sequence, "chain"); }

}  // namespace hearth
