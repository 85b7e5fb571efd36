#pragma once

#include <functional>

#include "runtime/control/api_call.h"
#include "runtime/meter/account.h"

namespace hearth {

// What the account promised and what it is promised:
//   GET  /_hearth/v1/commitments                 all that ever were
//   GET  /_hearth/v1/commitments/{id}            one
//   POST /_hearth/v1/commitments                 buys one; with "DryRun": true says what it would cost
//   POST /_hearth/v1/commitments/{id}/exchange   a convertible reservation for another
//   DELETE /_hearth/v1/commitments/{id}          ends what has no term
//   GET  /_hearth/v1/offers                      what the price book in force has
//   POST /_hearth/v1/credits                     gives money back
//   PUT  /_hearth/v1/discount                    negotiated, off every list price
//
// Borrows: the account; it outlives it. Thread: loop thread.
class HearthCommitments final {
 public:
  HearthCommitments(Account& account, const Clock& clock) : account_(account), clock_(clock) {}

  void List(const ApiCallPtr& call);
  void Get(const ApiCallPtr& call);
  void Buy(const ApiCallPtr& call);
  void Exchange(const ApiCallPtr& call);
  void End(const ApiCallPtr& call);
  void Offers(const ApiCallPtr& call);
  void GrantCredit(const ApiCallPtr& call);
  void SetDiscount(const ApiCallPtr& call);

 private:
  Json ShownOf(const Commitment& commitment) const;

  Account& account_;
  const Clock& clock_;
};

// `held`: what is there for it, while it runs.
Json CommitmentJson(const Commitment& commitment, WallTime now, const Held& held);
Result<CommitmentOrder> ReadCommitmentOrder(const Json& body);

}  // namespace hearth
