#include "runtime/meter/rating.h"

#include <map>

#include <catch2/catch.hpp>

#include "tests/unit/runtime/meter/rating_fixture.h"

namespace hearth {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr uint64_t kHourMs = 3'600'000;
const WallTime kDay = At("2026-11-10");
const std::string kReserved =
    R"("reserved":[{"term_hours":0,"capacity_per_gb_second":"0.0000041667","duration_per_gb_second":"0.0000097222"},)"
    R"({"term_hours":1,"capacity_per_gb_second":"0.0000041667","duration_per_gb_second":"0.0000097222"},)"
    R"({"term_hours":1,"payment":"partial","capacity_per_gb_second":"0.0000041667","duration_per_gb_second":"0.0000097222"},)"
    R"({"term_hours":1,"payment":"all","capacity_per_gb_second":"0.0000041667","duration_per_gb_second":"0.0000097222"},)"
    R"({"term_hours":1,"convertible":true,"payment":"all","capacity_per_gb_second":"0.0000041667","duration_per_gb_second":"0.0000097222"}])";
const std::string kPlans =
    R"("savings_plans":[{"term_hours":1,"duration_per_gb_second":"0.0000141667","reserved_duration_per_gb_second":"0.0000082639"},)"
    R"({"term_hours":1,"payment":"partial","duration_per_gb_second":"0.0000141667","reserved_duration_per_gb_second":"0.0000082639"}])";

}  // namespace

// --- on demand ----------------------------------------------------------------------------------------------

