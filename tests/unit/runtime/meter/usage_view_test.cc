#include "runtime/meter/usage_view.h"

#include <algorithm>
#include <map>
#include <random>

#include <catch2/catch.hpp>

#include "runtime/meter/usage_table.h"
#include "tests/unit/runtime/meter/meter_fixture.h"

namespace hearth {
namespace {

std::vector<UsageRow> All(const UsageView& view) { return view.RowsBookedIn(UtcHour::min(), UtcHour::max()); }

// The rows as their definition has them: one sum for each key, in the order of keys.
class PlainTable final {
 public:
  void Add(const InvocationRecord& record) {
    const UtcHour hour = HourOf(record.started);
    sums_[{hour, std::max(hour, closed_), record.function, record.version, record.plan, record.commitment,
           record.memory_mib, record.tmp_mib}]
        .Add(record);
  }
  void CloseThrough(UtcHour through) { closed_ = std::max(closed_, through); }
  std::vector<UsageRow> All() const {
    std::vector<UsageRow> rows;
    for (const auto& [key, usage] : sums_) rows.push_back({key, usage});
    return rows;
  }

 private:
  std::map<UsageKey, UsageTotals> sums_;
  UtcHour closed_ = std::chrono::sys_days(std::chrono::year(1900) / 1 / 1);
};

}  // namespace

// Goal: what another thread looks at never changes, however the table goes on.
TEST_CASE("view stays as it was while records come, hours close and other views are made", "[meter]") {
  const uint64_t seed = std::random_device()();
  INFO("seed " << seed);
  RandomRecords random(seed);
  UsageTable table;
  PlainTable plain;
  struct Kept {
    UsageView view;
    std::vector<UsageRow> rows;
    RecordRange range;
  };
  std::vector<Kept> kept;
  const UtcHour noon = HourOf(kNoon);
  for (uint64_t number = 0; number < 2'000; ++number) {
    InvocationRecord record = random.Next();
    record.memory_mib = random.Below(2) ? 128 : 256;  // so that sums have more than one record
    record.tmp_mib = 512;
    record.started = kNoon + std::chrono::minutes(random.Below(600));
    table.Add(number, record);
    plain.Add(record);
    if (random.Below(40) == 0) {
      const UtcHour through = noon + std::chrono::hours(random.Below(10));
      table.CloseThrough(through);
      plain.CloseThrough(through);
    }
    if (random.Below(100) == 0) {
      const UsageView view = table.View();
      kept.push_back({view, plain.All(), view.RangeOf(noon, noon + std::chrono::hours(10))});
    }
  }
  REQUIRE_FALSE(kept.empty());
  for (const Kept& one : kept) {
    REQUIRE(All(one.view) == one.rows);
    const RecordRange range = one.view.RangeOf(noon, noon + std::chrono::hours(10));
    CHECK(range == one.range);
  }
  CHECK(All(table.View()) == plain.All());
}

TEST_CASE("view cuts by the hour in which usage is booked", "[meter]") {
  UsageTable table;
  InvocationRecord record = SomeRecord();
  table.Add(0, record);
  record.started += std::chrono::hours(1);
  table.Add(1, record);
  const UtcHour noon = HourOf(kNoon);
  table.CloseThrough(noon + std::chrono::hours(5));
  table.Add(2, record);  // late: booked at 17
  const UsageView view = table.View();
  CHECK(view.RowsBookedIn(noon, noon + std::chrono::hours(1)).size() == 1);
  CHECK(view.RowsBookedIn(noon, noon + std::chrono::hours(2)).size() == 2);
  CHECK(view.RowsBookedIn(noon + std::chrono::hours(2), noon + std::chrono::hours(5)).empty());
  CHECK(view.RowsBookedIn(noon + std::chrono::hours(5), noon + std::chrono::hours(6)).size() == 1);
  CHECK(view.RowsBookedIn(noon + std::chrono::hours(2), noon).empty());
  CHECK(view.RangeOf(noon + std::chrono::hours(1), noon + std::chrono::hours(2)) == RecordRange{1, 2});
}

}  // namespace hearth
