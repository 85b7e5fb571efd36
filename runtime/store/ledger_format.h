#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/clock.h"
#include "runtime/base/digest.h"
#include "runtime/base/units.h"

// The bytes of the ledger's files; docs/ledger-format.md is the page. Integers are little-endian, offsets are
// from the start of the file.

namespace hearth {

static_assert(std::endian::native == std::endian::little,
              "the ledger's integers are copied as they are in memory");

// The first 16 bytes of every file (magic, version, CRC of both) have the same form in all versions to come,
// so that any reader can tell "another version" from "damaged".
inline constexpr std::string_view kSegmentMagic = "HEARTHLG";
inline constexpr std::string_view kChainMagic = "HEARTHCH";
inline constexpr std::string_view kSlotsMagic = "HEARTHOS";
inline constexpr std::string_view kRollUpMagic = "HEARTHRU";
inline constexpr uint32_t kLedgerVersion = 1;  // of each of them
inline constexpr size_t kPreambleBytes = 16;

// Both headers and each entry of a chain: one cache line, its last 4 bytes the CRC of the 60 before.
inline constexpr size_t kLedgerBlockBytes = 64;
using LedgerBlock = std::array<char, kLedgerBlockBytes>;

// A record: length (4), CRC (4), payload, zeros up to a multiple of 8.
inline constexpr size_t kFrameHeaderBytes = 8;
inline constexpr size_t kFrameAlignment = 8;
inline constexpr size_t kLedgerRecordBytesMax = 64 << 10;

constexpr size_t FrameBytes(size_t payload_bytes) {
  return kFrameHeaderBytes + (payload_bytes + kFrameAlignment - 1) / kFrameAlignment * kFrameAlignment;
}

// A segment holds its header and at least one record at the limit.
inline constexpr uint64_t kSegmentBytesMin = 128 << 10;
static_assert(kLedgerBlockBytes + FrameBytes(kLedgerRecordBytesMax) <= kSegmentBytesMin);

template <class T>
T LoadNumber(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <class T>
void StoreNumber(char* to, T value) {
  std::memcpy(to, &value, sizeof value);
}

struct SegmentHeader {
  uint64_t sequence = 0;      // as in the file's name
  uint64_t first_number = 0;  // of its first record
  uint64_t previous_end = 0;  // where the records of the segment before ended when this one was begun
  WallTime created{};
};

struct ChainHeader {
  uint64_t sequence = 0;    // of the segment it belongs to
  Sha256Digest previous{};  // last hash of the chain before; zeros for the first
};

// One sync group: the segment's bytes from the end of the group before (0 for the first) to `end`.
struct ChainEntry {
  uint64_t group = 0;       // from 0 in each segment
  uint64_t end = 0;         // offset
  uint64_t end_number = 0;  // one past the number of its last record
  Sha256Digest hash{};
};

struct RollUpHeader {
  uint64_t sequence = 0;
  uint64_t first_number = 0;
  uint64_t end_number = 0;
  uint64_t end = 0;
  uint64_t payload_bytes = 0;
};

enum class BlockState { kValid, kEmpty, kDamaged, kOtherVersion };

// What the first bytes of a file are; kEmpty: all zero.
BlockState CheckHeader(std::string_view bytes, std::string_view magic);

LedgerBlock EncodeSegmentHeader(const SegmentHeader& header);
SegmentHeader DecodeSegmentHeader(std::string_view block);  // CheckHeader() said kValid
LedgerBlock EncodeChainHeader(const ChainHeader& header);
ChainHeader DecodeChainHeader(std::string_view block);
LedgerBlock EncodeChainEntry(const ChainEntry& entry);
std::optional<ChainEntry> DecodeChainEntry(std::string_view block);
LedgerBlock EncodeRollUpHeader(const RollUpHeader& header);
RollUpHeader DecodeRollUpHeader(std::string_view block);
LedgerBlock EncodeSlotsHeader(uint32_t slot_bytes, uint64_t slots);

// SHA-256(previous hash | sequence | start | end | SHA-256(bytes)): a group cannot move, grow or change
// unseen.
Sha256Digest ChainHash(const Sha256Digest& previous, uint64_t sequence, uint64_t start,
                       std::string_view bytes);

// CRC-32 over number (8), length (4), payload and padding: a record is valid only in its own place.
uint32_t FrameCrc(uint64_t number, uint32_t length, std::string_view padded_payload);
// The payload of the record at `offset`, or nothing when the bytes there are not record `number`.
std::optional<std::string_view> ReadFrame(std::string_view segment, uint64_t offset, uint64_t number);

std::string SegmentName(uint64_t sequence);  // "0000000007.ledger"
std::string ChainName(uint64_t sequence);    // "0000000007.chain"
std::string RollUpName(uint64_t sequence);   // "0000000007.rollup"

}  // namespace hearth
