#pragma once

#include <string>

#include "runtime/base/result.h"
#include "runtime/meter/commitment.h"

namespace hearth {

// The scheduling half of commitments, as far as those who sell them must know it: implemented above, called on
// the loop.
class CommitmentPlacement {
 public:
  virtual ~CommitmentPlacement() = default;
  // Before it is bought. kPrecondition when the node could not keep the promise, with the figures.
  // `instead_of` is the id of the one that it replaces, "" for none.
  virtual Status CheckPlaceable(const Commitment& wanted, const std::string& instead_of) const = 0;
  // One was bought, exchanged or ended; never inside a call of CheckPlaceable().
  virtual void OnCommitmentsChanged() = 0;
};

// Of a node that keeps no workers reserved and no processors dedicated: it must not be paid for them.
class NoPlacement final : public CommitmentPlacement {
 public:
  Status CheckPlaceable(const Commitment& wanted, const std::string& instead_of) const override {
    (void)instead_of;
    if (wanted.kind == CommitmentKind::kSavingsPlan) return Ok();
    return Error{
        ErrorCode::kUnsupported,
        "buy a commitment of kind " + std::string(NameOf(wanted.kind)) +
            ": this release of hearthd keeps no workers reserved and no processors dedicated yet, so "
            "it would be billed for nothing; a savings plan can be bought, and any kind can be quoted"};
  }
  void OnCommitmentsChanged() override {}
};

}  // namespace hearth
