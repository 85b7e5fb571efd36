#include "runtime/meter/money.h"

#include <catch2/catch.hpp>

namespace hearth {

TEST_CASE("amount is read exactly and written with all decimals", "[meter]") {
  CHECK(ParseMoney("0.0000166667").value().units == 166'667);
  CHECK(ParseMoney("0.20").value().units == 2'000'000'000);
  CHECK(ParseMoney("-12").value().units == -120'000'000'000);
  CHECK(ToString(Money{166'667}) == "0.0000166667");
  CHECK(ToString(Money{-120'000'000'001}) == "-12.0000000001");
  CHECK(ToString(Money{}) == "0.0000000000");
}

TEST_CASE("amount that is none is refused", "[meter]") {
  const char* text =
      GENERATE("", ".", "1.", ".5", "1e3", "+1", "0.00000000001", "1,5", "--1", "1234567890123456789");
  INFO(text);
  const auto money = ParseMoney(text);
  REQUIRE_FALSE(money.ok());
  CHECK(money.error().code == ErrorCode::kInvalidArgument);
}

TEST_CASE("halves round to the even neighbour, on both sides of zero", "[meter]") {
  CHECK(DivideHalfEven(5, 2) == 2);
  CHECK(DivideHalfEven(7, 2) == 4);
  CHECK(DivideHalfEven(-5, 2) == -2);
  CHECK(DivideHalfEven(-7, 2) == -4);
  CHECK(DivideHalfEven(8, 3) == 3);
  CHECK(DivideHalfEven(-8, 3) == -3);
  CHECK(DivideHalfEven(-1, 3) == 0);
  CHECK(ToStringRounded(Money{123'450'000'000}, 2) == "12.34");
  CHECK(ToStringRounded(Money{123'550'000'000}, 2) == "12.36");
  CHECK(ToStringRounded(Money{4'999'999'999}, 0) == "0");
}

}  // namespace hearth
