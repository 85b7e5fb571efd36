#include "runtime/meter/drawdown.h"

#include <random>

#include <catch2/catch.hpp>

namespace hearth {
namespace {

constexpr uint64_t kPer = 1'000'000;  // quantities are in millionths

Money Of(const char* text) { return ParseMoney(text).value(); }
PlanUsage Used(uint64_t units, const char* list, const char* rate) {
  return {Int128{units} * kPer, Of(list), Of(rate), kPer};
}

// One hour of the Savings Plans guide's example (billing reference 1.4).
enum Item { kR5, kM5, kFargateCpu, kFargateGb, kLambdaDuration, kLambdaRequests };
std::vector<PlanUsage> GuideHour() {
  return {Used(4, "1.00", "0.70"),
          Used(1, "10.00", "8.20"),
          Used(400, "0.04", "0.03"),
          Used(1'600, "0.004", "0.003"),
          Used(1'500'000, "0.000015", "0.00001275"),
          Used(1'000'000, "0.0000002", "0.0000002")};
}

// What the hour costs: the commitment, and on demand what it does not cover.
std::string Bill(Money committed, const std::vector<PlanUsage>& usage, int decimals = 4) {
  const PlanCover cover = CoverByPlan(committed, usage);
  Int128 rest = 0;  // in 1e-10 / kPer
  for (size_t i = 0; i < usage.size(); ++i)
    rest += (usage[i].quantity - cover.covered[i]) * usage[i].list.units;
  return ToStringRounded({DivideHalfEven(committed.units * kPer + rest, kPer)}, decimals);
}

}  // namespace

TEST_CASE("guide's hour without a savings plan", "[meter][plan]") {
  CHECK(Bill(Money{}, GuideHour()) == "59.1000");
}

TEST_CASE("guide's hour with $50 committed: all is covered at 47.125, 2.875 are lost", "[meter][plan]") {
  const PlanCover cover = CoverByPlan(Of("50"), GuideHour());
  CHECK(ToStringRounded({cover.spent / cover.scale}, 3) == "47.125");
  CHECK(cover.spent % cover.scale == 0);
  CHECK(ToStringRounded({Of("50").units - cover.spent / cover.scale}, 3) == "2.875");
  CHECK(Bill(Of("50"), GuideHour(), 2) == "50.00");
  for (size_t i = 0; i < cover.covered.size(); ++i) CHECK(cover.covered[i] == GuideHour()[i].quantity);
}

TEST_CASE("guide's hour with $20 committed: r5, Fargate, a little of m5, no Lambda", "[meter][plan]") {
  CHECK(Bill(Of("20"), GuideHour()) == "52.2122");
  const PlanCover cover = CoverByPlan(Of("20"), GuideHour());
  CHECK(cover.covered[kR5] == Int128{4} * kPer);
  CHECK(cover.covered[kFargateGb] == Int128{1'600} * kPer);
  CHECK(cover.covered[kFargateCpu] == Int128{400} * kPer);
  CHECK(cover.covered[kM5] == 48'780);  // 0.4 / 8.20
  CHECK(cover.covered[kLambdaDuration] == 0);
  CHECK(cover.covered[kLambdaRequests] == 0);
}

TEST_CASE("guide's hour with $2 committed: 2.857 of four r5", "[meter][plan]") {
  CHECK(Bill(Of("2"), GuideHour()) == "58.2429");
  const PlanCover cover = CoverByPlan(Of("2"), GuideHour());
  CHECK(cover.covered[kR5] == 2'857'142);
  CHECK(cover.covered[kFargateGb] == 0);
}

TEST_CASE("among equal savings the lowest rate goes first, then the order given", "[meter][plan]") {
  const std::vector<PlanUsage> usage = {Used(1, "4", "2"), Used(1, "2", "1"), Used(1, "2", "1")};
  const PlanCover cover = CoverByPlan(Of("1.5"), usage);
  CHECK(cover.covered[0] == 0);
  CHECK(cover.covered[1] == Int128{kPer});
  CHECK(cover.covered[2] == Int128{kPer} / 2);
}

TEST_CASE("what a plan would make dearer stays on demand", "[meter][plan]") {
  CHECK(CoverByPlan(Of("9"), {Used(1, "1", "1.1")}).covered[0] == 0);
}

TEST_CASE("a plan never spends more than was committed, nor covers more than was used", "[meter][plan]") {
  std::mt19937_64 random(11);
  for (int round = 0; round < 2'000; ++round) {
    std::vector<PlanUsage> usage;
    for (int i = 0; i < 6; ++i) {
      const Int128 list = 1 + random() % 500'000;
      usage.push_back({Int128{random() % 4'000'000'000},
                       {list},
                       {list * (random() % 101) / 100},
                       random() % 2 ? 1'024'000u : 1'000'000u});
    }
    const Money committed{Int128{random() % 2'000'000'000}};
    const PlanCover cover = CoverByPlan(committed, usage);
    REQUIRE(cover.spent <= committed.units * cover.scale);
    Int128 sum = 0;
    for (size_t i = 0; i < usage.size(); ++i) {
      REQUIRE(cover.covered[i] >= 0);
      REQUIRE(cover.covered[i] <= usage[i].quantity);
      sum += cover.cost[i];
    }
    REQUIRE(sum == cover.spent);
  }
}

// AWS whitepaper on reservation models, "usage-billing": one reservation, four instances.
TEST_CASE("one reservation, four times a quarter of an hour: all covered", "[meter][plan]") {
  const uint64_t hour = uint64_t{1'024} * 3'600'000;
  const std::vector<ReservedUsage> usage(4, {1'024, hour / 4});
  for (const uint64_t covered : CoverByReservation(hour, usage)) CHECK(covered == hour / 4);
}

TEST_CASE("one reservation, four times an hour: one hour is covered, three are not", "[meter][plan]") {
  const uint64_t hour = uint64_t{1'024} * 3'600'000;
  const auto covered = CoverByReservation(hour, std::vector<ReservedUsage>(4, {1'024, hour}));
  CHECK(covered == std::vector<uint64_t>{hour, 0, 0, 0});
}

TEST_CASE("smallest first, the last one partly", "[meter][plan]") {
  const auto covered = CoverByReservation(1'000, {{1'024, 900}, {128, 300}, {512, 400}});
  CHECK(covered == std::vector<uint64_t>{300, 300, 400});
}

}  // namespace hearth
