#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/meter/usage_totals.h"

namespace hearth {

// A period of the wall clock in UTC, [from, to). A record belongs to the period in which it started.
struct Period {
  WallTime from{};
  WallTime to{};

  bool Contains(WallTime time) const { return from <= time && time < to; }
  friend bool operator==(const Period&, const Period&) = default;
};

struct StatementRow {
  std::string function;
  std::string version;
  UsageTotals usage;
  friend bool operator==(const StatementRow&, const StatementRow&) = default;
};

// What was used in a period, by function and version, in their order.
struct Statement {
  Period period;
  std::vector<StatementRow> rows;

  UsageTotals Total() const;
  friend bool operator==(const Statement&, const Statement&) = default;
};

// Collects a statement from records and sums, in any order.
class StatementBuilder final {
 public:
  explicit StatementBuilder(Period period) : period_(period) {}
  void Add(const InvocationRecord& record);  // ignored when it is not of the period
  void Add(std::string_view function, std::string_view version, const UsageTotals& usage);
  Statement Take() &&;

 private:
  const Period period_;
  std::map<std::pair<std::string, std::string>, UsageTotals> rows_;
};

// The pure function that everything faster has to agree with.
Statement MakeStatement(Period period, const std::vector<InvocationRecord>& records);

// The calendar months (UTC) of a period, each cut to it: prices have monthly tiers.
std::vector<Period> SplitByMonth(Period period);
WallTime StartOfMonth(WallTime time);

}  // namespace hearth
