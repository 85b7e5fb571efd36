#include "runtime/meter/commitment_order.h"

#include <catch2/catch.hpp>

#include "tests/unit/runtime/meter/meter_fixture.h"

namespace hearth {
namespace {

using std::chrono::hours;

const PriceBook kBook = ShippedPriceBook().value();

CommitmentOrder Reserve(uint64_t term_hours, Payment payment, bool convertible = false) {
  CommitmentOrder order;
  order.kind = convertible ? CommitmentKind::kReservedConvertible : CommitmentKind::kReservedStandard;
  order.function = "resize";
  order.version = "$LATEST";
  order.workers = 3;
  order.memory_mib = 1'024;
  order.term_hours = term_hours;
  order.payment = payment;
  return order;
}

Commitment Quoted(const CommitmentOrder& order, WallTime now = kNoon + std::chrono::minutes(20)) {
  return QuoteCommitment(kBook.editions[0], order, now).value();
}

}  // namespace

TEST_CASE("with a term it begins with the running hour, without one now", "[meter][plan]") {
  const Commitment year = Quoted(Reserve(8'760, Payment::kNoUpfront));
  CHECK(year.from == kNoon);
  CHECK(year.to == kNoon + hours(8'760));
  const Commitment open = Quoted(Reserve(0, Payment::kNoUpfront));
  CHECK(open.from == kNoon + std::chrono::minutes(20));
  CHECK(open.to == Commitment::kOpenEnd);
}

// 3 GB x 3600 s x 0.0000041667 = 0.04500036 an hour.
TEST_CASE("price of an hour is that of its GB-seconds", "[meter][plan]") {
  CHECK(ToString(Quoted(Reserve(0, Payment::kNoUpfront)).hourly) == "0.0450003600");
}

TEST_CASE("upfront payments and hourly ones make the price of the term", "[meter][plan]") {
  const Commitment none = Quoted(Reserve(8'760, Payment::kNoUpfront));
  CHECK(none.upfront == Money{});
  CHECK(ToString(none.hourly) == "0.0360007200");
  const Commitment all = Quoted(Reserve(8'760, Payment::kAllUpfront));
  CHECK(all.hourly == Money{});
  CHECK(ToString(all.upfront) == "287.7691536000");
  const Commitment partial = Quoted(Reserve(8'760, Payment::kPartialUpfront));
  CHECK(ToString(partial.upfront) == "149.7975768000");
  CHECK(ToString(TermPrice(partial)) == "299.5951536000");
}

TEST_CASE("amortised hour by hour, all of the upfront payment is used up at the end", "[meter][plan]") {
  Commitment commitment = Quoted(Reserve(8'760, Payment::kAllUpfront));
  commitment.upfront.units += 7;  // not a multiple of the hours
  Money sum;
  for (WallTime hour = commitment.from; hour < commitment.to; hour += hours(1)) {
    const Money share = AmortisedIn(commitment, hour, hour + hours(1));
    REQUIRE(share.units >= 0);
    sum += share;
  }
  CHECK(sum == commitment.upfront);
  CHECK(AmortisedUntil(commitment, commitment.to + hours(5)) == commitment.upfront);
  CHECK(AmortisedUntil(commitment, commitment.from) == Money{});
}

TEST_CASE("an offer that the book does not have", "[meter][plan]") {
  const auto quoted = QuoteCommitment(kBook.editions[0], Reserve(100, Payment::kAllUpfront), kNoon);
  CHECK(quoted.error().code == ErrorCode::kNotFound);
}

TEST_CASE("savings plan and dedicated host", "[meter][plan]") {
  CommitmentOrder order;
  order.kind = CommitmentKind::kSavingsPlan;
  order.term_hours = 720;
  order.payment = Payment::kPartialUpfront;
  order.committed_per_hour = ParseMoney("2").value();
  const Commitment plan = Quoted(order);
  CHECK(ToString(plan.upfront) == "720.0000000000");
  CHECK(ToString(plan.hourly) == "1.0000000000");
  CHECK(ToString(plan.duration_per_gb_second) == "0.0000141667");
  CommitmentOrder host;
  host.kind = CommitmentKind::kDedicated;
  host.function = "resize";
  host.cpus = 4;
  CHECK(ToString(Quoted(host).hourly) == "0.1784000000");
}

TEST_CASE("exchange only against what costs at least what is left", "[meter][plan]") {
  Commitment old = Quoted(Reserve(8'760, Payment::kAllUpfront, true));
  old.id = "cnv-1";
  const WallTime later = kNoon + hours(4'380);
  CommitmentOrder smaller = Reserve(8'760, Payment::kAllUpfront, true);
  smaller.workers = 1;
  CHECK(CheckExchange(old, Quoted(smaller, later)).error().code == ErrorCode::kPrecondition);
  CHECK(CheckExchange(old, Quoted(Reserve(8'760, Payment::kAllUpfront, true), later)).ok());
  // Nothing upfront cannot take over what was paid upfront.
  CHECK_FALSE(CheckExchange(old, Quoted(Reserve(8'760, Payment::kNoUpfront, true), later)).ok());
  // 4 x 256 MB for 1 x 1024 MB.
  CommitmentOrder sizes = Reserve(8'760, Payment::kAllUpfront, true);
  sizes.workers = 12;
  sizes.memory_mib = 256;
  CHECK(CheckExchange(old, Quoted(sizes, later)).ok());
  CHECK_FALSE(CheckExchange(old, Quoted(Reserve(8'760, Payment::kAllUpfront), later)).ok());
  CHECK_FALSE(CheckExchange(old, Quoted(sizes, kNoon + hours(8'760))).ok());
}

}  // namespace hearth
