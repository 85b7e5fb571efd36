#include "runtime/meter/account_event.h"

#include <catch2/catch.hpp>

#include "runtime/meter/price_book.h"
#include "tests/unit/runtime/meter/meter_fixture.h"

namespace hearth {
namespace {

Commitment SomeCommitment() {
  Commitment commitment;
  commitment.id = "cnv-0123456789ab";
  commitment.kind = CommitmentKind::kReservedConvertible;
  commitment.function = "resize";
  commitment.version = "7";
  commitment.workers = 3;
  commitment.memory_mib = 1'769;
  commitment.from = kNoon;
  commitment.to = kNoon + std::chrono::hours(720);
  commitment.term_hours = 720;
  commitment.payment = Payment::kPartialUpfront;
  commitment.upfront = {123'456'789'012};
  commitment.hourly = {42};
  commitment.duration_per_gb_second = {97'222};
  commitment.capacity_list_per_gb_second = {41'667};
  commitment.tags = {{"team", "vision"}};
  return commitment;
}

std::vector<AccountEvent> OneOfEach() {
  Budget budget{"b", "", "team", "vision", {5}, {{80, BudgetAction::kWarn}, {100, BudgetAction::kThrottle}}};
  Commitment open = SomeCommitment();
  open.to = Commitment::kOpenEnd;
  return {CommitmentBought{SomeCommitment()},
          CommitmentBought{open},
          CommitmentExchanged{"cnv-1", SomeCommitment()},
          CommitmentEnded{"rsv-1", kNoon + std::chrono::microseconds(1)},
          FunctionTagged{"resize", {{"team", "vi\"sion"}}},
          BudgetSet{budget},
          BudgetRemoved{"b"},
          CreditGranted{"crd-1", {-7}, "resize", "sorry"},
          DiscountSet{250},
          SpotDiscountSet{9'000},
          PeriodClosed{HourOf(kNoon)},
          InvoiceIssued{"2026-11", "ab", 3, {-5}},
          NodeHour{HourOf(kNoon), 1, 2, 3, 4, 5, 6, 7, 8, 9}};
}

}  // namespace

TEST_CASE("account events are read as they were written", "[meter][account]") {
  for (const AccountEvent& event : OneOfEach()) {
    const std::string json = EncodeAccountEventJson(event);
    INFO(EventKindOf(event) << " " << json);
    const auto read = DecodeAccountEventJson(EventKindOf(event), json);
    REQUIRE(read.ok());
    CHECK(*read == event);
  }
}

TEST_CASE("price book in an event is the book that was given", "[meter][account]") {
  const PricesInForce event{std::string(ShippedPriceBookJson())};
  const auto read = DecodeAccountEventJson(EventKindOf(event), EncodeAccountEventJson(event)).value();
  CHECK(ParsePriceBookJson(std::get<PricesInForce>(read).book_json).value() == ShippedPriceBook().value());
}

TEST_CASE("account event of a newer release is not taken for what it is not", "[meter][account]") {
  CHECK(DecodeAccountEventJson("coupon.used", "{}").error().code == ErrorCode::kUnsupported);
  CHECK(DecodeAccountEventJson("discount.set", R"({"basis_points":1,"until":"2027"})").error().code ==
        ErrorCode::kUnsupported);
  CHECK(DecodeAccountEventJson("commitment.bought", "{}").error().code == ErrorCode::kCorrupt);
  CHECK(DecodeAccountEventJson("discount.set", R"({"basis_points":-1})").error().code == ErrorCode::kCorrupt);
  CHECK(DecodeAccountEventJson("discount.set", R"({"basis_points":4294967296})").error().code ==
        ErrorCode::kCorrupt);
  CHECK(DecodeAccountEventJson("discount.set", "[]").error().code == ErrorCode::kCorrupt);
}

// What a release of 2026 wrote: these bytes are in ledgers.
TEST_CASE("account events of version 1", "[meter][account]") {
  const auto tagged =
      DecodeAccountEventJson("function.tagged", R"({"function":"resize","tags":{"team":"vision"}})");
  CHECK(std::get<FunctionTagged>(tagged.value()).tags.at("team") == "vision");
  const auto closed = DecodeAccountEventJson("period.closed", R"({"through":"2026-11-23T12:00:00Z"})");
  CHECK(std::get<PeriodClosed>(closed.value()).through == HourOf(kNoon));
  const auto bought = DecodeAccountEventJson(
      "commitment.bought",
      R"({"commitment":{"id":"sp-1","kind":"savings-plan","function":"","version":"","workers":0,"memory_mib":0,)"
      R"("cpus":0,"from":"2026-11-23T12:00:00Z","to":"2026-12-23T12:00:00Z","term_hours":720,"payment":"none",)"
      R"("upfront":"0","hourly":"2","committed_per_hour":"2","duration_per_gb_second":"0.0000141667",)"
      R"("capacity_list_per_gb_second":"0",)"
      R"("reserved_duration_per_gb_second":"0.0000082639","tags":{}}})");
  CHECK(std::get<CommitmentBought>(bought.value()).commitment.kind == CommitmentKind::kSavingsPlan);
}

}  // namespace hearth
