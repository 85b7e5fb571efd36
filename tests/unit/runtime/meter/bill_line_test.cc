#include "runtime/meter/bill_line.h"

#include <set>

#include <catch2/catch.hpp>

#include "tests/unit/runtime/meter/rating_fixture.h"

namespace hearth {

TEST_CASE("amount is rounded once, halves to the even", "[meter]") {
  // 512,000 MB x ms are half a GB-second.
  CHECK(AmountOf(512'000, {1}, PriceUnit::kGbSecond, 0, 0) == Money{0});
  CHECK(AmountOf(512'000, {3}, PriceUnit::kGbSecond, 0, 0) == Money{2});
  CHECK(AmountOf(512'001, {1}, PriceUnit::kGbSecond, 0, 0) == Money{1});
  CHECK(ToString(AmountOf(3, Of("0.20"), PriceUnit::kMillionRequests, 0, 0)) == "0.0000006000");
  CHECK(ToString(AmountOf(1'024'000, Of("10"), PriceUnit::kGbSecond, 7'000, 500)) == "2.8500000000");
}

TEST_CASE("largest amounts do not overflow", "[meter]") {
  const Int128 largest = Int128{INT64_MAX} * 2;
  CHECK(AmountOf(largest, Of("1000"), PriceUnit::kGbSecond, 0, 0).units > 0);
  CHECK(AmountOf(largest, Of("1"), PriceUnit::kGbSecond, 9'000, 0) ==
        AmountOf(largest, Of("0.1"), PriceUnit::kGbSecond, 0, 0));
}

TEST_CASE("quantities and prices as text are exact", "[meter]") {
  CHECK(QuantityText(1, PriceUnit::kGbSecond) == "0.0000009765625");
  CHECK(QuantityText(1'024'000, PriceUnit::kGbSecond) == "1");
  CHECK(QuantityText(1'500'000, PriceUnit::kMillionRequests) == "1.5");
  CHECK(QuantityText(-1, PriceUnit::kOnce) == "-1");
  CHECK(QuantityText(5'400'000, PriceUnit::kCpuHour) == "1.5");
  CHECK(PriceText(Of("0.0000166667"), 0, 0) == "0.0000166667");
  CHECK(PriceText(Of("0.0000166667"), 7'000, 0) == "0.00000500001");
  CHECK(PriceText(Of("0.0000166667"), 7'000, 333) == "0.000004833509667");
  CHECK(DecimalText(0, 10) == "0");
  CHECK(DecimalText(-5, 2) == "-0.05");
}

TEST_CASE("kinds of lines have names of their own", "[meter]") {
  std::set<std::string_view> names;
  for (size_t kind = 0; kind < kLineKinds; ++kind) names.insert(NameOf(static_cast<LineKind>(kind)));
  CHECK(names.size() == kLineKinds);
  CHECK(ClassOf(LineKind::kReservedUnused) == LineClass::kUsage);
  CHECK(ClassOf(LineKind::kPlanUnused) == LineClass::kCovered);
  CHECK(ClassOf(LineKind::kExchange) == LineClass::kPurchase);
  CHECK(ClassOf(LineKind::kRounding) == LineClass::kReduction);
}

}  // namespace hearth
