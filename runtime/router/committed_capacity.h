#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "runtime/base/log.h"
#include "runtime/loop/executor.h"
#include "runtime/meter/account_state.h"
#include "runtime/meter/commitment_placement.h"
#include "runtime/pool/cpu_hosts.h"
#include "runtime/pool/pool_set.h"
#include "runtime/registry/function_registry.h"

namespace hearth {

// The scheduling half of commitments: what was bought is there. Reserved workers are initialised and stay so;
// dedicated processors are nobody else's.
//
// Borrows: account, registry, pools, hosts, executor, log: all outlive it.
// Thread:  loop thread.
// Limits:  memory of all reserved workers <= node x (1 - headroom); one core stays everybody's.
// Failure: what cannot be placed is refused when it is bought. What was bought and cannot be placed any more (less
//          memory or processors after a restart) is left out, oldest first in, and logged each time.
class CommittedCapacity final : public CommitmentPlacement {
 public:
  struct Options {
    uint32_t headroom_percent = 20;  // of the node's memory, which cannot be reserved
  };

  CommittedCapacity(Options options, const AccountState& account, const FunctionRegistry& registry,
                    PoolSet& pools, CpuHosts& hosts, Executor& executor, Log& log);

  Status CheckPlaceable(const Commitment& wanted, const std::string& instead_of) const override;
  void OnCommitmentsChanged() override { Apply(); }
  Held HeldFor(const Commitment& commitment) const override;
  // Once, when functions are known: memory and processors that are promised are nobody else's from here on.
  void Hold();
  // Once, when workers can be made of every function; `ready` once each reserved one is initialised or has failed.
  void Warm(std::function<void()> ready);
  // Functions, or their settings, have changed.
  void Apply();

  CapacityPlan PlanOf(const FunctionVersion& version) const;
  // Commitment on whose processors the function runs; "": everybody's.
  std::string HostOf(const std::string& function) const;

 private:
  Bytes MemoryLimit() const;
  Status CheckMemory(const Commitment& wanted, const std::string& instead_of) const;
  Status CheckHosts(const Commitment& wanted, const std::string& instead_of) const;
  void Place();
  void PlaceHosts();
  void MakePools();
  void ArmTimer();
  void LeaveOut(const Commitment& commitment, const std::string& why);

  // Constant after construction.
  const Options options_;
  // Borrowed.
  const AccountState& account_;
  const FunctionRegistry& registry_;
  PoolSet& pools_;
  CpuHosts& hosts_;
  Executor& executor_;
  Log& log_;
  // Mutable.
  enum class State { kClosed, kHolding, kWarm };
  State state_ = State::kClosed;
  std::vector<const Commitment*> placed_;        // of the account, which keeps all that ever were
  std::map<std::string, std::string> host_of_;   // function -> commitment
  std::map<std::string, std::string> left_out_;  // commitment -> why
  Timer next_change_;                            // a term begins or ends
};

// How many workers of `memory` a reservation keeps: never more memory than was bought. A standard one keeps at most
// the number that was bought, a convertible one as many as its memory is good for.
size_t ReservedWorkers(const Commitment& commitment, Bytes memory);

}  // namespace hearth
