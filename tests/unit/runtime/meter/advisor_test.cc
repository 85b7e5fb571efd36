#include "runtime/meter/advisor.h"

#include <catch2/catch.hpp>

#include "runtime/meter/rating.h"
#include "tests/unit/runtime/meter/rating_fixture.h"

namespace hearth {
namespace {

using std::chrono::hours;

constexpr uint64_t kHourMs = 3'600'000;
const WallTime kDay = At("2026-11-10");

struct AdvisorFixture : RatingFixture {
  Advice Advised(uint64_t days = 2) const {
    const WallTime to = kDay + hours(24 * days);
    return Advise(account, usage.RowsBookedIn(HourOf(kDay), HourOf(to)), {kDay, to});
  }
  // `permille` of one GB worker busy, in each hour.
  void Busy(uint64_t permille, int hours_long = 48) {
    for (int hour = 0; hour < hours_long; ++hour) Ran(kDay + hours(hour), {.ms = kHourMs * permille / 1'000});
  }
};

}  // namespace

TEST_CASE_METHOD(AdvisorFixture, "under 60 % busy on demand is cheaper than a reserved worker, over it not",
                 "[meter][advice]") {
  UsePrices(
      "0.0000166667",
      R"("reserved":[{"term_hours":1,"capacity_per_gb_second":"0.0000041667","duration_per_gb_second":"0.0000097222"}])");
  Busy(590);
  CHECK(Advised().cheapest() == nullptr);
  REQUIRE(Advised().candidates.size() == 1);
  CHECK(Advised().candidates[0].utilisation_permille == 590);
  CHECK(Advised().candidates[0].break_even_permille >= 599);
  CHECK(Advised().candidates[0].break_even_permille <= 600);
  Busy(20);
  REQUIRE(Advised().cheapest());
  CHECK(Advised().cheapest()->order.workers == 1);
  CHECK(Advised().cheapest()->order.memory_mib == 1'024);
}

TEST_CASE_METHOD(AdvisorFixture, "steady usage is worth a savings plan of its size, peaks are not",
                 "[meter][advice]") {
  UsePrices(
      "0.0000166667",
      R"("savings_plans":[{"term_hours":1,"duration_per_gb_second":"0.0000141667","reserved_duration_per_gb_second":"0.0000082639"}])");
  Busy(1'000);
  for (int i = 0; i < 30; ++i) Ran(kDay + hours(7), {.ms = kHourMs / 4});
  const Advice advice = Advised();
  REQUIRE(advice.cheapest());
  // 3,600 GB-s at 0.0000141667 = 0.05100012, rounded up.
  CHECK(ToString(advice.cheapest()->order.committed_per_hour) == "0.0510001200");
  CHECK(advice.cheapest()->utilisation_permille == 1'000);
  CHECK(advice.cheapest()->break_even_permille == 850);
}

// The advice is a promise: who had bought it would have paid just that.
TEST_CASE_METHOD(AdvisorFixture, "what is advised costs what a bill with it costs", "[meter][advice]") {
  UsePrices(
      "0.0000166667",
      R"("savings_plans":[{"term_hours":1,"duration_per_gb_second":"0.0000141667","reserved_duration_per_gb_second":"0.0000082639"}])");
  std::mt19937_64 random(3);
  for (int hour = 0; hour < 48; ++hour) Ran(kDay + hours(hour), {.ms = 100'000 + random() % kHourMs});
  const Advice advice = Advised();
  REQUIRE(advice.cheapest());
  CommitmentOrder order = advice.cheapest()->order;
  order.term_hours = 48;
  Buys(kDay, order);
  Money effective;
  for (const BillLine& line : Rate()) effective += line.effective;
  const Int128 apart = effective.units - advice.cheapest()->cost.units;
  CHECK((apart < 0 ? -apart : apart) <= 100);
}

TEST_CASE_METHOD(AdvisorFixture, "nothing ran: nothing is advised", "[meter][advice]") {
  CHECK(Advised().candidates.empty());
  CHECK(Advised().cheapest() == nullptr);
  CHECK(Advised().on_demand == Money{});
}

TEST_CASE_METHOD(AdvisorFixture, "a savings plan that runs is spent first", "[meter][advice]") {
  UsePrices(
      "0.0000166667",
      R"("savings_plans":[{"term_hours":1,"duration_per_gb_second":"0.0000141667","reserved_duration_per_gb_second":"0.0000082639"}])");
  Busy(1'000);
  Buys(kDay, SavingsPlan("1", 48));
  CHECK(Advised().cheapest() == nullptr);
}

}  // namespace hearth
