#include "runtime/meter/commitment_order.h"

#include <algorithm>

#include "runtime/meter/usage_totals.h"

namespace hearth {
namespace {

constexpr uint64_t kMsPerHour = 3'600'000;

Error NoOffer(const CommitmentOrder& order) {
  return {ErrorCode::kNotFound,
          "the price book has no offer for a commitment of kind " + std::string(NameOf(order.kind)) +
              ", payment " + std::string(NameOf(order.payment)) + " and a term of " +
              std::to_string(order.term_hours) + " hours; `hearth plan quote` lists what there is"};
}

// Splits the price of the whole term into what is paid upfront and what is paid each hour; exactly, so that
// what is paid and what is used up add up to the same.
void SetPrice(Commitment& commitment, Money hourly_without_upfront) {
  const Int128 hours{std::max<uint64_t>(commitment.term_hours, 1)};
  const Money term_price{hourly_without_upfront.units * hours};
  switch (commitment.payment) {
    case Payment::kNoUpfront:
      commitment.hourly = hourly_without_upfront;
      break;
    case Payment::kPartialUpfront:  // one half
      commitment.hourly = {DivideHalfEven(hourly_without_upfront.units, 2)};
      commitment.upfront = term_price - Money{commitment.hourly.units * hours};
      break;
    case Payment::kAllUpfront:
      commitment.upfront = term_price;
      break;
  }
}

Money PerHour(uint64_t mib, Money per_gb_second) {
  return {DivideHalfEven(Int128{mib} * kMsPerHour * per_gb_second.units, Int128{kMbMsPerGbSecond})};
}

Status PriceReserved(const PriceEdition& prices, const CommitmentOrder& order, Commitment& commitment) {
  const bool convertible = order.kind == CommitmentKind::kReservedConvertible;
  const ReservedPrices* offer = prices.Reserved(order.term_hours, order.payment, convertible);
  if (!offer) return NoOffer(order);
  commitment.duration_per_gb_second = offer->duration_per_gb_second;
  const ReservedPrices* without_term = prices.Reserved(0, Payment::kNoUpfront, false);
  commitment.capacity_list_per_gb_second = (without_term ? without_term : offer)->capacity_per_gb_second;
  SetPrice(commitment, PerHour(commitment.reserved_mib(), offer->capacity_per_gb_second));
  return Ok();
}

Status PriceSavingsPlan(const PriceEdition& prices, const CommitmentOrder& order, Commitment& commitment) {
  const SavingsPlanPrices* offer = prices.SavingsPlan(order.term_hours, order.payment);
  if (!offer) return NoOffer(order);
  commitment.duration_per_gb_second = offer->duration_per_gb_second;
  commitment.reserved_duration_per_gb_second = offer->reserved_duration_per_gb_second;
  SetPrice(commitment, order.committed_per_hour);
  return Ok();
}

Status SetPrices(const PriceEdition& prices, const CommitmentOrder& order, Commitment& commitment) {
  switch (order.kind) {
    case CommitmentKind::kReservedStandard:
    case CommitmentKind::kReservedConvertible:
      return PriceReserved(prices, order, commitment);
    case CommitmentKind::kSavingsPlan:
      return PriceSavingsPlan(prices, order, commitment);
    case CommitmentKind::kDedicated:
      if (!prices.dedicated_offered) return NoOffer(order);
      commitment.hourly = {prices.dedicated_per_cpu_hour.units * Int128{order.cpus}};
      return Ok();
  }
  return Ok();
}

Money RestInAll(const Commitment& commitment, WallTime from) {
  if (from >= commitment.to) return {};
  const auto hours = std::chrono::ceil<std::chrono::hours>(commitment.to - from).count();
  return commitment.upfront - AmortisedUntil(commitment, from) + Money{commitment.hourly.units * hours};
}

}  // namespace

Result<Commitment> QuoteCommitment(const PriceEdition& prices, const CommitmentOrder& order, WallTime now) {
  Commitment commitment;
  commitment.kind = order.kind;
  commitment.term_hours = order.term_hours;
  commitment.payment = order.payment;
  commitment.tags = order.tags;
  if (order.kind == CommitmentKind::kSavingsPlan) {
    commitment.committed_per_hour = order.committed_per_hour;
  } else {
    commitment.function = order.function;
    commitment.version = order.version;
  }
  if (commitment.reserved()) {
    commitment.workers = order.workers;
    commitment.memory_mib = order.memory_mib;
  }
  if (order.kind == CommitmentKind::kDedicated) commitment.cpus = order.cpus;
  HEARTH_TRY(ValidateCommitment(commitment));
  commitment.from = order.term_hours == 0 ? now : WallTime(HourOf(now));
  if (order.term_hours > 0) commitment.to = commitment.from + std::chrono::hours(order.term_hours);
  HEARTH_TRY(SetPrices(prices, order, commitment));
  return commitment;
}

Money AmortisedUntil(const Commitment& commitment, WallTime until) {
  if (commitment.term_hours == 0 || until <= commitment.from) return {};
  const auto passed =
      static_cast<uint64_t>(std::chrono::floor<std::chrono::hours>(until - commitment.from).count());
  const uint64_t hours = std::min(passed, commitment.term_hours);
  return {DivideHalfEven(commitment.upfront.units * Int128{hours}, Int128{commitment.term_hours})};
}

Money TermPrice(const Commitment& commitment) {
  return commitment.upfront + Money{commitment.hourly.units * Int128{commitment.term_hours}};
}

Status CheckExchange(const Commitment& old, const Commitment& wanted) {
  const auto refuse = [&](const std::string& why) {
    return Error{ErrorCode::kPrecondition, "exchange commitment " + old.id + ": " + why};
  };
  if (old.kind != CommitmentKind::kReservedConvertible || wanted.kind != CommitmentKind::kReservedConvertible)
    return refuse("only a convertible reservation can be exchanged, and only for another");
  if (!old.Runs(wanted.from)) return refuse("it does not run any more");
  const Money upfront_left = old.upfront - AmortisedUntil(old, wanted.from);
  if (wanted.upfront < upfront_left) {
    return refuse(ToString(upfront_left) + " of its upfront payment are left, more than the " +
                  ToString(wanted.upfront) + " that the other one costs upfront");
  }
  const Money left = RestInAll(old, wanted.from);
  if (TermPrice(wanted) < left) {
    return refuse(ToString(left) + " are left of it, more than the " + ToString(TermPrice(wanted)) +
                  " that the other one costs: take a longer term or more memory");
  }
  return Ok();
}

}  // namespace hearth
