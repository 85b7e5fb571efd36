#include "runtime/meter/price_book.h"

#include <catch2/catch.hpp>

namespace hearth {
namespace {

std::string MessageOf(std::string_view json) {
  const auto book = ParsePriceBookJson(json);
  REQUIRE_FALSE(book.ok());
  CHECK(book.error().code == ErrorCode::kInvalidArgument);
  return book.error().message;
}

std::string BookWith(const std::string& tiers, const std::string& more = "") {
  return R"({"name":"n","effective_from":"2026-01-01","currency":"USD","per_million_requests":"0.2","duration_tiers":)" +
         tiers + more + "}";
}

}  // namespace

TEST_CASE("shipped prices are Lambda's", "[meter]") {
  const auto book = ShippedPriceBook();
  REQUIRE(book.ok());
  CHECK(book->name == "lambda-us-east-1");
  CHECK(book->currency == "USD");
  CHECK(ToString(book->per_million_requests) == "0.2000000000");
  REQUIRE(book->duration_tiers.size() == 3);
  CHECK(ToString(book->duration_tiers[0].per_gb_second) == "0.0000166667");
  CHECK(book->duration_tiers[0].up_to_gb_seconds == 6'000'000'000);
  CHECK(book->duration_tiers[1].up_to_gb_seconds == 15'000'000'000);
  CHECK(ToString(book->duration_tiers[2].per_gb_second) == "0.0000133334");
  CHECK_FALSE(book->free_allowance.applies);
  CHECK(book->free_allowance.requests == 1'000'000);
  CHECK(book->free_allowance.gb_seconds == 400'000);
}

TEST_CASE("price book that could make a wrong bill is refused, naming the key", "[meter]") {
  CHECK(MessageOf("{") == "price book: not JSON");
  CHECK(MessageOf(BookWith(R"([{"per_gb_second":"1"}])", R"(,"discount":1)")) ==
        "price book: unknown key \"discount\" in the book");
  CHECK(MessageOf(BookWith("[]")).find("duration_tiers") != std::string::npos);
  CHECK(MessageOf(BookWith(R"([{"per_gb_second":0.5}])")).find("\"per_gb_second\" is to be a string") !=
        std::string::npos);
  CHECK(MessageOf(BookWith(R"([{"per_gb_second":"-1"}])")).find("negative") != std::string::npos);
  CHECK(MessageOf(BookWith(R"([{"per_gb_second":"1","up_to_gb_seconds":5}])")).find("the last tier") !=
        std::string::npos);
  CHECK(
      MessageOf(
          BookWith(R"([{"per_gb_second":"1","up_to_gb_seconds":5},{"per_gb_second":"1","up_to_gb_seconds":5},
                               {"per_gb_second":"1"}])"))
          .find("rise") != std::string::npos);
}

}  // namespace hearth
