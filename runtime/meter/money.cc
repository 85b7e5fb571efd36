#include "runtime/meter/money.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace hearth {
namespace {

constexpr int kWholeDigitsMax = 18;

bool AllDigits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string Digits(Int128 value) {
  std::string text;
  do {
    text.insert(text.begin(), static_cast<char>('0' + static_cast<int>(value % 10)));
    value /= 10;
  } while (value > 0);
  return text;
}

std::string Decimal(Int128 value, int decimals) {
  const bool negative = value < 0;
  std::string text = Digits(negative ? -value : value);
  if (decimals > 0) {
    if (text.size() <= static_cast<size_t>(decimals)) text.insert(0, decimals + 1 - text.size(), '0');
    text.insert(text.size() - decimals, 1, '.');
  }
  return negative ? "-" + text : text;
}

}  // namespace

Int128 DivideHalfEven(Int128 numerator, Int128 denominator) {
  CHECK_TRUE(denominator > 0);
  Int128 quotient = numerator / denominator;
  Int128 rest = numerator % denominator;
  if (rest < 0) {  // rounded towards zero so far: make it the floor
    rest += denominator;
    --quotient;
  }
  const Int128 twice = 2 * rest;
  if (twice > denominator || (twice == denominator && quotient % 2 != 0)) ++quotient;
  return quotient;
}

Result<Money> ParseMoney(std::string_view text) {
  const bool negative = text.starts_with('-');
  const std::string_view unsigned_text = text.substr(negative ? 1 : 0);
  const size_t point = unsigned_text.find('.');
  const std::string_view whole = unsigned_text.substr(0, point);
  const std::string_view part = point == std::string_view::npos ? "" : unsigned_text.substr(point + 1);
  const bool wrong = whole.empty() || whole.size() > kWholeDigitsMax || part.size() > kMoneyDecimals ||
                     (point != std::string_view::npos && part.empty()) || !AllDigits(whole) ||
                     !AllDigits(part);
  if (wrong) {
    return Error{ErrorCode::kInvalidArgument,
                 "\"" + std::string(text) +
                     "\" is not an amount: digits with at most 10 decimals, as in 0.0000166667"};
  }
  Int128 units = 0;
  for (const char c : whole) units = units * 10 + (c - '0');
  for (int i = 0; i < kMoneyDecimals; ++i) {
    units = units * 10 + (static_cast<size_t>(i) < part.size() ? part[i] - '0' : 0);
  }
  return Money{negative ? -units : units};
}

std::string ToString(Money amount) { return Decimal(amount.units, kMoneyDecimals); }

std::string ToStringRounded(Money amount, int decimals) {
  CHECK_TRUE(decimals >= 0 && decimals <= kMoneyDecimals);
  Int128 scale = 1;
  for (int i = decimals; i < kMoneyDecimals; ++i) scale *= 10;
  return Decimal(DivideHalfEven(amount.units, scale), decimals);
}

}  // namespace hearth
