#include "runtime/meter/bill_maker.h"

#include <catch2/catch.hpp>

#include "runtime/loop/manual_executor.h"
#include "runtime/meter/bill.h"
#include "tests/unit/runtime/loop/posted_offload.h"
#include "tests/unit/runtime/meter/meter_fixture.h"

namespace hearth {
namespace {

struct MakerFixture {
  FakeLedger ledger;
  ManualExecutor executor;
  SeededRandom random{5};
  std::unique_ptr<Meter> meter = std::move(Meter::Open(ledger).value().meter);
  std::unique_ptr<Account> account = std::move(Account::Open(*meter, executor.clock(), random)).value();
  PostedOffload offload{executor};
  std::unique_ptr<BillMaker> bills = std::make_unique<BillMaker>(*meter, *account, executor, offload);
  uint64_t runs = 0;

  void Ran() {
    InvocationRecord record = SomeRecord();
    record.request_id = "id-" + std::to_string(++runs);
    REQUIRE(meter->Record(record).ok());
  }
  static uint64_t RecordsIn(const BillBasis& basis) {
    uint64_t records = 0;
    for (const UsageRow& row : basis.usage.RowsBookedIn(UtcHour::min(), UtcHour::max()))
      records += row.usage.records;
    return records;
  }
};

}  // namespace

TEST_CASE_METHOD(MakerFixture, "work sees what there was when it was ordered", "[meter][bill]") {
  Ran();
  uint64_t records = 0, read = 0;
  size_t budgets = 0;
  const WallTime ordered_at = executor.clock().WallNow();
  WallTime now{};
  REQUIRE(bills
              ->Make<int>(
                  [&](const BillBasis& basis) {
                    records = RecordsIn(basis);
                    read = basis.usage.ReadRowsBookedIn(UtcHour::min(), UtcHour::max()).value().size();
                    budgets = basis.account->budgets().size();
                    now = basis.now;
                    return 1;
                  },
                  [](int) {})
              .ok());
  Ran();
  Budget budget;
  budget.name = "b";
  budget.monthly = Money{1};
  budget.steps = {{100, BudgetAction::kWarn}};
  REQUIRE(account->SetBudget(budget).ok());
  executor.manual_clock().SetWall(ordered_at + std::chrono::hours(3));
  executor.RunPosted();
  CHECK(records == 1);
  CHECK(read == 1);
  CHECK(budgets == 0);
  CHECK(now == ordered_at);
  CHECK(account->state().budgets().size() == 1);
  CHECK(RecordsIn(bills->Basis()) == 2);
}

TEST_CASE_METHOD(MakerFixture, "work at the limit waits, one past it is refused", "[meter][bill]") {
  size_t worked = 0, done = 0;
  const auto make = [&] {
    return bills->Make<int>(
        [&](const BillBasis&) {
          ++worked;
          return 1;
        },
        [&](int) { ++done; });
  };
  for (size_t i = 0; i < BillMaker::kWaitingMax; ++i) REQUIRE(make().ok());
  CHECK(worked == 0);
  CHECK(make().error().code == ErrorCode::kThrottled);
  executor.RunPosted();
  CHECK(worked == BillMaker::kWaitingMax);
  CHECK(done == BillMaker::kWaitingMax);
  CHECK(make().ok());
}

TEST_CASE_METHOD(MakerFixture, "no callback after the bill maker is gone", "[meter][bill]") {
  bool done = false;
  REQUIRE(bills->Make<int>([](const BillBasis&) { return 1; }, [&](int) { done = true; }).ok());
  bills.reset();
  executor.RunPosted();
  CHECK_FALSE(done);
}

// So that a daemon that ends does not wait for a ledger that takes minutes to read.
TEST_CASE_METHOD(MakerFixture, "what reads the ledger stops when the bill maker is gone", "[meter][bill]") {
  Ran();
  const BillBasis basis = bills->Basis();
  CHECK(basis.usage.ReadRowsBookedIn(UtcHour::min(), UtcHour::max()).ok());
  bills.reset();
  CHECK(basis.usage.ReadRowsBookedIn(UtcHour::min(), UtcHour::max()).error().code == ErrorCode::kCancelled);
  CHECK(RecordsIn(basis) == 1);  // what is in memory is still there
}

}  // namespace hearth
