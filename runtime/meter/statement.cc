#include "runtime/meter/statement.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace hearth {
namespace {

std::chrono::year_month MonthOf(WallTime time) {
  const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(time));
  return date.year() / date.month();
}

WallTime StartOf(std::chrono::year_month month) { return WallTime(std::chrono::sys_days(month / 1)); }

}  // namespace

UsageTotals Statement::Total() const {
  UsageTotals total;
  for (const StatementRow& row : rows) total += row.usage;
  return total;
}

void StatementBuilder::Add(const InvocationRecord& record) {
  if (period_.Contains(record.started)) rows_[{record.function, record.version}].Add(record);
}

void StatementBuilder::Add(std::string_view function, std::string_view version, const UsageTotals& usage) {
  rows_[{std::string(function), std::string(version)}] += usage;
}

Statement StatementBuilder::Take() && {
  Statement statement{.period = period_, .rows = {}};
  for (auto& [key, usage] : rows_) statement.rows.push_back({key.first, key.second, usage});
  return statement;
}

Statement MakeStatement(Period period, const std::vector<InvocationRecord>& records) {
  StatementBuilder builder(period);
  for (const InvocationRecord& record : records) builder.Add(record);
  return std::move(builder).Take();
}

WallTime StartOfMonth(WallTime time) { return StartOf(MonthOf(time)); }

std::vector<Period> SplitByMonth(Period period) {
  std::vector<Period> parts;
  while (period.from < period.to) {
    const WallTime next = StartOf(MonthOf(period.from) + std::chrono::months(1));
    parts.push_back({period.from, std::min(next, period.to)});
    period.from = parts.back().to;
  }
  return parts;
}

}  // namespace hearth
