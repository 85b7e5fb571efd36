#include "runtime/meter/utc_text.h"

#include <charconv>
#include <cstdio>

#include "runtime/base/units.h"

namespace hearth {
namespace {

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

bool TakeDecimals(std::string_view& text, int& micros) {
  size_t digits = 0;
  while (digits < text.size() && digits < 6 && text[digits] >= '0' && text[digits] <= '9') ++digits;
  if (digits == 0 || !TakeNumber(text, digits, micros)) return false;
  for (; digits < 6; ++digits) micros *= 10;
  return true;
}

bool TakeTimeOfDay(std::string_view& text, microseconds& out) {
  int hour = 0, minute = 0, second = 0, micros = 0;
  if (!TakeNumber(text, 2, hour) || !TakeMark(text, ':') || !TakeNumber(text, 2, minute) ||
      !TakeMark(text, ':') || !TakeNumber(text, 2, second)) {
    return false;
  }
  if (TakeMark(text, '.') && !TakeDecimals(text, micros)) return false;
  if (hour > 23 || minute > 59 || second > 59) return false;
  out = std::chrono::hours(hour) + std::chrono::minutes(minute) + seconds(second) + microseconds(micros);
  return TakeMark(text, 'Z');
}

std::chrono::year_month_day DateOf(int year, int month, int day) {
  return std::chrono::year(year) / std::chrono::month(static_cast<unsigned>(month)) /
         std::chrono::day(static_cast<unsigned>(day));
}

}  // namespace

std::string ToDateText(UtcDay day) {
  const std::chrono::year_month_day date(day);
  char text[32];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return text;
}

std::string ToMonthText(WallTime time) { return ToDateText(DayOf(time)).substr(0, 7); }

std::string ToUtcText(WallTime time) {
  const UtcDay day = DayOf(time);
  const std::chrono::hh_mm_ss<microseconds> clock(time - day);
  char text[32];
  std::snprintf(text, sizeof text, "T%02d:%02d:%02d", static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()));
  std::string whole = ToDateText(day) + text;
  if (clock.subseconds().count() != 0) {
    std::snprintf(text, sizeof text, ".%06d", static_cast<int>(clock.subseconds().count()));
    whole += text;
  }
  return whole + "Z";
}

Result<WallTime> ParseUtcText(std::string_view text) {
  const Error refused{
      ErrorCode::kInvalidArgument,
      "\"" + std::string(text) + "\" is not a time such as 2026-11-23 or 2026-11-23T09:11:50Z (UTC)"};
  int year = 0, month = 0, day = 0;
  if (!TakeNumber(text, 4, year) || !TakeMark(text, '-') || !TakeNumber(text, 2, month) ||
      !TakeMark(text, '-') || !TakeNumber(text, 2, day)) {
    return refused;
  }
  const std::chrono::year_month_day date = DateOf(year, month, day);
  if (!date.ok()) return refused;
  microseconds of_day{0};
  if (!text.empty() && (!TakeMark(text, 'T') || !TakeTimeOfDay(text, of_day))) return refused;
  if (!text.empty()) return refused;
  return WallTime(std::chrono::sys_days(date)) + of_day;
}

Result<WallTime> ParseMonthText(std::string_view text) {
  const std::string whole(text);
  int year = 0, month = 0;
  if (!TakeNumber(text, 4, year) || !TakeMark(text, '-') || !TakeNumber(text, 2, month) || !text.empty() ||
      month < 1 || month > 12) {
    return Error{ErrorCode::kInvalidArgument, "\"" + whole + "\" is not a month such as 2026-11"};
  }
  return WallTime(std::chrono::sys_days(DateOf(year, month, 1)));
}

}  // namespace hearth
