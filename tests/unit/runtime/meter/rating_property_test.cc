// What must hold of any bill, over accounts and usage that are made up from a seed.

#include <set>

#include <catch2/catch.hpp>

#include "runtime/meter/bill.h"
#include "runtime/meter/focus_csv.h"
#include "tests/unit/runtime/meter/rating_fixture.h"

namespace hearth {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

const std::string kBook =
    R"({"effective_from":"2026-01-01","per_million_requests":"0.20","duration_tiers":[)"
    R"({"up_to_gb_seconds":3000,"per_gb_second":"0.0000166667"},{"up_to_gb_seconds":9000,"per_gb_second":"0.0000150000"},)"
    R"({"per_gb_second":"0.0000133334"}],"free_allowance":{"applies":true,"requests":50,"gb_seconds":400},)"
    R"("ephemeral_storage":{"per_gb_second":"0.0000000309","free_mib":512},)"
    R"("reserved":[{"term_hours":0,"capacity_per_gb_second":"0.0000041667","duration_per_gb_second":"0.0000097222"},)"
    R"({"term_hours":1,"capacity_per_gb_second":"0.0000039","duration_per_gb_second":"0.0000097222"},)"
    R"({"term_hours":1,"payment":"partial","capacity_per_gb_second":"0.0000037","duration_per_gb_second":"0.0000097222"},)"
    R"({"term_hours":1,"payment":"all","capacity_per_gb_second":"0.0000033","duration_per_gb_second":"0.0000097222"}],)"
    R"("savings_plans":[{"term_hours":1,"duration_per_gb_second":"0.0000141667","reserved_duration_per_gb_second":"0.0000082639"},)"
    R"({"term_hours":1,"payment":"all","duration_per_gb_second":"0.0000141667","reserved_duration_per_gb_second":"0.0000082639"}],)"
    R"("spot":[{"discount_percent":"70"}],"dedicated":{"per_cpu_hour":"0.0446"}})";

// An account that buys, ends and tags, and the records of a month.
struct MadeUp : RatingFixture {
  std::mt19937_64 random;
  std::vector<Commitment> bought;
  std::vector<InvocationRecord> records;

