#include "runtime/meter/bill.h"

#include <catch2/catch.hpp>

#include "tests/unit/runtime/meter/rating_fixture.h"

namespace hearth {
namespace {

using std::chrono::hours;

// Over a meter, with the account that its ledger tells.
struct BillFixture {
  FakeLedger ledger;
  std::unique_ptr<Meter> meter = std::move(Meter::Open(ledger).value().meter);
  uint32_t runs = 0;

  AccountState Account() const {
    AccountState account;
    for (const AccountEntry& entry : meter->account_events()) REQUIRE(account.Apply(entry).ok());
    return account;
  }
  void Happens(WallTime when, const AccountEvent& event) {
    REQUIRE(meter->RecordAccountEvent(EventKindOf(event), EncodeAccountEventJson(event), when).ok());
  }
  InvocationRecord Ran(WallTime started, uint64_t ms = 38, const std::string& function = "resize") {
    InvocationRecord record = SomeRecord();
    record.request_id = "id-" + std::to_string(++runs);
    record.started = started;
    record.function = function;
    record.duration_ns = ms * 1'000'000;
    record = Billed(record);
    REQUIRE(meter->Record(record).ok());
    return record;
  }
  Bill Of(Period period, WallTime now = At("2027-02-01")) const {
    return MakeBill(Account(), KeptUsage(meter->View()), period, now).value();
  }
  std::vector<std::string> Behind(const Bill& bill, const BillLine& line) const {
    (void)bill;
    const AccountState account = Account();
    const ExplainedLine found =
        FindLine(account, KeptUsage(meter->View()), line.id, At("2027-02-01")).value();
    std::vector<std::string> ids;
    REQUIRE(meter->View()
                .VisitNumbered(found.started,
                               [&](uint64_t number, const InvocationRecord& record) {
                                 if (IsOfLine(account, found.line, number, record))
                                   ids.push_back(record.request_id);
                                 return true;
                               })
                .ok());
    return ids;
  }
};

}  // namespace

TEST_CASE_METHOD(BillFixture, "bill over two months has an invoice and a rounding line for each",
                 "[meter][bill]") {
  Ran(At("2026-11-30T23:59:59Z"), 12'345);
  Ran(At("2026-12-01"), 54'321);
  const Bill bill = Of({kNovember, At("2027-01-01")});
  REQUIRE(bill.invoices.size() == 2);
  CHECK(bill.invoices[0].id == "hearth-2026-11");
  Money exact, all;
  size_t rounding = 0;
  for (const BillLine& line : bill.lines) {
    all += line.billed;
    rounding += line.kind == LineKind::kRounding ? 1 : 0;
    if (line.kind != LineKind::kRounding) exact += line.billed;
  }
  CHECK(rounding == 2);
  CHECK(all == bill.invoices[0].total + bill.invoices[1].total);
  CHECK(all == bill.total);
  CHECK(exact != all);
  CHECK(bill.invoices[0].total.units % 100'000'000 == 0);
}

TEST_CASE_METHOD(BillFixture, "free allowance begins anew with the month, also in a bill of a part of it",
                 "[meter][bill]") {
  Happens(At("2026-01-01"),
          PricesInForce{R"({"format":2,"name":"n","version":"1","currency":"EUR","editions":[)"
                        R"({"effective_from":"2026-01-01","per_million_requests":"1000000",)"
                        R"("duration_tiers":[{"per_gb_second":"0"}],)"
                        R"("free_allowance":{"applies":true,"requests":1,"gb_seconds":0}}]})"});
  for (const char* day : {"2026-11-29", "2026-11-30", "2026-12-01"}) Ran(At(day));
  const Bill both = Of({kNovember, At("2027-01-01")});
  CHECK(ToStringRounded(both.total, 2) == "1.00");
  CHECK(both.currency == "EUR");
  CHECK(both.price_books == std::vector<std::string>{"n 1"});
  const Bill part = Of({At("2026-11-30"), kDecember});
  CHECK(ToStringRounded(part.total, 2) == "1.00");  // the free one was used up the day before
  CHECK(part.invoices.empty());
}

TEST_CASE_METHOD(BillFixture, "hours are taken whole", "[meter][bill]") {
  Ran(At("2026-11-10T10:10:00Z"));
  const Bill bill = Of({At("2026-11-10T10:20:00Z"), At("2026-11-10T10:21:00Z")});
  CHECK(bill.period == Period{At("2026-11-10T10:00:00Z"), At("2026-11-10T11:00:00Z")});
  CHECK(bill.usage.size() == 1);
  CHECK(Of({At("2026-11-10T11:00:00Z"), At("2026-11-10T12:00:00Z")}).lines.empty());
}

TEST_CASE_METHOD(BillFixture, "bill from the ledger is the bill from the sums, byte for byte",
                 "[meter][bill]") {
  for (int day = 0; day < 20; ++day) Ran(kNovember + hours(24 * day), 1'000u + static_cast<uint64_t>(day));
  Happens(At("2026-12-04"), PeriodClosed{HourOf(At("2026-11-15"))});
  Ran(kNovember, 777);
  Ran(At("2026-11-20"), 777);
  const auto text = [&](const RowSource& source) {
    return CanonicalText(MakeBill(Account(), source, MonthOf(kNovember), At("2026-12-04")).value());
  };
  CHECK(text(KeptUsage(meter->View())) == text(LedgerUsage(meter->View())));
  const std::string before = text(KeptUsage(meter->View()));
  meter = std::move(Meter::Open(ledger).value().meter);
  CHECK(text(KeptUsage(meter->View())) == before);
}

TEST_CASE_METHOD(BillFixture, "a line is explained by exactly the records that it bills", "[meter][bill]") {
  const auto first = Ran(At("2026-11-10T10:00:00Z"));
  const auto second = Ran(At("2026-11-10T23:59:59Z"));
  Ran(At("2026-11-11T00:00:00Z"));
  Ran(At("2026-11-10T12:00:00Z"), 38, "other");
  Happens(At("2026-12-04"), PeriodClosed{HourOf(kDecember)});
  const auto late = Ran(At("2026-11-10T10:00:00Z"));
  const Bill november = Of(MonthOf(kNovember));
  size_t seen = 0;
  for (const BillLine& line : november.lines) {
    if (line.function != "resize" || line.period.from != At("2026-11-10")) continue;
    CHECK(Behind(november, line) == std::vector<std::string>{first.request_id, second.request_id});
    ++seen;
  }
  CHECK(seen == 2);
  const Bill december = Of(MonthOf(kDecember));
  seen = 0;
  for (const BillLine& line : december.lines) {
    if (line.kind == LineKind::kRounding) continue;
    CHECK(line.late);
    CHECK(Behind(december, line) == std::vector<std::string>{late.request_id});
    ++seen;
  }
  CHECK(seen == 2);
}

TEST_CASE_METHOD(BillFixture, "a line that is none", "[meter][bill]") {
  const AccountState account = Account();
  const auto find = [&](const char* id) {
    return FindLine(account, KeptUsage(meter->View()), id, At("2027-01-01")).error().code;
  };
  CHECK(find("nonsense") == ErrorCode::kInvalidArgument);
  CHECK(find("2026-11") == ErrorCode::kInvalidArgument);
  CHECK(find("2026-11-000000000000") == ErrorCode::kNotFound);
}

}  // namespace hearth
