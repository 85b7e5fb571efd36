#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/result.h"

namespace hearth {

__extension__ using Int128 = __int128;

// An amount in units of 1e-10 of the book's currency: the published prices have ten decimals, so each is an
// exact integer. 128 bits, so that no sum of products of a quantity and a price is near the end.
struct Money {
  Int128 units = 0;

  friend constexpr bool operator==(Money, Money) = default;
  friend constexpr auto operator<=>(Money a, Money b) { return a.units <=> b.units; }
  friend constexpr Money operator+(Money a, Money b) { return {a.units + b.units}; }
  friend constexpr Money operator-(Money a, Money b) { return {a.units - b.units}; }
  Money& operator+=(Money other) {
    units += other.units;
    return *this;
  }
};

inline constexpr int kMoneyDecimals = 10;

// numerator / denominator, halves to the even neighbour; denominator > 0.
Int128 DivideHalfEven(Int128 numerator, Int128 denominator);

// "0.0000166667" with at most ten decimals; no exponent, no '+'.
Result<Money> ParseMoney(std::string_view text);
std::string ToString(Money amount);                       // all ten decimals: "12.3400000000"
std::string ToStringRounded(Money amount, int decimals);  // half-even: "12.34"

}  // namespace hearth
