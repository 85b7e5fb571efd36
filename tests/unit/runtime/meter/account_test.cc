#include "runtime/meter/account.h"

#include <catch2/catch.hpp>

#include "tests/unit/runtime/meter/meter_fixture.h"

namespace hearth {
namespace {

using std::chrono::hours;

struct AccountFixture {
  FakeLedger ledger;
  ManualClock clock;
  SeededRandom random{5};
  std::unique_ptr<Meter> meter;
  std::unique_ptr<Account> account;

  AccountFixture() {
    clock.SetWall(kNoon);
    Restart();
  }
  void Restart() {
    account.reset();
    meter = std::move(Meter::Open(ledger).value().meter);
    account = std::move(Account::Open(*meter, clock, random)).value();
  }
  CommitmentOrder Reserve(uint64_t term_hours, Payment payment = Payment::kNoUpfront,
                          bool convertible = false) {
    CommitmentOrder order;
    order.kind = convertible ? CommitmentKind::kReservedConvertible : CommitmentKind::kReservedStandard;
    order.function = "resize";
    order.version = "$LATEST";
    order.workers = 2;
    order.memory_mib = 512;
    order.term_hours = term_hours;
    order.payment = payment;
    return order;
  }
};

struct NoRoom final : CommitmentPlacement {
  Status CheckPlaceable(const Commitment&, const std::string& instead_of) const override {
    asked_instead_of = instead_of;
    return refuses ? Status(Error{ErrorCode::kPrecondition, "no room"}) : Ok();
  }
  void OnCommitmentsChanged() override { ++changes; }
  Held HeldFor(const Commitment&) const override { return {}; }
  bool refuses = true;
  int changes = 0;
  mutable std::string asked_instead_of;
};

}  // namespace

TEST_CASE_METHOD(AccountFixture, "commitment is bought, and is there after a restart", "[meter][account]") {
  const Commitment bought = account->Buy(Reserve(720)).value();
  CHECK(bought.id.starts_with("rsv-"));
  Restart();
  REQUIRE(account->state().Find(bought.id));
  CHECK(*account->state().Find(bought.id) == bought);
  CHECK(account->state().Running(kNoon).size() == 1);
  CHECK(account->state().Running(kNoon + hours(720)).empty());
  CHECK(account->state().Running(kNoon - hours(1)).empty());
}

TEST_CASE_METHOD(AccountFixture, "what the node cannot place is not bought", "[meter][account]") {
  NoRoom placement;
  account->SetPlacement(&placement);
  CHECK(account->Buy(Reserve(720)).error().code == ErrorCode::kPrecondition);
  CHECK(ledger.records.empty());
  CHECK(placement.changes == 0);
  placement.refuses = false;
  CHECK(account->Buy(Reserve(720)).ok());
  CHECK(placement.changes == 1);
}

TEST_CASE_METHOD(AccountFixture, "what the full ledger does not take changes nothing", "[meter][account]") {
  ledger.full = true;
  CHECK(account->Buy(Reserve(720)).error().code == ErrorCode::kUnavailable);
  CHECK(account->state().commitments().empty());
}

TEST_CASE_METHOD(AccountFixture, "what has a term cannot be ended, what has none can, once",
                 "[meter][account]") {
  const std::string year = account->Buy(Reserve(8'760)).value().id;
  const std::string open = account->Buy(Reserve(0)).value().id;
  clock.Advance(std::chrono::minutes(7));
  CHECK(account->End(year).error().code == ErrorCode::kConflict);
  CHECK(account->End(open).value().to == clock.WallNow());
  CHECK(account->End(open).error().code == ErrorCode::kConflict);
  CHECK(account->End("rsv-none").error().code == ErrorCode::kNotFound);
  Restart();
  CHECK(account->state().Find(open)->to == clock.WallNow());
}

TEST_CASE_METHOD(AccountFixture, "exchange ends the old one and credits what is left", "[meter][account]") {
  NoRoom placement;
  placement.refuses = false;
  account->SetPlacement(&placement);
  const Commitment old = account->Buy(Reserve(8'760, Payment::kAllUpfront, true)).value();
  clock.Advance(hours(2'190) + std::chrono::minutes(10));
  CommitmentOrder order = Reserve(8'760, Payment::kAllUpfront, true);
  order.function = "thumbs";
  const Commitment bought = account->Exchange(old.id, order).value();
  CHECK(placement.asked_instead_of == old.id);
  Restart();
  CHECK(account->state().Find(old.id)->to == bought.from);
  REQUIRE(account->state().exchanges().size() == 1);
  const AccountState::Exchange& exchange = account->state().exchanges()[0];
  CHECK(exchange.credit + AmortisedUntil(old, bought.from) == old.upfront);
  CHECK(account->Exchange(old.id, order).error().code == ErrorCode::kPrecondition);  // it has ended
}

TEST_CASE_METHOD(AccountFixture, "tags hold from the hour they were set in, until they are set again",
                 "[meter][account]") {
  clock.Advance(std::chrono::minutes(30));
  REQUIRE(account->SetTags("resize", {{"team", "vision"}}).ok());
  REQUIRE(account->SetTags("resize", {{"team", "vision"}}).ok());  // the same again
  CHECK(ledger.records.size() == 1);
  clock.Advance(hours(5));
  REQUIRE(account->SetTags("resize", {}).ok());
  Restart();
  const UtcHour noon = HourOf(kNoon);
  CHECK(account->state().TagsAt("resize", noon - hours(1)).empty());
  CHECK(account->state().TagsAt("resize", noon).at("team") == "vision");
  CHECK(account->state().TagsAt("resize", noon + hours(4)).at("team") == "vision");
  CHECK(account->state().TagsAt("resize", noon + hours(5)).empty());
  CHECK(account->state().TagsAt("other", noon).empty());
}

TEST_CASE_METHOD(AccountFixture, "tags at their limits and one past them", "[meter][account]") {
  Tags tags;
  for (size_t i = 0; i < kTagsMax; ++i) tags["k" + std::to_string(i)] = "v";
  CHECK(account->SetTags("resize", tags).ok());
  tags["one-more"] = "v";
  CHECK_FALSE(account->SetTags("resize", tags).ok());
  CHECK(account->SetTags("resize", {{std::string(128, 'k'), std::string(256, 'v')}}).ok());
  CHECK_FALSE(account->SetTags("resize", {{std::string(129, 'k'), ""}}).ok());
  CHECK_FALSE(account->SetTags("resize", {{"k", std::string(257, 'v')}}).ok());
  CHECK_FALSE(account->SetTags("resize", {{"aws:x", ""}}).ok());
}

TEST_CASE_METHOD(AccountFixture, "first price book also prices the past, the next one only what is to come",
                 "[meter][account]") {
  const auto book = [](const char* price) {
    return std::string(R"({"format":2,"name":"n","version":"1","currency":"USD","editions":[{)") +
           R"("effective_from":"2020-01-01","per_million_requests":"0","duration_tiers":[{"per_gb_second":")" +
           price + R"("}]}]})";
  };
  clock.Advance(std::chrono::minutes(10));
  REQUIRE(account->UsePrices(book("1")).ok());
  REQUIRE(account->UsePrices("  " + book("1")).ok());  // the same book
  CHECK(ledger.records.size() == 1);
  clock.Advance(hours(2));
  REQUIRE(account->UsePrices(book("2")).ok());
  CHECK_FALSE(account->UsePrices("{}").ok());
  Restart();
  const auto price = [&](UtcHour hour) {
    return ToStringRounded(account->state().PricesAt(hour).list_per_gb_second(), 0);
  };
  const UtcHour noon = HourOf(kNoon);
  CHECK(price(noon - hours(1'000)) == "1");
  CHECK(price(noon + hours(2)) == "1");  // the hour it was changed in
  CHECK(price(noon + hours(3)) == "2");
}

TEST_CASE_METHOD(AccountFixture, "nothing is changed in closed hours, whatever the clock says",
                 "[meter][account]") {
  REQUIRE(account->CloseThrough(HourOf(kNoon) + hours(48)).ok());
  REQUIRE(account->CloseThrough(HourOf(kNoon)).ok());  // never backwards
  CHECK(account->state().closed_through() == HourOf(kNoon) + hours(48));
  REQUIRE(account->SetDiscount(500).ok());
  REQUIRE(account->SetSpotDiscount(2'500).ok());
  const UtcHour open = account->state().closed_through();
  CHECK(account->state().DiscountAt(open - hours(1)) == 0);
  CHECK(account->state().DiscountAt(open) == 500);
  CHECK(account->state().SpotDiscountAt(open - hours(1)) == 1'000);  // the book's, of a full node
  CHECK(account->state().SpotDiscountAt(open) == 2'500);
}

TEST_CASE_METHOD(AccountFixture, "budgets are set, replaced and removed", "[meter][account]") {
  Budget budget;
  budget.name = "vision";
  budget.tag_key = "team";
  budget.tag_value = "vision";
  budget.monthly = ParseMoney("10").value();
  budget.steps = {{80, BudgetAction::kWarn}, {100, BudgetAction::kThrottle}};
  REQUIRE(account->SetBudget(budget).ok());
  budget.monthly = ParseMoney("20").value();
  REQUIRE(account->SetBudget(budget).ok());
  Restart();
  CHECK(account->state().budgets().at("vision") == budget);
  REQUIRE(account->RemoveBudget("vision").ok());
  CHECK(account->RemoveBudget("vision").error().code == ErrorCode::kNotFound);
  Restart();
  CHECK(account->state().budgets().empty());
}

TEST_CASE_METHOD(AccountFixture, "credits are for something, with a reason", "[meter][account]") {
  CHECK(account->GrantCredit(ParseMoney("1.5").value(), "resize", "outage of 23 November").ok());
  CHECK_FALSE(account->GrantCredit(Money{}, "", "nothing").ok());
  CHECK_FALSE(account->GrantCredit(Money{1}, "", "").ok());
  Restart();
  REQUIRE(account->state().credits().size() == 1);
  CHECK(account->state().credits()[0].at == kNoon);
}

}  // namespace hearth
