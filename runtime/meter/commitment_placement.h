#pragma once

#include <string>

#include "runtime/base/result.h"
#include "runtime/meter/commitment.h"

namespace hearth {

// What is there for a commitment now.
struct Held {
  uint32_t workers_wanted = 0;  // reserved: what its memory is good for
  uint32_t workers_ready = 0;   // initialised, idle or busy
  std::string cpus{};           // dedicated: "2-3"
  std::string problem{};        // why it is not all there; "" while nothing has failed
  friend bool operator==(const Held&, const Held&) = default;
};

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
  virtual Held HeldFor(const Commitment& commitment) const = 0;
};

}  // namespace hearth
