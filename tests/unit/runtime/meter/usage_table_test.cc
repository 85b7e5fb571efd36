#include "runtime/meter/usage_table.h"

#include <catch2/catch.hpp>

#include "tests/unit/runtime/meter/meter_fixture.h"

namespace hearth {
namespace {

using std::chrono::hours;

InvocationRecord Ran(WallTime started, uint32_t memory_mib = 128, Plan plan = Plan::kOnDemand) {
  InvocationRecord record = SomeRecord();
  record.started = started;
  record.memory_mib = memory_mib;
  record.plan = plan;
  if (plan != Plan::kOnDemand) record.commitment = "rsv-1";
  return record;
}

const UtcHour kNoonHour = HourOf(kNoon);

}  // namespace

TEST_CASE("usage is apart by hour, plan, commitment and memory", "[meter]") {
  UsageTable table;
  table.Add(0, Ran(kNoon));
  table.Add(1, Ran(kNoon + std::chrono::minutes(59)));
  table.Add(2, Ran(kNoon, 256));
  table.Add(3, Ran(kNoon, 128, Plan::kReserved));
  table.Add(4, Ran(kNoon + hours(1)));
  table.Add(5, Ran(kNoon));
  const auto rows = table.RowsBookedIn(kNoonHour, kNoonHour + hours(2));
  REQUIRE(rows.size() == 4);
  CHECK(rows[0].usage.requests == 3);
  CHECK(rows[1].key.memory_mib == 256);
  CHECK(rows[2].key.commitment == "rsv-1");
  CHECK(rows[3].key.hour == kNoonHour + hours(1));
  CHECK(table.RowsBookedIn(kNoonHour + hours(2), kNoonHour + hours(9)).empty());
}

TEST_CASE("records that come after their hour was closed are in rows of their own", "[meter]") {
  UsageTable table;
  table.Add(0, Ran(kNoon));
  const auto before = table.RowsBookedIn(kNoonHour, kNoonHour + hours(1));
  table.CloseThrough(kNoonHour + hours(24));
  table.CloseThrough(kNoonHour);  // not opened again
  table.Add(2, Ran(kNoon));
  table.Add(3, Ran(kNoon));
  table.CloseThrough(kNoonHour + hours(48));
  table.Add(5, Ran(kNoon));
  CHECK(table.RowsBookedIn(kNoonHour, kNoonHour + hours(1)) == before);
  const auto late = table.RowsBookedIn(kNoonHour + hours(24), kNoonHour + hours(25));
  REQUIRE(late.size() == 1);
  CHECK(late[0].key.late());
  CHECK(late[0].key.hour == kNoonHour);
  CHECK(late[0].usage.requests == 2);
  CHECK(table.RowsBookedIn(kNoonHour + hours(48), kNoonHour + hours(49)).size() == 1);
  StatementBuilder by_start({kNoon, kNoon + hours(1)});
  table.Collect(kNoonHour, kNoonHour + hours(1), by_start);
  CHECK(std::move(by_start).Take().Total().requests == 4);
}

TEST_CASE("sums that were made before count as the records that they were made of", "[meter]") {
  RandomRecords random(3);
  UsageTable whole, rolled;
  uint64_t number = 0;
  for (const InvocationRecord& record : random.Many(500)) whole.Add(number++, record);
  for (const UsageRow& row : whole.RowsBookedIn(kNoonHour, kNoonHour + hours(96))) rolled.Add(row, {0, 500});
  CHECK(rolled.RowsBookedIn(kNoonHour, kNoonHour + hours(96)) ==
        whole.RowsBookedIn(kNoonHour, kNoonHour + hours(96)));
  CHECK(rolled.RangeOf(kNoonHour, kNoonHour + hours(96)).last == 500);
}

TEST_CASE("rows are the same from the sums and from the ledger", "[meter]") {
  FakeLedger ledger;
  const auto meter = std::move(Meter::Open(ledger).value().meter);
  RandomRecords random(4);
  for (const InvocationRecord& record : random.Many(300)) REQUIRE(meter->Record(record).ok());
  REQUIRE(meter->RecordAccountEvent("period.closed", R"({"through":"2026-11-25T00:00:00Z"})", kNoon).ok());
  for (const InvocationRecord& record : random.Many(300)) REQUIRE(meter->Record(record).ok());
  const auto kept = meter->View().RowsBookedIn(kNoonHour, kNoonHour + hours(96));
  CHECK(std::any_of(kept.begin(), kept.end(), [](const UsageRow& row) { return row.key.late(); }));
  CHECK(kept == meter->View().ReadRowsBookedIn(kNoonHour, kNoonHour + hours(96)).value());
}

}  // namespace hearth
