#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/meter/statement.h"
#include "runtime/meter/usage_row.h"
#include "runtime/meter/utc_hour.h"

namespace hearth {

// Sums by UTC hour and whatever is rated apart, kept up with each record, so that a bill does not read the
// whole ledger again.
//
// Owned by Meter.
// Thread:  loop thread. Memory: about 300 bytes for each hour in which a version ran under one plan, with one
//          size of memory; a year of one version that never rests is 2.6 MB.
// Promise: once an hour is closed its rows never change; what comes later is in rows of their own.
class UsageTable final {
 public:
  // Which records of the ledger an hour's are among: [first, last], empty when first > last.
  struct Range {
    uint64_t first = UINT64_MAX;
    uint64_t last = 0;
    bool empty() const { return first > last; }
    void Widen(uint64_t from, uint64_t to) {
      first = from < first ? from : first;
      last = to > last ? to : last;
    }
  };

  void Add(uint64_t number, const InvocationRecord& record);
  // A sum that was made before, of records in `range`.
  void Add(const UsageRow& row, Range range);
  // Hours before `through` are closed for what is added from now on.
  void CloseThrough(UtcHour through);

  // Adds every hour in [from, to), late records too: by when attempts started.
  void Collect(UtcHour from, UtcHour to, StatementBuilder& into) const;
  // What is billed in [from, to), in the order of keys.
  std::vector<UsageRow> RowsBookedIn(UtcHour from, UtcHour to) const;
  // By when attempts started.
  Range RangeOf(UtcHour from, UtcHour to) const;

 private:
  struct Slice {
    Plan plan = Plan::kOnDemand;
    uint32_t memory_mib = 0;
    uint32_t tmp_mib = 0;
    std::string commitment;
    UsageTotals usage;
  };
  struct Hour {
    std::vector<Slice> slices;  // one, mostly; the one that was added to last comes first
    Range range;
  };
  struct Series {
    std::map<UtcHour, Hour> hours;
    UtcHour newest_hour{};
    Hour* newest = nullptr;  // of newest_hour: the one that most records go to
  };
  using Versions = std::map<std::string, Series, std::less<>>;

  Series& SeriesFor(const std::string& function, const std::string& version);
  static Hour& HourFor(Series& series, UtcHour hour);
  static UsageTotals& SliceFor(Hour& hour, Plan plan, const std::string& commitment, uint32_t memory_mib,
                               uint32_t tmp_mib);
  UsageTotals& TotalsFor(const UsageKey& key, Range range);

  std::map<std::string, Versions, std::less<>> functions_;
  std::map<UsageKey, UsageTotals> late_;
  UtcHour closed_through_ = std::chrono::sys_days(std::chrono::year(1900) / 1 / 1);
};

}  // namespace hearth
