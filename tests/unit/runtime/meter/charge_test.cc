#include "runtime/meter/charge.h"

#include <random>

#include <catch2/catch.hpp>

#include "tests/unit/runtime/meter/meter_fixture.h"

namespace hearth {
namespace {

constexpr uint64_t kGbSecond = kMbMsPerGbSecond;

PriceBook Book(bool free_allowance = false) {
  PriceBook book = ShippedPriceBook().value();
  book.editions[0].free_allowance.applies = free_allowance;
  return book;
}

Statement Used(uint64_t requests, uint64_t memory_mb_ms) {
  Statement statement{.period = {kNoon, kNoon + std::chrono::hours(1)}, .rows = {}};
  StatementRow row{"resize", "$LATEST", {}};
  row.usage.requests = requests;
  row.usage.memory_mb_ms = memory_mb_ms;
  statement.rows.push_back(row);
  return statement;
}

Money TotalOfLines(const Charges& charges) {
  Money sum;
  for (const LineItem& line : charges.lines) sum += line.amount;
  return sum;
}

const LineItem* Find(const Charges& charges, LineKind kind) {
  for (const LineItem& line : charges.lines) {
    if (line.kind == kind) return &line;
  }
  return nullptr;
}

}  // namespace

// 3 million requests of 120 ms at 1536 MB: 540,000 GB-s. The arithmetic of the pricing page without its free
// tier.
TEST_CASE("on-demand charge is list price times quantity", "[meter]") {
  const Charges charges = ChargeMonth(Book(), Used(3'000'000, 540'000 * kGbSecond), {});
  CHECK(charges.lines.size() == 2);
  CHECK(ToString(Find(charges, LineKind::kDuration)->amount) == "9.0000180000");
  CHECK(ToString(Find(charges, LineKind::kRequests)->amount) == "0.6000000000");
  CHECK(ToString(charges.total) == "9.6000180000");
  CHECK(charges.currency == "USD");
}

TEST_CASE("free allowance is a line of its own, only up to what was used", "[meter]") {
  const Charges charges = ChargeMonth(Book(true), Used(3'000'000, 540'000 * kGbSecond), {});
  CHECK(ToString(Find(charges, LineKind::kFreeDuration)->amount) == "-6.6666800000");
  CHECK(ToString(Find(charges, LineKind::kFreeRequests)->amount) == "-0.2000000000");
  CHECK(ToString(charges.total) == "2.7333380000");
  CHECK(ChargeMonth(Book(true), Used(10, kGbSecond), {}).total == Money{});
  const Charges spent = ChargeMonth(Book(true), Used(10, kGbSecond), {1'000'000, 400'000 * kGbSecond});
  CHECK(Find(spent, LineKind::kFreeDuration) == nullptr);
  CHECK(Find(spent, LineKind::kFreeRequests) == nullptr);
}

TEST_CASE("usage past a tier's end is charged the next tier's price", "[meter]") {
  const uint64_t six = 6'000'000'000, fifteen = 15'000'000'000;
  CHECK(Find(ChargeMonth(Book(), Used(0, six * kGbSecond), {}), LineKind::kTierDiscount) == nullptr);
  const Charges over = ChargeMonth(Book(), Used(0, 2 * kGbSecond), {0, (six - 1) * kGbSecond});
  REQUIRE(Find(over, LineKind::kTierDiscount));
  CHECK(Find(over, LineKind::kTierDiscount)->quantity == kGbSecond);
  CHECK(ToString(over.total) == "0.0000316667");  // one at 166667, one at 150000
  const Charges all = ChargeMonth(Book(), Used(0, (fifteen + 1) * kGbSecond), {});
  CHECK(all.total == TotalOfLines(all));
  CHECK(ToString(all.total) == "235000.2000133334");
}

TEST_CASE("rounding is half-even and once per line", "[meter]") {
  CHECK(DurationAmount(1, {512'000}).units == 0);
  CHECK(DurationAmount(3, {512'000}).units == 2);
  CHECK(DurationAmount(1, {512'001}).units == 1);
  CHECK(RequestsAmount(1, {2'000'000'000}).units == 2'000);
}

TEST_CASE("nothing used: no line", "[meter]") {
  CHECK(ChargeMonth(Book(true), Used(0, 0), {}).lines.empty());
}

// Goal: however a month is cut, quantities are equal and money differs by no more than half a unit a line.
TEST_CASE("month charged in two parts is the month charged at once", "[meter]") {
  const uint64_t seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 200; ++i) {
    const uint64_t first = random() % (9'000'000'000 * kGbSecond),
                   second = random() % (9'000'000'000 * kGbSecond);
    const uint64_t requests = random() % 2'000'000, more = random() % 2'000'000;
    const Charges whole = ChargeMonth(Book(true), Used(requests + more, first + second), {});
    const Charges early = ChargeMonth(Book(true), Used(requests, first), {});
    const Charges late = ChargeMonth(Book(true), Used(more, second), {requests, first});
    const Int128 difference = (early.total + late.total - whole.total).units;
    const auto lines = static_cast<int64_t>(whole.lines.size() + early.lines.size() + late.lines.size());
    REQUIRE(2 * (difference < 0 ? -difference : difference) <= lines);
    REQUIRE(whole.total == TotalOfLines(whole));
  }
}

}  // namespace hearth
