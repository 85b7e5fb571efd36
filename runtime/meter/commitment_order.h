#pragma once

#include "runtime/base/result.h"
#include "runtime/meter/commitment.h"
#include "runtime/meter/price_book.h"

namespace hearth {

// What somebody wants to buy; prices, id and dates come from the price book and the clock.
struct CommitmentOrder {
  CommitmentKind kind = CommitmentKind::kReservedStandard;
  std::string function;
  std::string version;
  uint32_t workers = 0;
  uint32_t memory_mib = 0;
  uint32_t cpus = 0;
  uint64_t term_hours = 0;
  Payment payment = Payment::kNoUpfront;
  Money committed_per_hour;
  Tags tags;
};

// With the prices in force at `now`, without an id. With a term it begins with the UTC hour that runs, since
// hours are paid for whole; without one, now. kInvalidArgument; kNotFound: the book has no such offer.
Result<Commitment> QuoteCommitment(const PriceEdition& prices, const CommitmentOrder& order, WallTime now);

// Of the upfront payment, what falls on the hours of the term before `until`, rounded half-even: the
// differences from hour to hour add up to all of it.
Money AmortisedUntil(const Commitment& commitment, WallTime until);
inline Money AmortisedIn(const Commitment& commitment, WallTime from, WallTime to) {
  return AmortisedUntil(commitment, to) - AmortisedUntil(commitment, from);
}

// All that is paid in a term.
Money TermPrice(const Commitment& commitment);

// Convertible only, and only for what costs at least what is left of the old one: of its upfront payment, and
// in all. kPrecondition says by how much it falls short.
Status CheckExchange(const Commitment& old, const Commitment& wanted);

}  // namespace hearth