  explicit MadeUp(uint64_t seed) : random(seed) {
    UseBook(kBook);
    for (int i = 0; i < 12; ++i) MakeUpEvent();
    for (int i = 0; i < 400; ++i) records.push_back(MakeUpRecord());
  }
  uint64_t Below(uint64_t bound) { return random() % bound; }
  WallTime Sometime(uint64_t days = 24) { return kNovember + microseconds(Below(days * 86'400'000'000)); }
  std::string Function() { return std::string(1, static_cast<char>('a' + Below(5))); }

  void MakeUpEvent() {
    const WallTime when = Sometime(10);
    const Payment payments[] = {Payment::kNoUpfront, Payment::kPartialUpfront, Payment::kAllUpfront};
    switch (Below(6)) {
      case 0:
        bought.push_back(Buys(when, Reserve(Function(), 1 + static_cast<uint32_t>(Below(3)), 128 << Below(5),
                                            1 + Below(400), payments[Below(3)])));
        break;
      case 1:
        bought.push_back(Buys(when, SavingsPlan(std::to_string(1 + Below(9)) + ".01", 1 + Below(300),
                                                Below(2) ? Payment::kNoUpfront : Payment::kAllUpfront)));
        break;
      case 2:
        bought.push_back(Buys(when, Reserve(Function(), 1, 512, 0)));
        if (Below(2)) Happens(when, CommitmentEnded{bought.back().id, when + minutes(Below(5'000))});
        break;
      case 3:
        bought.push_back(Buys(when, Host(Function(), 1 + static_cast<uint32_t>(Below(4)))));
        Happens(when, CommitmentEnded{bought.back().id, when + minutes(Below(5'000))});
        break;
      case 4:
        Happens(when, FunctionTagged{Function(), {{"team", Function()}}});
        break;
      default:
        Happens(when, DiscountSet{static_cast<uint32_t>(Below(3'000))});
    }
  }
  InvocationRecord MakeUpRecord() {
    Run run;
    run.function = Function();
    run.ms = 1 + Below(900'000);
    run.memory_mib = 128 << static_cast<uint32_t>(Below(5));
    run.tmp_mib = Below(3) == 0 ? 2'048 : 512;
    run.outcome = Below(5) ? OutcomeKind::kSuccess : static_cast<OutcomeKind>(Below(kOutcomeKinds));
    run.cpu_us = Below(run.ms * 1'000);
    run.version = Below(4) ? "$LATEST" : "3";
    if (Below(8) == 0) run.plan = Plan::kSpot;
    if (!bought.empty() && Below(3) == 0) {
      const Commitment& on = bought[Below(bought.size())];
      if (on.kind != CommitmentKind::kSavingsPlan) {
        run.plan = on.plan();
        run.commitment = on.id;
      }
    }
    ++number;
    InvocationRecord record = RecordOf(Sometime(), run);
    return record;
  }
  void RunAll() {
    for (const InvocationRecord& record : records) usage.Add(number++, record);
  }
  Bill Made(WallTime now = kDecember) const {
    const RowSource source = [this](UtcHour from, UtcHour to) -> Result<std::vector<UsageRow>> {
      return usage.RowsBookedIn(from, to);
    };
    return MakeBill(account, source, MonthOf(kNovember), now).value();
  }
};

uint64_t Seed() { return GENERATE(take(6, random(0, 1'000'000'000))); }

}  // namespace

TEST_CASE("a bill does not depend on the order of records", "[meter][rating][property]") {
  const uint64_t seed = Seed();
  CAPTURE(seed);
  MadeUp one(seed), other(seed);
  std::shuffle(other.records.begin(), other.records.end(), other.random);
  one.RunAll();
  other.RunAll();
  CHECK(CanonicalText(one.Made()) == CanonicalText(other.Made()));
}

TEST_CASE("making a bill twice makes the same", "[meter][rating][property]") {
  const uint64_t seed = Seed();
  CAPTURE(seed);
  MadeUp account(seed);
  account.RunAll();
  CHECK(CanonicalText(account.Made()) == CanonicalText(account.Made()));
  CHECK(CanonicalText(account.Made()) == CanonicalText(account.Made(kDecember + hours(500))));
}

// Money is rounded once a line, so a cut moves a line's amount by less than one unit of 1e-10 for each cut.
TEST_CASE("cutting hours apart never changes a sum", "[meter][rating][property]") {
  const uint64_t seed = Seed();
  CAPTURE(seed);
  MadeUp account(seed);
  account.RunAll();
  const std::vector<BillLine> whole = account.Rate();
  std::vector<WallTime> cuts;
  for (int i = 0; i < 20; ++i) cuts.push_back(HourOf(account.Sometime(30)));
  const std::vector<BillLine> cut = account.Rate(kDecember, kNovember, cuts);
  for (size_t kind = 0; kind < kLineKinds; ++kind) {
    const auto line_kind = static_cast<LineKind>(kind);
    INFO(NameOf(line_kind));
    if (line_kind != LineKind::kPlanUnused)  // its quantity is money: rounded down hour by hour, not lost
      CHECK(Lines{whole}.Quantity(line_kind) == Lines{cut}.Quantity(line_kind));
  }
  const Int128 moved = Lines{whole}.Billed().units - Lines{cut}.Billed().units;
  CHECK((moved < 0 ? -moved : moved) <= static_cast<Int128>(cut.size()));
  Money effective_whole, effective_cut;
  for (const BillLine& line : whole) effective_whole += line.effective;
  for (const BillLine& line : cut) effective_cut += line.effective;
  const Int128 shifted = effective_whole.units - effective_cut.units;
  CHECK((shifted < 0 ? -shifted : shifted) <= static_cast<Int128>(cut.size()));
}

// Usage is billed once, under one plan: nothing is lost between plans and nothing is there twice.
TEST_CASE("every MB x ms and every request is in exactly one line", "[meter][rating][property]") {
  const uint64_t seed = Seed();
  CAPTURE(seed);
  MadeUp account(seed);
  account.RunAll();
  Int128 mb_ms = 0, requests = 0;
  for (const InvocationRecord& record : account.records) {
    if (!record.billable) continue;
    mb_ms += Int128{record.billed_ms} * Int128{record.memory_mib};
    const Commitment* on = account.account.Find(record.commitment);
    if (!on || on->kind != CommitmentKind::kDedicated) ++requests;
  }
  const Lines bill{account.Rate()};
  CHECK(bill.Quantity(LineKind::kDuration) + bill.Quantity(LineKind::kSpotDuration) +
            bill.Quantity(LineKind::kReservedDuration) + bill.Quantity(LineKind::kDedicatedDuration) +
            bill.Quantity(LineKind::kCoveredDuration) + bill.Quantity(LineKind::kCoveredReservedDuration) ==
        mb_ms);
  CHECK(bill.Quantity(LineKind::kRequests) + bill.Quantity(LineKind::kCoveredRequests) == requests);
}

TEST_CASE("what a commitment's usage is worth is what was paid for it", "[meter][rating][property]") {
  const uint64_t seed = Seed();
  CAPTURE(seed);
  MadeUp account(seed);
  account.RunAll();
  const std::vector<BillLine> lines = account.Rate();
  for (const Commitment& commitment : account.bought) {
    if (commitment.term_hours == 0 || commitment.to > kDecember) continue;
    INFO(commitment.id);
    Money paid, effective, used, unused;
    for (const BillLine& line : lines) {
      if (line.commitment != commitment.id) continue;
      if (ClassOf(line.kind) == LineClass::kPurchase) {
        paid += line.billed;
        CHECK(line.effective == Money{});
      } else if (ClassOf(line.kind) == LineClass::kCovered) {
        CHECK(line.billed == Money{});
        CHECK(line.effective.units >= 0);
        effective += line.effective;
        const bool rest = line.kind == LineKind::kCommittedUnused || line.kind == LineKind::kPlanUnused;
        (rest ? unused : used) += line.effective;
      }
    }
    CHECK(paid == TermPrice(commitment));
    CHECK(effective == paid);
    CHECK(used + unused == effective);
  }
}

TEST_CASE("lines and rounding make the invoice, to the cent", "[meter][rating][property]") {
  const uint64_t seed = Seed();
  CAPTURE(seed);
  MadeUp account(seed);
  account.RunAll();
  const Bill bill = account.Made();
  Money sum;
  for (const BillLine& line : bill.lines) sum += line.billed;
  REQUIRE(bill.invoices.size() == 1);
  CHECK(sum == bill.invoices[0].total);
  CHECK(sum == bill.total);
  CHECK(sum.units % 100'000'000 == 0);
  std::set<std::string> ids;
  for (const BillLine& line : bill.lines) ids.insert(line.id);
  CHECK(ids.size() == bill.lines.size());
}

TEST_CASE("days that are closed stay as they are, whatever comes", "[meter][rating][property]") {
  const uint64_t seed = Seed();
  CAPTURE(seed);
  MadeUp account(seed);
  account.RunAll();
  const UtcHour through = DayOf(kNovember + hours(24 * 15));
  account.Happens(kNovember + hours(24 * 18), PeriodClosed{through});
  const auto closed = [&] {
    std::vector<BillLine> lines = account.Rate();
    std::erase_if(lines, [&](const BillLine& line) { return line.booked >= WallTime(through); });
    return lines;
  };
  const std::vector<BillLine> before = closed();
  for (int i = 0; i < 100; ++i) {
    InvocationRecord record = account.MakeUpRecord();
    account.usage.Add(account.number++, record);
  }
  CHECK(closed() == before);
}

// --- FOCUS 1.2 over the same bills ---------------------------------------------------------------------------

namespace {

using FocusLine = std::map<std::string, std::string>;

std::vector<FocusLine> Focus(const MadeUp& account, const Bill& bill) {
  std::vector<FocusLine> rows;
  for (const BillLine& line : bill.lines) {
    const auto values = FocusRow(line, bill, account.account, {});
    FocusLine row;
    for (size_t i = 0; i < values.size(); ++i) row[std::string(FocusColumns()[i])] = values[i];
    rows.push_back(row);
  }
  return rows;
}

bool IsNumber(const std::string& text) {
  if (text.empty() || text.find_first_not_of("-0123456789.") != std::string::npos) return false;
  return text.find('-', 1) == std::string::npos && text.find('.') == text.rfind('.');
}

// a x b at 1e-10, half-even, for decimals of any length.
Money Product(const std::string& price, const std::string& quantity) {
  const auto scaled = [](const std::string& text, int& decimals) {
    Int128 value = 0;
    decimals = 0;
    bool point = false;
    for (const char c : text) {
      if (c == '.') point = true;
      if (c < '0' || c > '9') continue;
      value = value * 10 + (c - '0');
      if (point) ++decimals;
    }
    return text.starts_with('-') ? -value : value;
  };
  int a = 0, b = 0;
  Int128 product = scaled(price, a) * scaled(quantity, b);
  Int128 power = 1;
  for (int i = a + b; i > kMoneyDecimals; --i) power *= 10;
  for (int i = a + b; i < kMoneyDecimals; ++i) product *= 10;
  return {DivideHalfEven(product, power)};
}

bool Near(Money a, Money b, Int128 by) {
  const Int128 apart = a.units - b.units;
  return (apart < 0 ? -apart : apart) <= by;
}

}  // namespace

TEST_CASE("FOCUS: what the specification asks of rows", "[meter][rating][property][focus]") {
  const uint64_t seed = Seed();
  CAPTURE(seed);
  MadeUp account(seed);
  account.RunAll();
  const Bill bill = account.Made();
  std::map<std::string, Money> paid, effective, used_and_unused, invoices;
  for (const FocusLine& row : Focus(account, bill)) {
    INFO(row.at("ChargeDescription"));
    for (const char* mandatory :
         {"BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodStart",
          "BillingPeriodEnd", "ChargeCategory", "ChargeDescription", "ChargePeriodStart", "ChargePeriodEnd",
          "ContractedCost", "EffectiveCost", "InvoiceIssuer", "ListCost", "Provider", "Publisher",
          "ServiceCategory", "ServiceName", "ChargeFrequency"})
      CHECK_FALSE(row.at(mandatory).empty());
    for (const char* number : {"BilledCost", "ContractedCost", "EffectiveCost", "ListCost"})
      CHECK(IsNumber(row.at(number)));
    const std::string& category = row.at("ChargeCategory");
    const bool usage = category == "Usage", purchase = category == "Purchase";
    CHECK((usage || purchase || category == "Credit" || category == "Adjustment"));
    const Money billed = Of(row.at("BilledCost")), list = Of(row.at("ListCost"));
    invoices[row.at("InvoiceId")] += billed;
    for (const char* priced : {"ListUnitPrice", "ContractedUnitPrice", "PricingQuantity", "PricingUnit",
                               "SkuId", "SkuPriceId", "PricingCategory"})
      CHECK(row.at(priced).empty() == !(usage || purchase));
    if (usage || purchase) {
      // Quantities of cpu-hours are cut at the twelfth decimal.
      const Int128 slack = row.at("PricingUnit") == "Core-Hours" ? 2 : 0;
      CHECK(Near(Product(row.at("ListUnitPrice"), row.at("PricingQuantity")), list, slack));
      CHECK(Near(Product(row.at("ContractedUnitPrice"), row.at("PricingQuantity")),
                 Of(row.at("ContractedCost")), slack));
    } else {
      CHECK(Of(row.at("EffectiveCost")) == billed);
      CHECK(list == billed);
    }
    if (purchase) {
      CHECK(Of(row.at("EffectiveCost")) == Money{});
      CHECK(row.at("ChargeFrequency") != "Usage-Based");
    }
    const std::string& id = row.at("CommitmentDiscountId");
    const std::string& status = row.at("CommitmentDiscountStatus");
    CHECK((status.empty() == (id.empty() || !usage)));
    CHECK(row.at("CommitmentDiscountQuantity").empty() == id.empty());
    CHECK((usage && !id.empty()) == (row.at("PricingCategory") == "Committed"));
    CHECK(row.at("ConsumedQuantity").empty() == (!usage || (!id.empty() && status == "Unused")));
    CHECK(row.at("CapacityReservationStatus").empty() == row.at("CapacityReservationId").empty());
    if (!id.empty()) {
      if (purchase) paid[id] += billed;
      if (usage) effective[id] += Of(row.at("EffectiveCost"));
      if (!status.empty()) used_and_unused[id] += Of(row.at("EffectiveCost"));
    }
    CHECK(row.at("ChargePeriodStart") < row.at("ChargePeriodEnd"));
    CHECK(row.at("BillingPeriodStart") == "2026-11-01T00:00:00Z");
    CHECK(row.at("BillingPeriodEnd") == "2026-12-01T00:00:00Z");
    CHECK(row.at("BillingPeriodStart") <= row.at("ChargePeriodStart"));
    CHECK(row.at("ChargePeriodEnd") <= row.at("BillingPeriodEnd"));
  }
  CHECK(effective == used_and_unused);
  for (const Commitment& commitment : account.bought) {
    if (commitment.term_hours == 0 || commitment.to > kDecember) continue;
    CHECK(effective[commitment.id] == paid[commitment.id]);
  }
  REQUIRE(invoices.size() == 1);
  CHECK(invoices.begin()->second == bill.invoices[0].total);
}

}  // namespace hearth
