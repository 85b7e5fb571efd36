#include "runtime/meter/roll_up_sums.h"

#include <random>

#include <catch2/catch.hpp>

#include "runtime/base/digest.h"
#include "runtime/meter/account_event.h"
#include "tests/unit/runtime/meter/meter_fixture.h"

namespace hearth {
namespace {

std::string Closing(UtcHour through) {
  const PeriodClosed closed{.through = through};
  return EncodeAccountEntry({.kind = std::string(EventKindOf(closed)),
                             .recorded = kNoon,
                             .json = EncodeAccountEventJson(closed)})
      .value();
}

RollUpSums SomeSums(uint64_t seed, size_t count) {
  RandomRecords random(seed);
  RollUpBuilder builder(HourOf(kNoon));
  for (uint64_t number = 0; number < count; ++number) {
    const bool event = number % 10 == 9;
    const UtcHour through = HourOf(kNoon) + std::chrono::hours(number / 20);
    REQUIRE(builder.Take(number, event ? Closing(through) : EncodeRecord(random.Next()).value()).ok());
  }
  return std::move(builder).Finish();
}

}  // namespace

TEST_CASE("sums of a segment survive their encoding", "[meter]") {
  const uint64_t seed = std::random_device()();
  INFO("seed " << seed);
  const RollUpSums sums = SomeSums(seed, 300);
  CHECK(sums.invocations == 270);
  CHECK(sums.account_events.size() == 30);
  CHECK(DecodeRollUpSums(EncodeRollUpSums(sums)).value() == sums);
  CHECK(DecodeRollUpSums(EncodeRollUpSums({})).value() == RollUpSums());
}

// Goal: bills from sums are bills from records, late usage and closings included, wherever the ledger is cut.
TEST_CASE("sums cut anywhere add up to what the records do", "[meter]") {
  const uint64_t seed = std::random_device()();
  INFO("seed " << seed);
  RandomRecords random(seed);
  std::vector<std::string> entries;
  for (int i = 0; i < 400; ++i) {
    const bool event = random.Below(12) == 0;
    entries.push_back(event ? Closing(HourOf(kNoon) + std::chrono::hours(random.Below(60)))
                            : EncodeRecord(random.Next()).value());
  }
  const auto sums_of = [&](size_t from, size_t to, UtcHour closed) {
    RollUpBuilder builder(closed);
    for (size_t i = from; i < to; ++i) REQUIRE(builder.Take(i, entries[i]).ok());
    return std::move(builder).Finish();
  };
  const UtcHour open = std::chrono::sys_days(std::chrono::year(1900) / 1 / 1);
  UsageTable whole;
  for (const auto& row : sums_of(0, entries.size(), open).rows) whole.Add(row.usage, row.range);
  const size_t cut = random.Below(entries.size());
  const RollUpSums first = sums_of(0, cut, open);
  UtcHour closed = open;
  for (const AccountEntry& entry : first.account_events) closed = std::max(closed, *ClosingOf(entry));
  UsageTable parts;
  for (const auto& row : first.rows) parts.Add(row.usage, row.range);
  for (const auto& row : sums_of(cut, entries.size(), closed).rows) parts.Add(row.usage, row.range);
  CHECK(parts.RowsBookedIn(UtcHour::min(), UtcHour::max()) ==
        whole.RowsBookedIn(UtcHour::min(), UtcHour::max()));
  const UtcHour noon = HourOf(kNoon);
  CHECK(parts.RangeOf(noon, noon + std::chrono::hours(72)).first ==
        whole.RangeOf(noon, noon + std::chrono::hours(72)).first);
}

// docs/ledger-format.md holds exactly these bytes.
TEST_CASE("bytes of sums are what the page says", "[meter]") {
  RollUpBuilder builder(HourOf(kNoon));
  REQUIRE(builder.Take(3, EncodeRecord(SomeRecord()).value()).ok());
  REQUIRE(builder.Take(4, EncodeAccountEntry({.kind = "k", .recorded = kNoon, .json = "{}"}).value()).ok());
  CHECK(ToHex(EncodeRollUpSums(std::move(builder).Finish())) ==
        "01010101d8f03c0006726573697a6507244c41544553540000800100030301012780270"
        "0a0cfb7120000000b010000000000000000000004160301016b80c081d58abcb00600000000000000007b7d");
}

TEST_CASE("an outcome of a later version is in the sums where there is one", "[meter]") {
  RollUpBuilder builder(HourOf(kNoon));
  InvocationRecord record = SomeRecord();
  record.outcome = OutcomeKind::kAborted;
  REQUIRE(builder.Take(3, EncodeRecord(record).value()).ok());
  const auto sums = DecodeRollUpSums(EncodeRollUpSums(std::move(builder).Finish()));
  REQUIRE(sums.ok());
  CHECK(sums->rows.at(0).usage.usage.of(OutcomeKind::kAborted) == 1);
}

TEST_CASE("sums cut short or with bytes behind them are corrupt; a newer version is refused by name",
          "[meter]") {
  std::string bytes = EncodeRollUpSums(SomeSums(1, 12));
  for (size_t size = 0; size < bytes.size(); ++size)
    CHECK(DecodeRollUpSums(std::string_view(bytes).substr(0, size)).error().code == ErrorCode::kCorrupt);
  CHECK(DecodeRollUpSums(bytes + "x").error().message ==
        "sums of a ledger segment: bytes follow its last field");
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string bad = bytes;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    (void)DecodeRollUpSums(bad);  // something or an error
  }
  bytes[0] = 2;
  CHECK(DecodeRollUpSums(bytes).error().code == ErrorCode::kUnsupported);
  CHECK(DecodeRollUpSums(bytes).error().message.find("format version 2") != std::string::npos);
}

}  // namespace hearth
