#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/clock.h"
#include "runtime/base/digest.h"
#include "runtime/base/result.h"
#include "runtime/base/units.h"

namespace hearth {

// What an entry of the ledger is: its first byte. 1 was the version byte of an invocation record when there
// was nothing else, so it stands for that. Append only; a release refuses to open a ledger with kinds it does
// not know, since a bill without them would be wrong.
enum class LedgerEntryKind : uint8_t {
  kRecordVersion1 = 1,
  kRecord = 2,  // a version byte follows
  kAccountEvent = 3,
  kRollUpMade = 4,
};

// kUnsupported names a kind of a newer release; kCorrupt when there is none.
Result<LedgerEntryKind> EntryKindOf(std::string_view bytes);

// Something that happened to the account and that bills depend on: a commitment bought, a tag set. What it
// says is the rater's; the ledger keeps it in its place among the records, unchanged.
struct AccountEntry {
  uint64_t number = 0;  // in the ledger; not in the bytes
  std::string kind;     // "commitment.bought"
  WallTime recorded{};
  uint64_t boot_id = 0;
  std::string json;

  friend bool operator==(const AccountEntry&, const AccountEntry&) = default;
};

inline constexpr uint8_t kAccountEntryVersion = 1;
inline constexpr Bytes kAccountEventJsonMax = 60_KiB;  // a ledger record has 64 KiB

// kInvalidArgument: kind of 0 or over 255 bytes, no payload. kTooLarge: kAccountEventJsonMax.
Result<std::string> EncodeAccountEntry(const AccountEntry& entry);
// kUnsupported names a newer version; kCorrupt says which field.
Result<AccountEntry> DecodeAccountEntry(uint64_t number, std::string_view bytes);

// A roll-up was written: its hash, so that the chain over the ledger vouches for sums that were made later.
struct RollUpAnchor {
  uint64_t sequence = 0;  // of the segment
  Sha256Digest hash{};
  friend bool operator==(const RollUpAnchor&, const RollUpAnchor&) = default;
};
inline constexpr uint8_t kRollUpAnchorVersion = 1;
std::string EncodeRollUpAnchor(const RollUpAnchor& anchor);
Result<RollUpAnchor> DecodeRollUpAnchor(std::string_view bytes);

}  // namespace hearth
