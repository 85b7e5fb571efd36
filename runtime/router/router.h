#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/base/gate.h"
#include "runtime/meter/attempt_book.h"
#include "runtime/meter/budget_gate.h"
#include "runtime/model/observers.h"
#include "runtime/pool/pool_set.h"
#include "runtime/registry/function_registry.h"
#include "runtime/router/async_intake.h"
#include "runtime/router/concurrency_limits.h"
#include "runtime/router/disk_guard.h"
#include "runtime/router/event_sink.h"
#include "runtime/router/init_back_off.h"

namespace hearth {

// One attempt of an event, from accepted to settled: resolve, admit, find a worker, run, record, tell.
//
// Owns:    the flights under way. Owned by main; destroyed before the pools.
// Borrows: registry, pools, meter, observer, executor: all outlive it.
// Thread:  loop thread.
// Limits:  RouterLimits.
// Promise: an outcome is told only after its record is in the ledger; what never ran has no record and is not
//          billed.
class Router final : public EventSink, public RegistryObserver {
 public:
  // An event that so many workers did not live to read is given to one more, and is that one's crash. A handler can
  // bring that about: it is never without an end.
  static constexpr size_t kUndeliveredMax = 4;

  struct Limits {
    Bytes payload_max{6'291'456};   // Lambda's 6 MB of a synchronous request
    size_t concurrency_max = 1000;  // events at once over all functions: Lambda's account limit
    // An outcome is told only when its record survives power loss, not only kill -9.
    bool sync_before_reply = false;
  };

  Router(Limits limits, const FunctionDirectory& functions, PoolSet& pools, AttemptBook& attempts,
         InvocationObserver& observer, Executor& executor);
  ~Router() override;

  DeliveryId Deliver(Event&& event, OnOutcome done) override;
  void Withdraw(DeliveryId delivery, Withdrawal how) override;
  void DeliverOn(std::unique_ptr<Slot> slot, Event event, OnOutcome done) override;
  std::unique_ptr<SlotWait> ReserveSlot(const std::string& function, const std::string& qualifier,
                                        OnSlot done) override;
  void Submit(Event event, OnAccepted accepted) override;

  // Where Submit() puts events; outlives the router. Without one, Submit is kUnavailable.
  void SetAsyncEvents(AsyncIntake* async) { async_ = async; }
  // Asked for each new event; outlives the router. Without one there are no budgets.
  void SetBudgets(const BudgetGate* budgets) { budgets_ = budgets; }
  // Outlives the router. Without one the disk is never full.
  void SetDisk(const NewWork* disk) { disk_ = disk; }
  // What is done with a version that gets no new events, in place of PoolSet::Retire().
  void SetRetire(std::function<void(const FunctionVersionPtr&)> retire) { retire_ = std::move(retire); }
  // One of those for events under way, for a worker that runs some elsewhere. kThrottled.
  Result<ConcurrencyLimits::Pass> TakePlace(const std::string& function);
  void OnReplacing(const FunctionVersionPtr& serving, const FunctionVersionPtr& next,
                   std::function<void(Status)> ready) override;
  void OnNotReplaced(const FunctionVersionPtr& next) override { pools_.Retire(*next); }
  void OnReplaced(const FunctionVersionPtr& old_version, const FunctionVersionPtr& new_version) override;
  void OnScalingChanged(const std::string& function) override;
  // What is kept of them by name or number: they are gone.
  void ForgetFunction(const std::string& function) { concurrency_.Forget(function); }
  void ForgetVersion(uint64_t generation) { init_failures_.Forget(generation); }

  // No new events; `drained` once those under way are settled.
  void Drain(std::function<void()> drained) { gate_.Close(std::move(drained)); }
  size_t in_flight() const { return flights_.size(); }
  const Limits& limits() const { return limits_; }

 private:
  struct Progress;
  struct Flight;
  using Flights = std::unordered_map<uint64_t, std::unique_ptr<Flight>>;
  class WorkerSlot;
  class PoolWait;

  Flight& NewFlight();
  void Land(Flights::node_type flight);
  Status Admit(Event& event) const;
  void KeepLeast(const std::string& function);
  Status CheckConcurrency(const std::string& function) const;
  Status RoomFor(const std::string& function) const;
  Status CheckBudgets(const std::string& function) const;
  Status CheckInit(const FunctionVersion& version);
  uint64_t NextDraw();
  static WarmPool::Needs NeedsOf(const Event& event);
  void GiveUp(uint64_t number);
  void WaitForWorker(Flight& flight);
  void OnLease(uint64_t number, Result<WorkerLease> lease);
  void FailAtSnapshot(uint64_t number, const Error& error);
  void FindAnotherWorker(Flight& flight);
  void RunOn(Flight& flight, WorkerLease lease);
  void OnAttempt(uint64_t number, Attempt&& attempt);
  Outcome MakeOutcome(const Flight& flight, Attempt&& attempt) const;
  // Makes the flight's record of what is known before it runs.
  void OpenRecord(Flight& flight) const;
  Result<AttemptBook::Recorded> Record(Flight& flight, const Outcome& outcome);
  void SettleWhenSynced(uint64_t number, Outcome outcome);
  void Refuse(uint64_t number, Error error);
  void Settle(uint64_t number, Result<Outcome>&& outcome);
  void ThrowBackFlight(uint64_t number, Error error);
  DeliveryId ThrowBack(OnOutcome done, Error error);

  // Constant after construction.
  const Limits limits_;
  const Event blank_{};
  // Borrowed.
  const FunctionDirectory& functions_;
  PoolSet& pools_;
  AttemptBook& attempts_;
  InvocationObserver& observer_;
  Executor& executor_;
  AsyncIntake* async_ = nullptr;
  const BudgetGate* budgets_ = nullptr;
  const NewWork* disk_ = nullptr;
  std::function<void(const FunctionVersionPtr&)> retire_;
  InitBackOff init_failures_;  // of versions, by generation
  // Mutable.
  Gate gate_;
  ConcurrencyLimits concurrency_;
  uint64_t next_flight_ = 1;
  uint64_t draw_ = 0;  // which version an alias with a canary means; not secret
  Flights flights_;
  std::vector<Flights::node_type> landed_;  // what has ended, for its memory
  WeakPtrFactory<Router> weak_{this};
};

}  // namespace hearth
