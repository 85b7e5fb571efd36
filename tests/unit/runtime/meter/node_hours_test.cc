#include "runtime/meter/node_hours.h"

#include <catch2/catch.hpp>

#include "runtime/loop/manual_executor.h"
#include "tests/unit/runtime/meter/rating_fixture.h"

namespace hearth {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

struct NodeHoursFixture {
  FakeLedger ledger;
  ManualExecutor executor;
  SeededRandom random{7};
  std::unique_ptr<Meter> meter = std::move(Meter::Open(ledger).value().meter);
  std::unique_ptr<Account> account = std::move(Account::Open(*meter, executor.clock(), random)).value();
  NodeMemory memory{.capacity = 1024,
                    .busy = 128,
                    .reserved_busy = 64,
                    .reserved_idle = 192,
                    .spot = 16,
                    .dedicated = 32,
                    .keep_alive = 256,
                    .platform = 8};
  std::vector<std::string> failures;
  std::unique_ptr<NodeHours> node_hours;

  // The manual clock begins at midnight.
  void StartAt(microseconds after_midnight) {
    executor.Advance(after_midnight);
    node_hours = std::make_unique<NodeHours>(
        *account, executor, random, [this] { return memory; },
        [this](const Error& error) { failures.push_back(error.message); });
    node_hours->Start();
  }
  const std::map<UtcHour, NodeHour>& written() const { return account->state().node_hours(); }
  NodeHour Hour(int hour) const {
    const auto found = written().find(HourOf(At("2026-11-23")) + hours(hour));
    return found == written().end() ? NodeHour() : found->second;
  }
};

}  // namespace

TEST_CASE_METHOD(NodeHoursFixture, "an hour's memory is in the ledger once the hour is over", "[meter]") {
  StartAt(minutes(45));
  executor.Advance(minutes(14));
  CHECK(written().empty());
  executor.Advance(minutes(2));
  REQUIRE(written().size() == 1);
  const NodeHour first = Hour(0);
  CHECK(first.observed_ms == 900'000);
  CHECK(first.capacity == 1024 * 900'000);
  CHECK(first.busy == 128 * 900'000);
  CHECK(first.reserved_busy == 64 * 900'000);
  CHECK(first.reserved_idle == 192 * 900'000);
  CHECK(first.spot == 16 * 900'000);
  CHECK(first.dedicated == 32 * 900'000);
  CHECK(first.keep_alive == 256 * 900'000);
  CHECK(first.platform == 8 * 900'000);
  executor.Advance(hours(1));
  CHECK(Hour(1).observed_ms == 3'600'000);
}

TEST_CASE_METHOD(NodeHoursFixture, "what is seen counts for the time since the look before", "[meter]") {
  StartAt(minutes(0));
  memory.busy = 0;
  executor.Advance(minutes(30));
  memory.busy = 100;
  executor.Advance(minutes(31));
  // One look may lie on the change: a second and a half at most.
  CHECK(Hour(0).busy >= 100 * 1'800'000);
  CHECK(Hour(0).busy <= 100 * 1'801'500);
}

TEST_CASE_METHOD(NodeHoursFixture, "a daemon that stops writes what there is, and looks no more", "[meter]") {
  StartAt(minutes(10));
  executor.Advance(milliseconds(12'345));
  node_hours->Stop();
  CHECK(Hour(0).observed_ms == 12'345);
  const size_t entries = ledger.records.size();
  executor.Advance(hours(3));
  node_hours->Stop();
  CHECK(ledger.records.size() == entries);
  // The next life adds to the hour.
  StartAt(minutes(0));
  executor.manual_clock().SetWall(At("2026-11-23") + minutes(30));
  node_hours->Start();
  executor.Advance(milliseconds(5'000));
  node_hours->Stop();
  CHECK(Hour(0).observed_ms == 17'345);
}

TEST_CASE_METHOD(NodeHoursFixture, "how long an hour was does not hang on the wall clock", "[meter]") {
  StartAt(minutes(10));
  executor.Advance(minutes(1));
  executor.manual_clock().SetWall(At("2026-11-23") + hours(5) + minutes(20));
  executor.Advance(minutes(1));
  executor.manual_clock().SetWall(At("2026-11-23") + minutes(20));
  executor.Advance(minutes(1));
  node_hours->Stop();
  CHECK(Hour(0).observed_ms + Hour(5).observed_ms == 180'000);
  CHECK(Hour(5).observed_ms >= 58'000);
}

TEST_CASE_METHOD(NodeHoursFixture, "a full ledger gets it later, the last two days of it", "[meter]") {
  StartAt(minutes(0));
  ledger.full = true;
  executor.Advance(hours(NodeHours::kKept) + minutes(1));
  CHECK(written().empty());
  CHECK(failures.size() == 1);
  ledger.full = false;
  executor.Advance(seconds(2));
  CHECK(written().size() == NodeHours::kKept);
  ledger.full = true;
  executor.Advance(hours(NodeHours::kKept + 1));
  ledger.full = false;
  executor.Advance(seconds(2));
  CHECK(failures.size() == 2);
  CHECK(written().size() == 2 * NodeHours::kKept);
}

}  // namespace hearth
