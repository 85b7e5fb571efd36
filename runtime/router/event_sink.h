#pragma once

#include <functional>
#include <memory>
#include <string>

#include "runtime/base/result.h"
#include "runtime/model/event.h"
#include "runtime/model/outcome.h"

namespace hearth {

// One delivery that is under way.
enum class DeliveryId : uint64_t { kNone = 0 };

// What becomes of a delivery that nobody waits for any more.
enum class Withdrawal {
  kUnlessBegun,  // does not begin; if it has, it runs to its end
  kAlsoBegun,    // its worker is killed, and what ran is recorded and billed (OutcomeKind::kAborted)
};

// Where triggers put events. All that a trigger knows of the runtime.
//
// Thread: loop thread; callbacks run later, never inside the call, exactly once.
// Errors (nothing ran, nothing is billed):
//   kNotFound     no such function or qualifier
//   kThrottled    no worker slot in time; the message begins with Lambda's reason
//                 ("ReservedFunctionConcurrentInvocationLimitExceeded", "ConcurrentInvocationLimitExceeded")
//   kTooLarge     payload over the limit; the message names both sizes
//   kCancelled    withdrawn before it began
//   kUnavailable  draining, or the ledger cannot take a record (disk full)
//   kInternal     ours
class EventSink {
 public:
  using OnOutcome = std::function<void(Result<Outcome>)>;
  using OnAccepted = std::function<void(Status)>;

  // A worker reserved for one event of one function, before the event is taken from its source. Gives the
  // worker back when dropped.
  class Slot {
   public:
    virtual ~Slot() = default;
  };
  using OnSlot = std::function<void(Result<std::unique_ptr<Slot>>)>;

  virtual ~EventSink() = default;

  // Runs one attempt of the event now. The outcome is in the ledger before `done` runs. The event is taken; memory that
  // comes back in its place is worth giving with the next.
  virtual DeliveryId Deliver(Event&& event, OnOutcome done) = 0;
  // Of a delivery that has ended, or of none: nothing happens. `done` runs all the same, later.
  virtual void Withdraw(DeliveryId delivery, Withdrawal how) = 0;
  // The same on a reserved worker; the slot is used up.
  virtual void DeliverOn(std::unique_ptr<Slot> slot, Event event, OnOutcome done) = 0;
  // Waits for a worker of the function. Dropping the returned wait gives the place in the queue back.
  class SlotWait {
   public:
    virtual ~SlotWait() = default;
  };
  [[nodiscard]] virtual std::unique_ptr<SlotWait> ReserveSlot(const std::string& function,
                                                              const std::string& qualifier, OnSlot done) = 0;
  // Accepts the event for later (Lambda's Event invocation): `accepted` runs once it is stored durably;
  // retries, and what happens to an event that never succeeds, are the router's.
  virtual void Submit(Event event, OnAccepted accepted) = 0;
};

}  // namespace hearth
