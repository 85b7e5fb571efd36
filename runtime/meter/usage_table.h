#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "runtime/meter/statement.h"
#include "runtime/meter/utc_hour.h"

namespace hearth {

// Sums by function, version and UTC hour, kept up with each record, so that a bill does not read the whole
// ledger again.
//
// Owned by Meter.
// Thread:  loop thread. Memory: about 250 bytes for each hour in which a version ran; a year of one version
//          that never rests is 2 MB.
class UsageTable final {
 public:
  void Add(uint64_t number, const InvocationRecord& record);
  // Adds every hour in [from, to).
  void Collect(UtcHour from, UtcHour to, StatementBuilder& into) const;

  // Which records of the ledger an hour's are among: [first, last], empty when first > last.
  struct Range {
    uint64_t first = UINT64_MAX;
    uint64_t last = 0;
    bool empty() const { return first > last; }
  };
  Range RangeOf(UtcHour from, UtcHour to) const;

 private:
  struct Hour {
    UsageTotals usage;
    Range range;
  };
  struct Series {
    std::map<UtcHour, Hour> hours;
    UtcHour newest_hour{};
    Hour* newest = nullptr;  // of newest_hour: the one that most records go to
  };
  using Versions = std::map<std::string, Series, std::less<>>;

  Hour& HourFor(const InvocationRecord& record);

  std::map<std::string, Versions, std::less<>> functions_;
};

}  // namespace hearth
