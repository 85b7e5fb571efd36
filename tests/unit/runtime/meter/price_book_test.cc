#include "runtime/meter/price_book.h"

#include <catch2/catch.hpp>

namespace hearth {
namespace {

std::string MessageOf(std::string_view json) {
  const auto book = ParsePriceBookJson(json);
  REQUIRE_FALSE(book.ok());
  return book.error().message;
}

std::string BookOf(const std::string& editions) {
  return R"({"format":2,"name":"n","version":"1","currency":"USD","editions":[)" + editions + "]}";
}

std::string Edition(const std::string& more = "", const std::string& date = "2026-01-01",
                    const std::string& tiers = R"([{"per_gb_second":"0.0000166667"}])") {
  return R"({"effective_from":")" + date + R"(","per_million_requests":"0.2","duration_tiers":)" + tiers +
         (more.empty() ? "" : "," + more) + "}";
}

bool Says(const std::string& message, const std::string& words) {
  INFO(message);
  return message.find(words) != std::string::npos;
}

UtcHour Hour(int year, unsigned month, unsigned day) {
  return std::chrono::sys_days(std::chrono::year(year) / std::chrono::month(month) / std::chrono::day(day));
}

}  // namespace

TEST_CASE("shipped prices are Lambda's", "[meter]") {
  const auto book = ShippedPriceBook();
  REQUIRE(book.ok());
  CHECK(book->name == "lambda-us-east-1");
  CHECK(book->currency == "USD");
  const PriceEdition& prices = book->At(Hour(2026, 11, 23));
  CHECK(ToString(prices.per_million_requests) == "0.2000000000");
  REQUIRE(prices.duration_tiers.size() == 3);
  CHECK(ToString(prices.duration_tiers[0].per_gb_second) == "0.0000166667");
  CHECK(prices.duration_tiers[0].up_to_gb_seconds == 6'000'000'000);
  CHECK(prices.duration_tiers[1].up_to_gb_seconds == 15'000'000'000);
  CHECK(ToString(prices.duration_tiers[2].per_gb_second) == "0.0000133334");
  CHECK_FALSE(prices.free_allowance.applies);
  CHECK(prices.free_allowance.requests == 1'000'000);
  CHECK(prices.free_allowance.gb_seconds == 400'000);
  CHECK(ToString(prices.ephemeral_per_gb_second) == "0.0000000309");
  CHECK(prices.ephemeral_free_mib == 512);
  const ReservedPrices* provisioned = prices.Reserved(0, Payment::kNoUpfront, false);
  REQUIRE(provisioned);
  CHECK(ToString(provisioned->capacity_per_gb_second) == "0.0000041667");
  CHECK(ToString(provisioned->duration_per_gb_second) == "0.0000097222");
}

// 4.1667 / (16.6667 - 9.7222): billing reference 2.
TEST_CASE("reserved capacity breaks even with on demand at 60 % busy", "[meter]") {
  const PriceBook book = ShippedPriceBook().value();
  const PriceEdition& prices = book.editions[0];
  const ReservedPrices* offer = prices.Reserved(0, Payment::kNoUpfront, false);
  const Int128 saved = prices.list_per_gb_second().units - offer->duration_per_gb_second.units;
  CHECK(DivideHalfEven(offer->capacity_per_gb_second.units * 1'000, saved) == 600);
}

TEST_CASE("offer is the one with the longest term that is reached", "[meter]") {
  const PriceBook book = ShippedPriceBook().value();
  const PriceEdition& prices = book.editions[0];
  CHECK(prices.Reserved(8'759, Payment::kNoUpfront, false)->term_hours == 1);
  CHECK(prices.Reserved(8'760, Payment::kNoUpfront, false)->term_hours == 8'760);
  CHECK(prices.Reserved(20'000, Payment::kAllUpfront, true)->term_hours == 8'760);
  CHECK(prices.Reserved(100, Payment::kAllUpfront, false) == nullptr);
  CHECK(prices.Reserved(0, Payment::kNoUpfront, true) == nullptr);
  CHECK(prices.SavingsPlan(720, Payment::kNoUpfront)->term_hours == 1);
}

TEST_CASE("spot discount falls with the load, at a step's end and one past it", "[meter]") {
  const PriceBook book = ShippedPriceBook().value();
  const PriceEdition& prices = book.editions[0];
  CHECK(prices.SpotBasisPoints(0) == 7'000);
  CHECK(prices.SpotBasisPoints(50) == 7'000);
  CHECK(prices.SpotBasisPoints(51) == 4'000);
  CHECK(prices.SpotBasisPoints(81) == 1'000);
  CHECK(prices.SpotBasisPoints(120) == 1'000);
  CHECK(PriceEdition().SpotBasisPoints(10) == 0);
}

TEST_CASE("editions are in force from their date on, the first also before it", "[meter]") {
  const auto book = ParsePriceBookJson(
      BookOf(Edition("", "2026-01-01") + "," + Edition("", "2026-02-01", R"([{"per_gb_second":"0.5"}])")));
  REQUIRE(book.ok());
  CHECK(ToString(book->At(Hour(2025, 1, 1)).list_per_gb_second()) == "0.0000166667");
  CHECK(ToString(book->At(Hour(2026, 2, 1) - std::chrono::hours(1)).list_per_gb_second()) == "0.0000166667");
  CHECK(ToString(book->At(Hour(2026, 2, 1)).list_per_gb_second()) == "0.5000000000");
}

TEST_CASE("price book that could make a wrong bill is refused, naming the key", "[meter]") {
  CHECK(MessageOf("{") == "price book: not JSON");
  CHECK(Says(MessageOf(BookOf(Edition(R"("discount":1)"))), "unknown key \"discount\" in an edition"));
  CHECK(Says(MessageOf(BookOf(Edition(R"("spots":[])"))), "did you mean \"spot\"?"));
  CHECK(Says(MessageOf(BookOf(Edition("", "2026-1-1"))), "effective_from"));
  CHECK(Says(MessageOf(BookOf(Edition("", "2026-01-01", "[]"))), "duration_tiers"));
  CHECK(Says(MessageOf(BookOf(Edition("", "2026-01-01", R"([{"per_gb_second":0.5}])"))),
             "\"per_gb_second\" is to be a string"));
  CHECK(Says(MessageOf(BookOf(Edition("", "2026-01-01", R"([{"per_gb_second":"-1"}])"))), "negative"));
  CHECK(Says(MessageOf(BookOf(Edition("", "2026-01-01", R"([{"per_gb_second":"1","up_to_gb_seconds":5}])"))),
             "the last tier"));
  CHECK(Says(MessageOf(BookOf(Edition("", "2026-01-01",
                                      R"([{"per_gb_second":"1","up_to_gb_seconds":5},
                                          {"per_gb_second":"1","up_to_gb_seconds":5},
                                          {"per_gb_second":"1"}])"))),
             "rise"));
  CHECK(Says(MessageOf(BookOf(Edition("", "2026-01-01",
                                      R"([{"per_gb_second":"1","up_to_gb_seconds":5},
                                          {"per_gb_second":"2"}])"))),
             "dearer"));
  CHECK(Says(MessageOf(BookOf("")), "editions"));
  CHECK(Says(MessageOf(BookOf(Edition() + "," + Edition())), "rise from edition to edition"));
  CHECK(Says(MessageOf(R"({"format":1})"), "\"format\" is 1"));
  CHECK(Says(MessageOf(BookOf(Edition(R"("spot":[{"discount_percent":"90.01"}])"))), "0 to 90 per cent"));
  CHECK(ParsePriceBookJson(BookOf(Edition(R"("spot":[{"discount_percent":"90"}])"))).ok());
  CHECK(
      Says(MessageOf(BookOf(Edition(R"("spot":[{"up_to_utilisation_percent":50,"discount_percent":"1"}])"))),
           "up to 100 per cent"));
  CHECK(Says(
      MessageOf(BookOf(Edition(
          R"("reserved":[{"term_hours":0,"payment":"all","capacity_per_gb_second":"1","duration_per_gb_second":"1"}])"))),
      "no term"));
  CHECK(Says(
      MessageOf(BookOf(Edition(
          R"("reserved":[{"term_hours":1,"payment":"partal","capacity_per_gb_second":"1","duration_per_gb_second":"1"}])"))),
      "did you mean \"partial\"?"));
}

TEST_CASE("price book at its limit is read, one byte past it is refused", "[meter]") {
  std::string book = BookOf(Edition());
  book.resize(kPriceBookBytesMax, ' ');
  CHECK(ParsePriceBookJson(book).ok());
  book += ' ';
  CHECK(ParsePriceBookJson(book).error().code == ErrorCode::kTooLarge);
}

}  // namespace hearth