// 3 million requests of 120 ms at 1536 MB: 540,000 GB-s. The arithmetic of Lambda's pricing page.
TEST_CASE_METHOD(RatingFixture, "on demand is list price times quantity", "[meter][rating]") {
  UsageRow row{{HourOf(kDay), HourOf(kDay), "resize", "$LATEST", Plan::kOnDemand, "", 1'536, 512}, {}};
  row.usage.requests = 3'000'000;
  row.usage.memory_mb_ms = 540'000 * kMbMsPerGbSecond;
  usage.Add(row, {0, 1});
  const Lines bill{Rate()};
  CHECK(bill.lines.size() == 2);
  CHECK(ToString(bill.One(LineKind::kDuration).billed) == "9.0000180000");
  CHECK(ToString(bill.One(LineKind::kRequests).billed) == "0.6000000000");
  CHECK(bill.One(LineKind::kDuration).effective == bill.One(LineKind::kDuration).billed);
}

TEST_CASE_METHOD(
    RatingFixture,
    "billed are success, errors, timeouts, crashes, what was aborted; not what never ran or we broke",
    "[meter][rating]") {
  UsePrices("1", "", "1000000");  // a request costs 1
  uint64_t billable = 0;
  for (size_t kind = 0; kind < kOutcomeKinds; ++kind) {
    const auto outcome = static_cast<OutcomeKind>(kind);
    Ran(kDay, {.outcome = outcome});
    const bool expected = outcome != OutcomeKind::kThrottled && outcome != OutcomeKind::kCancelled &&
                          outcome != OutcomeKind::kPlatformFault && outcome != OutcomeKind::kInterrupted;
    billable += expected ? 1 : 0;
  }
  CHECK(billable == 8);
  const Lines bill{Rate()};
  CHECK(bill.Quantity(LineKind::kRequests) == Int128{billable});
  CHECK(ToStringRounded(bill.Billed(LineKind::kDuration), 2) == "8.00");
}

TEST_CASE_METHOD(RatingFixture, "a line of a function does not depend on what others run",
                 "[meter][rating]") {
  UseBook(R"({"effective_from":"2026-01-01","per_million_requests":"0","duration_tiers":[)"
          R"({"up_to_gb_seconds":10,"per_gb_second":"1"},{"per_gb_second":"0.5"}],)"
          R"("free_allowance":{"applies":true,"requests":0,"gb_seconds":4}})");
  for (int i = 0; i < 8; ++i) Ran(kDay, {.function = "a"});
  const Money alone = Lines{Rate()}.One(LineKind::kDuration).billed;
  for (int i = 0; i < 8; ++i) Ran(kDay + hours(1), {.function = "b"});
  const Lines bill{Rate()};
  CHECK(alone == bill.Billed([](const BillLine& line) { return line.function == "a"; }));
  CHECK(ToStringRounded(bill.Billed(LineKind::kFreeDuration), 2) == "-4.00");
  CHECK(ToStringRounded(bill.Billed(LineKind::kVolumeDiscount), 2) == "-3.00");  // 6 of 16 over 10
  CHECK(ToStringRounded(bill.Billed(), 2) == "9.00");
}

TEST_CASE_METHOD(RatingFixture, "a tier at its end and one past it, and anew each month", "[meter][rating]") {
  UseBook(R"({"effective_from":"2026-01-01","per_million_requests":"0","duration_tiers":[)"
          R"({"up_to_gb_seconds":10,"per_gb_second":"1"},{"per_gb_second":"0.5"}]})");
  Ran(kDay, {.ms = 10'000});
  CHECK(Lines{Rate()}.Count(LineKind::kVolumeDiscount) == 0);
  Ran(kDay + hours(3), {.ms = 1});
  CHECK(Lines{Rate()}.Quantity(LineKind::kVolumeDiscount) == 1'024);
  Ran(kDecember, {.ms = 10'000});
  CHECK(Lines{Rate(At("2027-01-01"), kDecember)}.Count(LineKind::kVolumeDiscount) == 0);
}

// What is free is not discounted a second time.
TEST_CASE_METHOD(RatingFixture, "allowance that reaches into a higher tier", "[meter][rating]") {
  UseBook(R"({"effective_from":"2026-01-01","per_million_requests":"0","duration_tiers":[)"
          R"({"up_to_gb_seconds":2,"per_gb_second":"1"},{"per_gb_second":"0.5"}],)"
          R"("free_allowance":{"applies":true,"requests":0,"gb_seconds":5}})");
  for (int i = 0; i < 4; ++i) Ran(kDay + hours(i), {.ms = 1'000});
  CHECK(Lines{Rate()}.Billed() == Money{});
  for (int i = 4; i < 8; ++i) Ran(kDay + hours(i), {.ms = 1'000});
  CHECK(ToStringRounded(Lines{Rate()}.Billed(), 2) == "1.50");
}

TEST_CASE_METHOD(RatingFixture, "prices change with their date, discounts with the hour", "[meter][rating]") {
  UseBook(
      R"({"effective_from":"2026-01-01","per_million_requests":"0","duration_tiers":[{"per_gb_second":"1"}]},)"
      R"({"effective_from":"2026-11-10","per_million_requests":"0","duration_tiers":[{"per_gb_second":"3"}]})");
  Ran(kDay - milliseconds(1), {});
  Ran(kDay, {});
  CHECK(ToStringRounded(Lines{Rate()}.Billed(), 2) == "4.00");
  Happens(kDay + minutes(30), DiscountSet{1'000});
  Ran(kDay + minutes(59), {});
  Ran(kDay + hours(1), {});
  const Lines bill{Rate()};
  CHECK(ToStringRounded(bill.Billed(), 2) == "9.70");  // 1 + 3 + 3 + 2.70
  CHECK(bill.Count(LineKind::kDuration) == 3);
}

TEST_CASE_METHOD(RatingFixture, "storage in /tmp: 512 MB are free, one more is not", "[meter][rating]") {
  UsePrices("0", R"("ephemeral_storage":{"per_gb_second":"1","free_mib":512})");
  Ran(kDay, {.tmp_mib = 512});
  Ran(kDay, {.tmp_mib = 0});  // records of version 1
  CHECK(Lines{Rate()}.Count(LineKind::kTmpStorage) == 0);
  Ran(kDay, {.tmp_mib = 513});
  CHECK(Lines{Rate()}.Quantity(LineKind::kTmpStorage) == 1'000);
  Ran(kDay + hours(24), {.tmp_mib = 512 + 1'024});
  CHECK(ToStringRounded(Lines{Rate()}.Billed(LineKind::kTmpStorage), 3) == "1.001");
}

// --- spot ---------------------------------------------------------------------------------------------------

TEST_CASE_METHOD(RatingFixture, "spot costs what held when it was admitted; interrupted costs nothing",
                 "[meter][rating][plan]") {
  UsePrices("1",
            R"("spot":[{"up_to_utilisation_percent":50,"discount_percent":"70"},{"discount_percent":"10"}])");
  Ran(kDay, {.plan = Plan::kSpot});
  Ran(kDay, {.plan = Plan::kSpot, .outcome = OutcomeKind::kInterrupted});
  CHECK(ToStringRounded(Lines{Rate()}.Billed(), 2) == "0.90");  // a full node's, as nothing else is known
  Happens(kDay + minutes(5), SpotDiscountSet{7'000});
  Ran(kDay + minutes(59), {.ms = 900'000, .plan = Plan::kSpot});  // ends at the new price
  Ran(kDay + hours(1), {.plan = Plan::kSpot});
  const Lines bill{Rate()};
  CHECK(ToStringRounded(bill.Billed(LineKind::kSpotDuration), 2) == "811.20");  // 901 x 0.9 + 0.3
}

// --- dedicated ----------------------------------------------------------------------------------------------

TEST_CASE_METHOD(RatingFixture, "dedicated host: by the second, 60 s at least, what runs there is free",
                 "[meter][rating][plan]") {
  UsePrices("1", R"("dedicated":{"per_cpu_hour":"3600"})", "1000000");  // one a cpu second
  Commitment host = Buys(kDay, Host("resize", 2));
  Ran(kDay, {.plan = Plan::kDedicated, .commitment = host.id, .cpu_us = 30'000'000});
  Happens(kDay + milliseconds(10'500), CommitmentEnded{host.id, kDay + milliseconds(10'500)});
  const Lines least{Rate()};
  CHECK(ToStringRounded(least.Billed(), 2) == "120.00");  // 60 s x 2
  CHECK(ToStringRounded(least.Billed(LineKind::kDedicatedUsed), 2) == "30.00");
  CHECK(ToStringRounded(least.Billed(LineKind::kDedicatedUnused), 2) == "90.00");
  CHECK(least.Billed(LineKind::kDedicatedDuration) == Money{});
  CHECK(least.Quantity(LineKind::kDedicatedDuration) == 1'024'000);

  Commitment longer = Buys(kDay + hours(5), Host("resize", 1));
  Happens(kDay + hours(6), CommitmentEnded{longer.id, kDay + hours(5) + milliseconds(3'600'001)});
  const Lines both{Rate()};
  CHECK(ToStringRounded(both.Billed() - least.Billed(), 2) == "3601.00");
}

TEST_CASE_METHOD(RatingFixture, "dedicated host that runs is billed until now", "[meter][rating][plan]") {
  UsePrices("1", R"("dedicated":{"per_cpu_hour":"3600"})");
  Buys(kDay, Host("resize", 1));
  CHECK(ToStringRounded(Lines{Rate(kDay + minutes(30))}.Billed(), 2) == "1800.00");
  CHECK(ToStringRounded(Lines{Rate(kDay + hours(30))}.Billed(), 2) == "108000.00");
}

// --- reserved -----------------------------------------------------------------------------------------------

TEST_CASE_METHOD(RatingFixture, "without a term: from enable to disable in steps of 5 minutes",
                 "[meter][rating][plan]") {
  UsePrices("0.0000166667", kReserved);
  const Commitment kept = Buys(kDay + minutes(58), Reserve("resize", 2, 1'024, 0));
  Ran(kDay + minutes(59), {.ms = 1'000, .plan = Plan::kReserved, .commitment = kept.id});
  Happens(kDay + hours(1) + minutes(4), CommitmentEnded{kept.id, kDay + minutes(63) + milliseconds(1)});
  const Lines bill{Rate()};
  // 10 minutes of 2 GB.
  const Int128 all = bill.Quantity(LineKind::kReservedUsed) + bill.Quantity(LineKind::kReservedUnused);
  CHECK(all == Int128{600} * 2 * 1'024'000);
  CHECK(ToString(bill.Billed(LineKind::kReservedUsed) + bill.Billed(LineKind::kReservedUnused)) ==
        "0.0050000400");
  CHECK(ToString(bill.One(LineKind::kReservedDuration).billed) == "0.0000097222");
  CHECK(bill.Quantity(LineKind::kReservedUsed) == 1'024'000);
}

TEST_CASE_METHOD(RatingFixture, "with a term every clock hour is paid, used or not",
                 "[meter][rating][plan]") {
  UsePrices("0.0000166667", kReserved);
  Buys(kDay + minutes(58), Reserve("resize", 1, 1'024, 48));
  const Lines bill{Rate()};
  CHECK(bill.Quantity(LineKind::kHourlyFee) == 48);
  CHECK(ToString(bill.Billed(LineKind::kHourlyFee)) == "0.7200057600");
  CHECK(bill.Effective(LineKind::kHourlyFee) == Money{});
  CHECK(bill.Effective(LineKind::kCommittedUnused) == bill.Billed(LineKind::kHourlyFee));
  CHECK(bill.Quantity(LineKind::kCommittedUnused) == Int128{48} * Int128{kHourMs} * 1'024);
}

// AWS's example: a quarter of an hour four times is covered whole, an hour four times only once.
TEST_CASE_METHOD(RatingFixture, "a unit covers 3600 worker-seconds of a clock hour, the rest is on demand",
                 "[meter][rating][plan]") {
  UsePrices("1", kReserved);
  const Commitment unit = Buys(kDay, Reserve("resize", 1, 1'024, 24));
  for (int i = 0; i < 4; ++i) Ran(kDay, {.ms = kHourMs / 4, .plan = Plan::kReserved, .commitment = unit.id});
  const Lines four{Rate()};
  CHECK(four.Quantity(LineKind::kCommittedUsed) == Int128{kHourMs} * 1'024);
  CHECK(four.Count(LineKind::kDuration) == 0);
  for (int i = 0; i < 12; ++i) Ran(kDay, {.ms = kHourMs / 4, .plan = Plan::kReserved, .commitment = unit.id});
  const Lines sixteen{Rate()};
  CHECK(sixteen.Quantity(LineKind::kCommittedUsed) == Int128{kHourMs} * 1'024);
  CHECK(sixteen.Quantity(LineKind::kDuration) == Int128{kHourMs} * 1'024 * 3);
  CHECK(ToStringRounded(sixteen.Billed(LineKind::kDuration), 0) == "10800");
}

TEST_CASE_METHOD(RatingFixture, "what runs over the hour is counted in the hours it ran in",
                 "[meter][rating][plan]") {
  UsePrices("1", kReserved);
  const Commitment unit = Buys(kDay, Reserve("resize", 1, 1'024, 24));
  // Busy without a pause from 00:00 to 01:10.
  for (int i = 0; i < 5; ++i)
    Ran(kDay + minutes(14 * i), {.ms = 14 * 60'000, .plan = Plan::kReserved, .commitment = unit.id});
  const Lines bill{Rate()};
  CHECK(bill.Count(LineKind::kDuration) == 0);
  CHECK(bill.Quantity(LineKind::kCommittedUsed) == Int128{70 * 60'000} * 1'024);
}

TEST_CASE_METHOD(RatingFixture, "what runs over the end of the month is billed once",
                 "[meter][rating][plan]") {
  UsePrices("1", kReserved);
  const Commitment unit = Buys(At("2026-11-30"), Reserve("resize", 1, 1'024, 48));
  Ran(kDecember - minutes(1), {.ms = 600'000, .plan = Plan::kReserved, .commitment = unit.id});
  const Lines november{Rate()};
  const Lines december{Rate(At("2027-01-01"), kDecember)};
  CHECK(november.Quantity(LineKind::kReservedDuration) == Int128{60'000} * 1'024);
  CHECK(december.Quantity(LineKind::kReservedDuration) == Int128{540'000} * 1'024);
  CHECK(november.Quantity(LineKind::kRequests) == 1);
  CHECK(december.Quantity(LineKind::kRequests) == 0);
}

TEST_CASE_METHOD(RatingFixture, "effective cost of a term is what was paid for it", "[meter][rating][plan]") {
  UsePrices("1", kReserved);
  const auto payment = GENERATE(Payment::kNoUpfront, Payment::kPartialUpfront, Payment::kAllUpfront);
  const Commitment unit = Buys(kDay, Reserve("resize", 3, 1'000, 101, payment));
  Ran(kDay + hours(7), {.ms = 333'333, .memory_mib = 1'000, .plan = Plan::kReserved, .commitment = unit.id});
  Ran(kDay + hours(40), {.ms = 777'777, .memory_mib = 1'000, .plan = Plan::kReserved, .commitment = unit.id});
  const Lines bill{Rate()};
  CHECK(bill.Billed(LineKind::kUpfrontFee) + bill.Billed(LineKind::kHourlyFee) == TermPrice(unit));
  CHECK(bill.Effective(LineKind::kCommittedUsed) + bill.Effective(LineKind::kCommittedUnused) ==
        TermPrice(unit));
  CHECK(bill.Billed(LineKind::kCommittedUsed) == Money{});
}

TEST_CASE_METHOD(RatingFixture, "exchanged: the old one is paid for what it gave, the new one anew",
                 "[meter][rating][plan]") {
  UsePrices("1", kReserved);
  CommitmentOrder order = Reserve("resize", 1, 1'024, 240, Payment::kAllUpfront);
  order.kind = CommitmentKind::kReservedConvertible;
  const Commitment old = Buys(kDay, order);
  const WallTime then = kDay + hours(60);
  order.function = "thumbs";
  order.memory_mib = 512;
  order.workers = 3;
  Commitment bought = QuoteCommitment(account.PricesAt(HourOf(then)), order, then).value();
  bought.id = "convertible-new";
  REQUIRE(CheckExchange(old, bought).ok());
  Happens(then, CommitmentExchanged{old.id, bought});
  const Lines bill{Rate()};
  const auto of = [&](const std::string& id) {
    return [id](const BillLine& line) { return line.commitment == id; };
  };
  const auto effective = [&](const std::string& id) {
    Money sum;
    for (const BillLine& line : bill.lines) sum += line.commitment == id ? line.effective : Money{};
    return sum;
  };
  CHECK(bill.Billed(of(old.id)) == AmortisedUntil(old, then));
  CHECK(effective(old.id) == AmortisedUntil(old, then));
  CHECK(bill.Billed(of(bought.id)) == bought.upfront);
  CHECK(effective(bought.id) == bought.upfront);
}

TEST_CASE_METHOD(RatingFixture, "reserved usage of a commitment that nobody bought is on demand",
                 "[meter][rating][plan]") {
  UsePrices("1", kReserved);
  Ran(kDay, {.plan = Plan::kReserved, .commitment = "rsv-unknown"});
  Ran(kDay, {.plan = Plan::kDedicated, .commitment = ""});
  CHECK(ToStringRounded(Lines{Rate()}.Billed(LineKind::kDuration), 2) == "2.00");
}

// --- savings plan -------------------------------------------------------------------------------------------

TEST_CASE_METHOD(RatingFixture, "savings plan: each hour for itself, what is not spent is lost",
                 "[meter][rating][plan]") {
  UsePrices("0.0000166667", kPlans);
  const Commitment plan = Buys(kDay, SavingsPlan("0.1", 24));
  // 3,600 GB-s an hour cost 0.051 under the plan: covered. Ten times that in one hour: not all.
  Ran(kDay, {.ms = 3'600'000});
  for (int i = 0; i < 10; ++i) Ran(kDay + hours(1), {.ms = 3'600'000});
  const Lines bill{Rate()};
  CHECK(ToString(bill.Billed(LineKind::kHourlyFee)) == "2.4000000000");
  CHECK(bill.Effective(LineKind::kCoveredDuration) + bill.Effective(LineKind::kPlanUnused) ==
        bill.Billed(LineKind::kHourlyFee));
  const Int128 covered = bill.Quantity(LineKind::kCoveredDuration);
  // 0.1 / 0.0000141667 = 7058.80... GB-s in the second hour.
  CHECK(QuantityText(covered, PriceUnit::kGbSecond).substr(0, 8) == "10658.80");
  CHECK(bill.Quantity(LineKind::kDuration) + covered == Int128{11 * 3'600} * 1'024'000);
  CHECK(bill.Billed(LineKind::kCoveredDuration) == Money{});
}

TEST_CASE_METHOD(RatingFixture, "savings plan: what it covers first, and the free allowance before it",
                 "[meter][rating][plan]") {
  UsePrices("0.0000166667",
            kPlans + "," + kReserved + R"(,"free_allowance":{"applies":true,"requests":0,"gb_seconds":100})",
            "0.2");
  const Commitment unit = Buys(kDay, Reserve("warm", 1, 1'024, 24));
  Buys(kDay, SavingsPlan("0.01", 24));
  Ran(kDay, {.function = "cold", .ms = 300'000});
  Ran(kDay, {.function = "warm", .ms = 300'000, .plan = Plan::kReserved, .commitment = unit.id});
  const Lines bill{Rate()};
  // On demand saves 15.00 % at 0.0000141667, reserved 15.00 % at 0.0000082639: by exact shares.
  CHECK(bill.Quantity(LineKind::kFreeDuration) == Int128{100} * 1'024'000);
  CHECK(bill.Quantity(LineKind::kCoveredDuration) == Int128{200} * 1'024'000);
  CHECK(bill.Quantity(LineKind::kCoveredReservedDuration) == Int128{300} * 1'024'000);
  CHECK(bill.Quantity(LineKind::kCoveredRequests) == 2);  // last, at no discount
  CHECK(bill.Quantity(LineKind::kDuration) == Int128{100} * 1'024'000);
  CHECK(bill.Billed(LineKind::kDuration) + bill.Billed(LineKind::kFreeDuration) == Money{});
}

TEST_CASE_METHOD(RatingFixture, "savings plan of a term: effective is what was paid",
                 "[meter][rating][plan]") {
  UsePrices("0.0000166667", kPlans);
  const auto payment = GENERATE(Payment::kNoUpfront, Payment::kPartialUpfront);
  const Commitment plan = Buys(kDay, SavingsPlan("0.0333333333", 77, payment));
  for (int hour = 0; hour < 77; ++hour) {
    Ran(kDay + hours(hour), {.function = "a", .ms = 100'000u * static_cast<uint64_t>(hour % 13)});
    Ran(kDay + hours(hour), {.function = "b", .ms = 77'777});
  }
  const Lines bill{Rate()};
  const Money paid = bill.Billed(LineKind::kUpfrontFee) + bill.Billed(LineKind::kHourlyFee);
  CHECK(paid == Money{plan.committed_per_hour.units * 77});
  Money effective;
  for (const BillLine& line : bill.lines) {
    if (line.commitment == plan.id) {
      effective += line.effective;
      CHECK(line.effective.units >= 0);
    }
  }
  CHECK(effective == paid);
}

// --- credits, closing ---------------------------------------------------------------------------------------

TEST_CASE_METHOD(RatingFixture, "credits are lines of their own, in the month they were granted in",
                 "[meter][rating]") {
  Happens(kDay, CreditGranted{"crd-1", Of("1.25"), "resize", "outage"});
  Happens(kDay, CreditGranted{"crd-2", Of("1.25"), "resize", "outage"});
  Happens(kDecember, CreditGranted{"crd-3", Of("9"), "", "next month"});
  const Lines bill{Rate()};
  CHECK(bill.Count(LineKind::kCredit) == 2);
  CHECK(ToStringRounded(bill.Billed(), 2) == "-2.50");
  CHECK(bill.lines[0].id != bill.lines[1].id);
}

TEST_CASE_METHOD(RatingFixture, "closed lines never change; late records are corrections in the open period",
                 "[meter][rating]") {
  UsePrices(
      "1",
      R"("free_allowance":{"applies":true,"requests":0,"gb_seconds":1},"spot":[{"discount_percent":"50"}])");
  Ran(kDay, {});
  Ran(kDay + hours(30), {});
  const std::vector<BillLine> before = Rate();
  Happens(At("2026-12-04"), PeriodClosed{HourOf(kDecember)});
  std::vector<BillLine> closed = Rate();
  CHECK(closed == before);
  for (const BillLine& line : closed) CHECK(line.final);
  Ran(kDay, {.ms = 2'000});
  Ran(kDay, {.ms = 2'000, .plan = Plan::kSpot});
  CHECK(Rate() == before);
  const Lines december{Rate(At("2027-01-01"), kDecember)};
  REQUIRE(december.Count(LineKind::kDuration) == 1);
  const BillLine& correction = december.One(LineKind::kDuration);
  CHECK(correction.late);
  CHECK(correction.period.from == kDay);
  CHECK(correction.booked == kDecember);
  CHECK_FALSE(correction.final);
  CHECK(correction.id.starts_with("2026-12-"));
  CHECK(ToStringRounded(correction.billed, 2) == "2.00");
  CHECK(ToStringRounded(december.Billed(LineKind::kSpotDuration), 2) == "1.00");
  // A later closing fixes the correction too.
  Happens(At("2027-01-04"), PeriodClosed{HourOf(At("2027-01-01"))});
  Ran(kDay, {.ms = 4'000});
  CHECK(Lines{Rate(At("2027-01-01"), kDecember)}.Billed() == december.Billed());
}

TEST_CASE_METHOD(RatingFixture, "lines end where the bill is cut, and the cuts add up", "[meter][rating]") {
  UsePrices("1");
  for (int hour = 0; hour < 48; ++hour) Ran(kDay + hours(hour), {});
  const WallTime cut = kDay + hours(10);
  const Lines bill{Rate(kDecember, kNovember, {cut})};
  CHECK(bill.Count(LineKind::kDuration) == 3);
  CHECK(ToStringRounded(bill.Billed([&](const BillLine& line) { return line.period.to <= cut; }), 2) ==
        "10.00");
  CHECK(bill.Billed() == Lines{Rate()}.Billed());
}

TEST_CASE_METHOD(RatingFixture, "lines bear the tags of their function at that time", "[meter][rating]") {
  UsePrices("1");
  Happens(kDay, FunctionTagged{"resize", {{"team", "vision"}}});
  Happens(kDay + hours(5), FunctionTagged{"resize", {{"team", "audio"}}});
  Ran(kDay - hours(1), {});
  Ran(kDay + hours(4), {});
  Ran(kDay + hours(5), {});
  std::map<std::string, int> teams;
  for (const BillLine& line : Rate()) {
    if (line.kind == LineKind::kDuration) ++teams[line.tags.contains("team") ? line.tags.at("team") : "-"];
  }
  CHECK(teams == std::map<std::string, int>{{"-", 1}, {"audio", 1}, {"vision", 1}});
}

}  // namespace hearth
