#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/store/ledger_format.h"

namespace hearth {

// What stays of a segment when its records are removed: sums, made by whoever knows what the records mean,
// and the hashes that keep the chain whole. docs/ledger-format.md has the bytes.
struct RollUp {
  uint64_t sequence = 0;  // of the segment
  uint64_t first_number = 0;
  uint64_t end_number = 0;
  uint64_t end = 0;             // where its records ended
  Sha256Digest chain_before{};  // the chain's hash before its first sync group
  Sha256Digest chain_after{};   // after its last one
  Sha256Digest segment{};       // SHA-256 of its bytes [0, end)
  Sha256Digest previous{};      // `hash` of the roll-up before; zeros for the first
  std::string payload;
  Sha256Digest hash{};  // of the file up to here; set by EncodeRollUp() and ReadRollUp()
};

std::string EncodeRollUp(RollUp& roll_up);
// kCorrupt; kUnsupported names another version.
Result<RollUp> DecodeRollUp(std::string_view bytes, const std::string& path);
// kNotFound when there is none.
Result<RollUp> ReadRollUp(const std::string& folder, uint64_t sequence);
// Beside, synced, renamed: the old one or the new one, whatever happens.
Status WriteRollUp(const std::string& folder, RollUp& roll_up);

}  // namespace hearth
