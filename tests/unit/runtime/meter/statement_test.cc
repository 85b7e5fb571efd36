#include "runtime/meter/statement.h"

#include <algorithm>
#include <random>

#include <catch2/catch.hpp>

#include "tests/unit/runtime/meter/meter_fixture.h"

namespace hearth {

using namespace std::chrono_literals;

namespace {
constexpr Period kThreeDays{kNoon, kNoon + 72h};
}  // namespace

TEST_CASE("statement adds up what is billable and counts the rest", "[meter]") {
  InvocationRecord success = SomeRecord();
  InvocationRecord throttled = SomeRecord();
  throttled.outcome = OutcomeKind::kThrottled;
  throttled.duration_ns = 0;
  const Statement statement = MakeStatement(kThreeDays, {success, success, Billed(throttled)});
  REQUIRE(statement.rows.size() == 1);
  const UsageTotals& usage = statement.rows[0].usage;
  CHECK(statement.rows[0].function == "resize");
  CHECK(usage.records == 3);
  CHECK(usage.requests == 2);
  CHECK(usage.billed_ms == 78);
  CHECK(usage.memory_mb_ms == 78 * 128);
  CHECK(usage.of(OutcomeKind::kThrottled) == 1);
  CHECK(usage.errors() == 1);
}

TEST_CASE("period begins at its first microsecond and ends before its last", "[meter]") {
  InvocationRecord record = SomeRecord();
  const auto records_in = [&](WallTime started) {
    record.started = started;
    return MakeStatement({kNoon, kNoon + 1h}, {record}).Total().records;
  };
  CHECK(records_in(kNoon - 1us) == 0);
  CHECK(records_in(kNoon) == 1);
  CHECK(records_in(kNoon + 1h - 1us) == 1);
  CHECK(records_in(kNoon + 1h) == 0);
}

TEST_CASE("order of the records does not matter", "[meter]") {
  const uint64_t seed = std::random_device()();
  INFO("seed " << seed);
  RandomRecords random(seed);
  auto records = random.Many(300);
  const Statement before = MakeStatement(kThreeDays, records);
  std::shuffle(records.begin(), records.end(), random.engine());
  CHECK(MakeStatement(kThreeDays, records) == before);
}

TEST_CASE("period split anywhere sums up to the whole", "[meter]") {
  const uint64_t seed = std::random_device()();
  INFO("seed " << seed);
  RandomRecords random(seed);
  const auto records = random.Many(300);
  const Statement whole = MakeStatement(kThreeDays, records);
  for (int i = 0; i < 50; ++i) {
    const WallTime cut = kNoon + microseconds(random.Below(uint64_t{72} * 3'600'000'000));
    StatementBuilder sum(kThreeDays);
    for (const Period part : {Period{kNoon, cut}, Period{cut, kThreeDays.to}}) {
      for (const StatementRow& row : MakeStatement(part, records).rows)
        sum.Add(row.function, row.version, row.usage);
    }
    REQUIRE(std::move(sum).Take() == whole);
  }
}

TEST_CASE("months of a period", "[meter]") {
  using std::chrono::sys_days, std::chrono::year;
  const WallTime december{sys_days(year(2026) / 12 / 1)}, january{sys_days(year(2027) / 1 / 1)};
  CHECK(SplitByMonth({kNoon, january + 1h}) ==
        std::vector<Period>{{kNoon, december}, {december, january}, {january, january + 1h}});
  CHECK(SplitByMonth({december, january}) == std::vector<Period>{{december, january}});
  CHECK(SplitByMonth({december, december}).empty());
  CHECK(StartOfMonth(january - 1us) == december);
  CHECK(StartOfMonth(january) == january);
}

}  // namespace hearth
