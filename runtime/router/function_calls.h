#pragma once

#include <map>
#include <memory>

#include "runtime/base/random.h"
#include "runtime/base/weak_ptr.h"
#include "runtime/loop/executor.h"
#include "runtime/pool/host_calls.h"
#include "runtime/router/event_sink.h"

namespace hearth {

// Calls of handlers as events: each is an invocation of its own, admitted, limited, recorded and billed as any other.
//
// Owns:    who waits for which. Owned by main; destroyed after the workers, whose calls it answers.
// Borrows: everything given to the constructor; all outlive it.
// Thread:  loop thread.
// Limits:  kHopsMax; kEventPayloadMax of what is stored. A call waits for a worker for kWaitShare of what its caller
//          may still run, so that the caller hears of it.
// Failure: every reply that is no answer has Lambda's name of its reason, or CallTimedOut.
class FunctionCalls final : public HostCalls {
 public:
  FunctionCalls(EventSink& sink, Random& random, Executor& executor)
      : sink_(sink), random_(random), executor_(executor) {}

  uint64_t Call(HostCall call, OnReply done) override;
  void Drop(uint64_t call) override;
  size_t waiting() const { return waiting_.size(); }

 private:
  struct Waiting {
    OnReply done;
    std::string request_id;
    DeliveryId delivery = DeliveryId::kNone;
    Timer limit;
  };

  Result<Event> EventOf(HostCall& call);
  void Deliver(uint64_t number, Event event, nanoseconds wait_max);
  void Submit(uint64_t number, Event event);
  void OnOutcome(uint64_t number, Result<Outcome> outcome);
  void OnLimit(uint64_t number, nanoseconds limit);
  void Reply(uint64_t number, HostReply reply);

  // Borrowed.
  EventSink& sink_;
  Random& random_;
  Executor& executor_;
  // Mutable.
  uint64_t next_ = 1;
  std::map<uint64_t, Waiting> waiting_;
  WeakPtrFactory<FunctionCalls> weak_{this};
};

}  // namespace hearth
