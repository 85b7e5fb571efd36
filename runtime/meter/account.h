#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "runtime/base/clock.h"
#include "runtime/base/random.h"
#include "runtime/base/result.h"
#include "runtime/meter/account_state.h"
#include "runtime/meter/commitment_order.h"
#include "runtime/meter/commitment_placement.h"
#include "runtime/meter/meter.h"

namespace hearth {

// The account that can be changed: each change is an entry in the ledger first, then in the state.
//
// Owns:    the state. Owned by the daemon.
// Borrows: the meter, clock, random, the placement once it is set; all outlive it.
// Thread:  loop thread.
// Failure: what is refused, or what the ledger does not take, changes nothing.
class Account final {
 public:
  // Replays the account's entries. kUnsupported: a newer release wrote one.
  static Result<std::unique_ptr<Account>> Open(Meter& meter, const Clock& clock, Random& random);

  const AccountState& state() const { return state_; }
  // As it is now, for another thread: it never changes. A copy, made once between two changes.
  std::shared_ptr<const AccountState> Snapshot() const {
    if (!snapshot_) snapshot_ = std::make_shared<const AccountState>(state_);
    return snapshot_;
  }
  // Until it is set, everything is placeable.
  void SetPlacement(CommitmentPlacement* placement) { placement_ = placement; }

  Held HeldFor(const Commitment& commitment) const {
    return placement_ ? placement_->HeldFor(commitment) : Held();
  }

  // What it would cost; not whether there is room.
  Result<Commitment> Quote(const CommitmentOrder& order) const;
  // kPrecondition: not placeable.
  Result<Commitment> Buy(const CommitmentOrder& order);
  // Convertible reservations; takes effect with the hour that runs.
  Result<Commitment> Exchange(const std::string& old_id, const CommitmentOrder& order);
  // What has no term ends now; what has one is kConflict: it is promised, and paid.
  Result<Commitment> End(const std::string& id);
  // The function, or this version of it, has been deleted: what runs for it and has no term ends, as Lambda's
  // provisioned concurrency does. What has a term is promised, and waits for a function of that name.
  Status EndOpenOf(const std::string& function, const std::string& version);

  // All tags of a function, {} for none. The same again writes nothing. At most 50, as in AWS: keys to 128
  // characters, values to 256.
  Status SetTags(const std::string& function, const Tags& tags);
  Status SetBudget(const Budget& budget);
  Status RemoveBudget(const std::string& name);
  Result<CreditGranted> GrantCredit(Money amount, const std::string& function, const std::string& reason);
  Status SetDiscount(uint32_t basis_points);
  Status SetSpotDiscount(uint32_t basis_points);
  // Checks the book; the one in force already writes nothing.
  Status UsePrices(std::string_view book_json);
  Status CloseThrough(UtcHour through);
  Status IssueInvoice(const InvoiceIssued& invoice);
  Status AddNodeHour(const NodeHour& hour);

 private:
  Account(Meter& meter, const Clock& clock, Random& random) : meter_(meter), clock_(clock), random_(random) {}
  Status Write(const AccountEvent& event);
  Status CheckPlaceable(const Commitment& wanted, const std::string& instead_of) const;
  std::string NewId(CommitmentKind kind);
  void Changed();

  // Borrowed.
  Meter& meter_;
  const Clock& clock_;
  Random& random_;
  CommitmentPlacement* placement_ = nullptr;
  // Mutable.
  AccountState state_;
  mutable std::shared_ptr<const AccountState> snapshot_;  // of state_, or null
};

Error NoCommitment(const std::string& id);

inline constexpr size_t kTagsMax = 50;
inline constexpr size_t kTagKeyCharactersMax = 128;
inline constexpr size_t kTagValueCharactersMax = 256;
Status ValidateTags(const Tags& tags);

}  // namespace hearth
