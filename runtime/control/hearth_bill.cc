#include "runtime/control/hearth_bill.h"

#include <charconv>

namespace hearth {
namespace {

using RowKey = std::pair<std::string, std::string>;

struct Row {
  UsageTotals usage;
  Money amount;
};

Json UsageJson(const UsageTotals& usage) {
  return {{"requests", usage.requests},
          {"invocations", usage.records},
          {"errors", usage.errors()},
          {"cold_starts", usage.cold_starts},
          {"billed_ms", usage.billed_ms},
          {"duration_ms", static_cast<double>(usage.duration_ns) / 1e6},
          {"init_ms", static_cast<double>(usage.init_ns) / 1e6},
          {"memory_mb_ms", usage.memory_mb_ms},
          {"gb_seconds", static_cast<double>(usage.memory_mb_ms) / static_cast<double>(kMbMsPerGbSecond)}};
}

std::map<RowKey, Row> Rows(const Meter::Bill& bill, BillBy by) {
  const auto key = [by](const std::string& function, const std::string& version) {
    return RowKey(function, by == BillBy::kVersion ? version : "");
  };
  std::map<RowKey, Row> rows;
  for (const StatementRow& row : bill.statement.rows) rows[key(row.function, row.version)].usage += row.usage;
  for (const LineItem& line : bill.charges.lines) {
    if (!line.function.empty()) rows[key(line.function, line.version)].amount += line.amount;
  }
  return rows;
}

// Reads `digits` digits off the front.
bool TakeNumber(std::string_view& text, size_t digits, int& out) {
  if (text.size() < digits) return false;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + digits, out);
  if (failed != std::errc() || end != text.data() + digits || out < 0) return false;
  text.remove_prefix(digits);
  return true;
}

bool TakeMark(std::string_view& text, char mark) {
  if (!text.starts_with(mark)) return false;
  text.remove_prefix(1);
  return true;
}

bool TakeTimeOfDay(std::string_view& text, microseconds& out) {
  int hour = 0, minute = 0, second = 0, millis = 0;
  if (!TakeNumber(text, 2, hour) || !TakeMark(text, ':') || !TakeNumber(text, 2, minute) ||
      !TakeMark(text, ':') || !TakeNumber(text, 2, second)) {
    return false;
  }
  if (TakeMark(text, '.') && !TakeNumber(text, 3, millis)) return false;
  if (hour > 23 || minute > 59 || second > 59) return false;
  out = std::chrono::hours(hour) + std::chrono::minutes(minute) + seconds(second) + milliseconds(millis);
  return TakeMark(text, 'Z');
}

}  // namespace

Result<WallTime> ParseUtcTime(std::string_view text) {
  const Error refused{
      ErrorCode::kInvalidArgument,
      "\"" + std::string(text) + "\" is not a time such as 2026-11-23 or 2026-11-23T09:11:50Z (UTC)"};
  int year = 0, month = 0, day = 0;
  if (!TakeNumber(text, 4, year) || !TakeMark(text, '-') || !TakeNumber(text, 2, month) ||
      !TakeMark(text, '-') || !TakeNumber(text, 2, day)) {
    return refused;
  }
  const std::chrono::year_month_day date(std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day)));
  if (!date.ok()) return refused;
  microseconds of_day{0};
  if (!text.empty() && (!TakeMark(text, 'T') || !TakeTimeOfDay(text, of_day))) return refused;
  if (!text.empty()) return refused;
  return WallTime(std::chrono::sys_days(date)) + of_day;
}

Json BillJson(const Meter::Bill& bill, BillBy by) {
  Json rows = Json::array();
  for (const auto& [key, row] : Rows(bill, by)) {
    Json one = UsageJson(row.usage);
    one["function"] = key.first;
    if (by == BillBy::kVersion) one["version"] = key.second;
    one["amount"] = ToString(row.amount);
    rows.push_back(std::move(one));
  }
  Json lines = Json::array();
  for (const LineItem& line : bill.charges.lines) {
    lines.push_back({{"kind", NameOf(line.kind)},
                     {"from", ToIso8601Millis(line.period.from)},
                     {"to", ToIso8601Millis(line.period.to)},
                     {"function", line.function},
                     {"version", line.version},
                     {"quantity", line.quantity},
                     {"price", ToString(line.price)},
                     {"amount", ToString(line.amount)}});
  }
  Json total = UsageJson(bill.statement.Total());
  total["amount"] = ToString(bill.charges.total);
  return {{"from", ToIso8601Millis(bill.statement.period.from)},
          {"to", ToIso8601Millis(bill.statement.period.to)},
          {"by", by == BillBy::kVersion ? "version" : "function"},
          {"price_book", bill.charges.price_book},
          {"currency", bill.charges.currency},
          {"rows", std::move(rows)},
          {"lines", std::move(lines)},
          {"total", std::move(total)}};
}

// Without `from`, since the month of `to` began; without `to`, until now.
Result<Period> HearthBill::ReadPeriod(const ApiCall& call) const {
  Period period;
  const std::string from = call.query("from");
  const std::string to = call.query("to");
  period.to = clock_.WallNow();
  if (!to.empty()) {
    HEARTH_ASSIGN(period.to, ParseUtcTime(to));
  }
  period.from = StartOfMonth(period.to);
  if (!from.empty()) {
    HEARTH_ASSIGN(period.from, ParseUtcTime(from));
  }
  if (period.from <= period.to) return period;
  return Error{ErrorCode::kInvalidArgument, "the bill's period ends (" + ToIso8601Millis(period.to) +
                                                ") before it begins (" + ToIso8601Millis(period.from) + ")"};
}

void HearthBill::Get(const ApiCallPtr& call) {
  const auto period = ReadPeriod(*call);
  if (!period.ok()) return call->Fail(period.error());
  const std::string by = call->query("by");
  if (!by.empty() && by != "function" && by != "version") {
    return call->Fail(Error{ErrorCode::kInvalidArgument, "by=" + by + " is neither function nor version"});
  }
  const auto bill = meter_.BillOf(*period, prices_);
  if (!bill.ok()) return call->Fail(bill.error());
  call->AnswerJson(200, BillJson(*bill, by == "version" ? BillBy::kVersion : BillBy::kFunction));
}

}  // namespace hearth
