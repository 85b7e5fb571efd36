#pragma once

#include <cstdint>
#include <functional>

#include "runtime/base/result.h"
#include "runtime/model/invocation_record.h"
#include "runtime/store/open_slots.h"

namespace hearth {

// Where a router writes down its attempts, each before it begins and when it has ended.
//
// Thread: that of the loop whose router writes.
// States: of an attempt: Begin() -> open -> Record() | Withdraw(). Open when the daemon died: interrupted.
class AttemptBook {
 public:
  // kHeld: it is on its way into the ledger, and survives nothing before Sync() has called back.
  enum class Recorded { kAppended, kAlreadyThere, kHeld };

  virtual ~AttemptBook() = default;
  // Before an attempt's first frame goes out: what is known of it by then. Should the daemon die, this becomes
  // its record, interrupted and not billed. kUnavailable: nothing may run that could not be accounted for.
  virtual Result<OpenSlots::Id> Begin(const InvocationRecord& opening) = 0;
  // Nothing of it ran after all: it will have no record.
  virtual void Withdraw(OpenSlots::Id open) = 0;
  // Survives kill -9 from here on, unless it is kHeld; the attempt is open no more, whatever came of it. The same
  // record again is kAlreadyThere and changes nothing; another record under the same identity is refused with kConflict
  // and counted. kUnavailable: the ledger is full.
  virtual Result<Recorded> Record(const InvocationRecord& record, OpenSlots::Id open) = 0;
  // Calls back once everything recorded so far survives power loss.
  virtual void Sync(std::function<void(Status)> done) = 0;
  // False: take no new work, its records might find no room.
  virtual bool writable() const = 0;
  // Random, another in each life of the daemon.
  virtual uint64_t boot_id() const = 0;
};

// Its duration and init make what it is billed for. Otherwise kInternal: a wrong bill is worse than an error.
Status CheckBilling(const InvocationRecord& record);

}  // namespace hearth
