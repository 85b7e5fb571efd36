#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/meter/ledger_entry.h"
#include "runtime/meter/usage_table.h"

namespace hearth {

// What stays of a ledger segment's entries when they are removed: all that bills are made from. Account
// events are kept as they are, invocations as sums by hour and whatever is rated apart.
struct RollUpSums {
  struct Row {
    UsageRow usage;
    UsageTable::Range range;  // records of that hour, in this segment
    friend bool operator==(const Row&, const Row&) = default;
  };
  uint64_t invocations = 0;
  std::vector<Row> rows;  // in the order of keys
  std::vector<AccountEntry> account_events;

  // Hours in which its attempts started: [first, last]; none when it has no rows.
  std::optional<std::pair<UtcHour, UtcHour>> Hours() const;
  friend bool operator==(const RollUpSums&, const RollUpSums&) = default;
};

// Sums a segment up. `closed_through` is what was closed when the segment began: which hour late usage is
// booked in depends on it.
class RollUpBuilder final {
 public:
  explicit RollUpBuilder(UtcHour closed_through) { table_.CloseThrough(closed_through); }
  Status Take(uint64_t number, std::string_view entry);
  RollUpSums Finish() &&;

 private:
  UsageTable table_;
  std::map<UtcHour, UsageTable::Range> ranges_;
  RollUpSums sums_;
};

// What a closing says, or nothing when the event is another.
std::optional<UtcHour> ClosingOf(const AccountEntry& entry);

inline constexpr uint8_t kRollUpSumsVersion = 1;
std::string EncodeRollUpSums(const RollUpSums& sums);
// kUnsupported names a newer version; kCorrupt says which field.
Result<RollUpSums> DecodeRollUpSums(std::string_view bytes);

}  // namespace hearth
