#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/meter/usage_view.h"

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
  using Range = RecordRange;

  void Add(uint64_t number, const InvocationRecord& record);
  // A sum that was made before, of records in `range`.
  void Add(const UsageRow& row, Range range);
  // Hours before `through` are closed for what is added from now on.
  void CloseThrough(UtcHour through);

  // All of it as it is now: a pointer for each hour. The first change of an hour after that copies it.
  UsageView View() const;

  // As of the view.
  void Collect(UtcHour from, UtcHour to, StatementBuilder& into) const { Peek().Collect(from, to, into); }
  std::vector<UsageRow> RowsBookedIn(UtcHour from, UtcHour to) const { return Peek().RowsBookedIn(from, to); }
  Range RangeOf(UtcHour from, UtcHour to) const { return Peek().RangeOf(from, to); }

 private:
  // Hours and late usage are shared with a view when it was made after they were written last.
  struct Hour {
    std::shared_ptr<UsageHour> of;
    uint64_t generation = 0;
  };
  struct Series {
    std::shared_ptr<const UsageHour::Version> version;
    UtcHour newest_hour{};
    UsageHour::Of* newest = nullptr;  // of newest_hour: the one that most records go to; of this generation
    uint64_t place_generation = 0;
  };
  using Versions = std::map<std::string, Series, std::less<>>;

  UsageView Peek() const;  // gone before the next change
  Series& SeriesFor(const std::string& function, const std::string& version);
  UsageHour& WritableHour(UtcHour hour);
  UsageHour::Of& HourFor(Series& series, UtcHour hour);
  UsageView::Late& WritableLate();
  static UsageTotals& SliceFor(UsageHour::Of& of, Plan plan, const std::string& commitment,
                               uint32_t memory_mib, uint32_t tmp_mib);
  UsageTotals& TotalsFor(const UsageKey& key, Range range);

  std::map<std::string, Versions, std::less<>> functions_;
  uint32_t versions_ = 0;
  std::vector<Hour> hours_;  // in order
  std::shared_ptr<UsageView::Late> late_ = std::make_shared<UsageView::Late>();
  uint64_t late_generation_ = 0;
  mutable uint64_t generation_ = 0;  // one more with each view
  uint64_t place_generation_ = 0;    // one more whenever an hour's versions move in memory
  UtcHour closed_through_ = std::chrono::sys_days(std::chrono::year(1900) / 1 / 1);
};

}  // namespace hearth
