#include "runtime/meter/budget_watch.h"

#include <catch2/catch.hpp>

#include "runtime/loop/manual_executor.h"
#include "tests/unit/runtime/loop/posted_offload.h"
#include "tests/unit/runtime/meter/rating_fixture.h"

namespace hearth {
namespace {

// A GB-second costs 1.
struct BudgetFixture {
  FakeLedger ledger;
  ManualExecutor executor;
  SeededRandom random{5};
  std::unique_ptr<Meter> meter = std::move(Meter::Open(ledger).value().meter);
  std::unique_ptr<Account> account = std::move(Account::Open(*meter, executor.clock(), random)).value();
  PostedOffload offload{executor};
  BillMaker bills{*meter, *account, executor, offload};
  std::vector<std::string> told;
  std::unique_ptr<BudgetWatch> watch = std::make_unique<BudgetWatch>(
      *account, bills, executor, [this](const Budget& budget, const BudgetSpent&, const Budget::Step& step) {
        told.push_back(budget.name + " " + std::to_string(step.percent) + " " +
                       std::string(NameOf(step.action)));
      });
  uint64_t runs = 0;

  BudgetFixture() {
    REQUIRE(account
                ->UsePrices(R"({"format":2,"name":"n","version":"1","currency":"USD","editions":[{)"
                            R"("effective_from":"2026-01-01","per_million_requests":"0",)"
                            R"("duration_tiers":[{"per_gb_second":"1"}]}]})")
                .ok());
    watch->Start();
  }
  void Evaluate() {
    watch->Evaluate();
    executor.RunPosted();
  }
  void Ran(const std::string& function, uint64_t ms) {
    InvocationRecord record = SomeRecord();
    record.request_id = "id-" + std::to_string(++runs);
    record.function = function;
    record.started = executor.clock().WallNow();
    record.duration_ns = ms * 1'000'000;
    record.memory_mib = 1'024;
    REQUIRE(meter->Record(Billed(record)).ok());
  }
  void Set(const std::string& name, const std::string& function, const std::string& tag = "") {
    Budget budget;
    budget.name = name;
    budget.function = function;
    if (!tag.empty()) {
      budget.tag_key = "team";
      budget.tag_value = tag;
    }
    budget.monthly = Of("10");
    budget.steps = {{80, BudgetAction::kWarn}, {100, BudgetAction::kThrottle}};
    REQUIRE(account->SetBudget(budget).ok());
  }
  bool Refuses(const std::string& function) const { return watch->Check(function).has_value(); }
};

}  // namespace

TEST_CASE_METHOD(BudgetFixture, "budget warns, then throttles, at its percents and not before",
                 "[meter][budget]") {
  Set("b", "resize");
  Ran("resize", 7'999);
  executor.Advance(seconds(61));
  CHECK(told.empty());
  Ran("resize", 1);
  executor.Advance(seconds(61));
  CHECK(told == std::vector<std::string>{"b 80 warn"});
  CHECK_FALSE(Refuses("resize"));
  Ran("resize", 2'000);
  executor.Advance(seconds(61));
  CHECK(told == std::vector<std::string>{"b 80 warn", "b 100 throttle"});
  REQUIRE(Refuses("resize"));
  CHECK(watch->Check("resize")->message.find("hearth budget set b") != std::string::npos);
  CHECK_FALSE(Refuses("other"));
  executor.Advance(seconds(600));
  CHECK(told.size() == 2);  // told once
}

TEST_CASE_METHOD(BudgetFixture, "budget of the account stops all, of a tag those that bear it",
                 "[meter][budget]") {
  REQUIRE(account->SetTags("resize", {{"team", "vision"}}).ok());
  REQUIRE(account->SetTags("thumbs", {{"team", "vision"}}).ok());
  Set("tagged", "", "vision");
  Ran("resize", 10'000);
  Evaluate();
  CHECK(Refuses("resize"));
  CHECK(Refuses("thumbs"));
  CHECK_FALSE(Refuses("other"));
  Set("all", "");
  Evaluate();
  CHECK(Refuses("other"));
  CHECK(watch->Check("other")->budget == "all");
}

TEST_CASE_METHOD(BudgetFixture, "budget that is raised or removed lets go", "[meter][budget]") {
  Set("b", "resize");
  Ran("resize", 10'000);
  Evaluate();
  REQUIRE(Refuses("resize"));
  Budget raised = account->state().budgets().at("b");
  raised.monthly = Of("100");
  REQUIRE(account->SetBudget(raised).ok());
  Evaluate();
  CHECK_FALSE(Refuses("resize"));
  Set("b", "resize");
  Evaluate();
  REQUIRE(Refuses("resize"));
  REQUIRE(account->RemoveBudget("b").ok());
  Evaluate();
  CHECK_FALSE(Refuses("resize"));
  CHECK(watch->spent().empty());
}

TEST_CASE_METHOD(BudgetFixture, "budget begins anew with the month, and tells again", "[meter][budget]") {
  Set("b", "resize");
  Ran("resize", 10'000);
  Evaluate();
  REQUIRE(Refuses("resize"));
  executor.manual_clock().SetWall(kDecember);
  Evaluate();
  CHECK_FALSE(Refuses("resize"));
  Ran("resize", 8'000);
  Evaluate();
  CHECK(told == std::vector<std::string>{"b 80 warn", "b 100 throttle", "b 80 warn"});
}

TEST_CASE_METHOD(BudgetFixture, "no callback after the watch is gone", "[meter][budget]") {
  Set("b", "resize");
  Ran("resize", 10'000);
  watch.reset();
  executor.Advance(seconds(600));
  CHECK(told.empty());
}

}  // namespace hearth
