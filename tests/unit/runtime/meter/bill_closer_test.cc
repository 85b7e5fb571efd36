#include "runtime/meter/bill_closer.h"

#include <catch2/catch.hpp>

#include "runtime/loop/manual_executor.h"
#include "tests/unit/runtime/loop/posted_offload.h"
#include "tests/unit/runtime/meter/rating_fixture.h"

namespace hearth {
namespace {

using std::chrono::hours;

struct CloserFixture {
  FakeLedger ledger;
  ManualExecutor executor;
  SeededRandom random{5};
  std::unique_ptr<Meter> meter = std::move(Meter::Open(ledger).value().meter);
  std::unique_ptr<Account> account = std::move(Account::Open(*meter, executor.clock(), random)).value();
  PostedOffload offload{executor};
  BillMaker bills{*meter, *account, executor, offload};
  std::vector<std::string> failures;
  std::unique_ptr<BillCloser> closer;
  uint64_t runs = 0;

  void Start() {
    closer = std::make_unique<BillCloser>(*account, bills, executor,
                                          [this](const Error& error) { failures.push_back(error.message); });
    closer->Start();
    executor.RunPosted();
  }
  void Ran(WallTime when) {
    InvocationRecord record = SomeRecord();
    record.request_id = "id-" + std::to_string(++runs);
    record.started = when;
    REQUIRE(meter->Record(record).ok());
  }
};

}  // namespace

TEST_CASE("a day is final 72 hours after its end, not before", "[meter][bill]") {
  CHECK(FinalThrough(At("2026-12-04")) == HourOf(kDecember));
  CHECK(FinalThrough(At("2026-12-04") - microseconds(1)) == HourOf(At("2026-11-30")));
}

TEST_CASE_METHOD(CloserFixture, "days are closed as time goes, and a month's bill is issued once",
                 "[meter][bill]") {
  Ran(executor.clock().WallNow());
  Start();
  CHECK(account->state().closed_through() == HourOf(At("2026-11-20")));
  executor.Advance(hours(24 * 12));
  CHECK(account->state().closed_through() == HourOf(At("2026-12-02")));
  REQUIRE(account->state().invoices().contains("2026-11"));
  CHECK(account->state().invoices().size() == 1);
  const size_t entries = ledger.records.size();
  executor.Advance(hours(5));
  CHECK(ledger.records.size() == entries);
  // Made again it is the bill that was issued.
  const Bill again =
      MakeBill(account->state(), LedgerUsage(meter->View()), MonthOf(kNovember), executor.clock().WallNow())
          .value();
  CHECK(IssuedInvoice(again) == account->state().invoices().at("2026-11"));
  Ran(At("2026-11-23"));  // late: a correction in December
  const Bill late =
      MakeBill(account->state(), KeptUsage(meter->View()), MonthOf(kNovember), executor.clock().WallNow())
          .value();
  CHECK(IssuedInvoice(late) == account->state().invoices().at("2026-11"));
}

TEST_CASE_METHOD(CloserFixture, "wall clock set forward by mistake closes nothing", "[meter][bill]") {
  Start();
  const UtcHour before = account->state().closed_through();
  executor.manual_clock().SetWall(At("2037-01-01"));
  executor.Advance(hours(2));
  CHECK(account->state().closed_through() == before);
}

TEST_CASE_METHOD(CloserFixture, "full ledger is told, and tried again", "[meter][bill]") {
  ledger.full = true;
  Start();
  CHECK(failures.size() == 1);
  ledger.full = false;
  executor.Advance(hours(1));
  CHECK(account->state().closed_through() == HourOf(At("2026-11-20")));
}

}  // namespace hearth
