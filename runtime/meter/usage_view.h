#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/meter/statement.h"
#include "runtime/meter/usage_row.h"
#include "runtime/meter/utc_hour.h"

namespace hearth {

// Which records of the ledger an hour's are among: [first, last], empty when first > last.
struct RecordRange {
  uint64_t first = UINT64_MAX;
  uint64_t last = 0;
  bool empty() const { return first > last; }
  friend bool operator==(const RecordRange&, const RecordRange&) = default;
  void Widen(uint64_t from, uint64_t to) {
    first = from < first ? from : first;
    last = to > last ? to : last;
  }
};

// Sums of one UTC hour, by version and whatever is rated apart.
struct UsageHour {
  // Made once for a version and never changed, so that hours can point at it from any thread.
  struct Version {
    uint32_t id = 0;  // in the order in which they were met
    std::string function;
    std::string version;
  };
  struct Slice {
    Plan plan = Plan::kOnDemand;
    uint32_t memory_mib = 0;
    uint32_t tmp_mib = 0;
    std::string commitment;
    UsageTotals usage;
  };
  struct Of {
    std::shared_ptr<const Version> version;
    RecordRange range;
    std::vector<Slice> slices;  // one, mostly; the one that was added to last comes first
  };
  UtcHour hour{};
  std::vector<Of> versions;  // by id
};

// Usage by the hour as it was at one moment: it shares the hours with the table that made it, which copies one
// before it changes it.
//
// Thread:  any.
// Promise: never changes.
class UsageView final {
 public:
  using Late = std::map<UsageKey, UsageTotals>;

  UsageView(std::vector<std::shared_ptr<const UsageHour>> hours, std::shared_ptr<const Late> late)
      : hours_(std::move(hours)), late_(std::move(late)) {}

  // Adds every hour in [from, to), late records too: by when attempts started.
  void Collect(UtcHour from, UtcHour to, StatementBuilder& into) const;
  // What is billed in [from, to), in the order of keys.
  std::vector<UsageRow> RowsBookedIn(UtcHour from, UtcHour to) const;
  // By when attempts started.
  RecordRange RangeOf(UtcHour from, UtcHour to) const;
  // Of a function, all versions: each hour in which it ran, the newest first.
  std::vector<std::pair<UtcHour, RecordRange>> HoursOf(std::string_view function) const;

 private:
  using Hours = std::vector<std::shared_ptr<const UsageHour>>;
  Hours::const_iterator At(UtcHour hour) const;

  Hours hours_;  // in order
  std::shared_ptr<const Late> late_;
};

}  // namespace hearth
