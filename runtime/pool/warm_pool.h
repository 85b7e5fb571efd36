#pragma once

#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/weak_ptr.h"
#include "runtime/loop/executor.h"
#include "runtime/pool/memory_budget.h"
#include "runtime/pool/scaling.h"
#include "runtime/pool/worker.h"

namespace hearth {

class WarmPool;

// A worker on loan, for one event. Gives it back when it goes: to the pool if it may run another event, else
// to the grave.
class WorkerLease final {
 public:
  WorkerLease() = default;
  WorkerLease(WorkerLease&&) noexcept = default;
  WorkerLease& operator=(WorkerLease&& other) noexcept;
  ~WorkerLease();
  explicit operator bool() const { return worker_ != nullptr; }
  Worker& worker() { return *worker_; }
  const FunctionVersion& version() const { return *version_; }

 private:
  friend class WarmPool;
  WorkerLease(WeakPtr<WarmPool> pool, std::shared_ptr<const FunctionVersion> version,
              std::unique_ptr<Worker> worker, MemoryBudget::Lease memory);
  void GiveBack();

  WeakPtr<WarmPool> pool_;
  std::shared_ptr<const FunctionVersion> version_;
  std::unique_ptr<Worker> worker_;
  MemoryBudget::Lease memory_;
};

// Keeps warm workers of one function version and lends them out, one event at a time, the last used first.
//
// Owns:    idle workers. Owned by PoolSet.
// Borrows: the launcher, the budget, the executor: all outlive the pool.
// Thread:  loop thread only.
// States:  kOpen -> kDraining (no new waiters; workers go as they come back) -> kClosed.
// Limits:  PoolLimits; the node's memory budget.
// Failure: a worker that cannot start fails one waiter.
// Promise: no callback runs after the destructor returns; no idle worker outlives the pool.
class WarmPool final {
 public:
  enum class State { kOpen, kDraining, kClosed };
  using OnLease = std::function<void(Result<WorkerLease>)>;

  // A place in the queue; dropping it gives the place up.
  class Wait final {
   public:
    Wait() = default;
    Wait(WeakPtr<WarmPool> pool, uint64_t ticket) : pool_(std::move(pool)), ticket_(ticket) {}
    Wait(Wait&& other) noexcept : pool_(std::exchange(other.pool_, {})), ticket_(other.ticket_) {}
    Wait& operator=(Wait&& other) noexcept;
    ~Wait() { GiveUp(); }

   private:
    void GiveUp();
    WeakPtr<WarmPool> pool_;
    uint64_t ticket_ = 0;
  };

  // Makes room in the node's memory by ending an idle worker of some pool; false when there is none.
  using MakeRoom = std::function<bool()>;

  WarmPool(std::shared_ptr<const FunctionVersion> version, PoolLimits limits, WorkerLauncher& launcher,
           MemoryBudget& memory, MakeRoom make_room, Executor& executor);
  ~WarmPool();

  // An idle worker, at once; empty when there is none.
  WorkerLease TryAcquire();
  // Waits for a worker, starting one where the limits allow, for `limit` at most. kThrottled: too many wait,
  // or the limit fired.
  [[nodiscard]] Wait Acquire(nanoseconds limit, OnLease done);
  // Starts workers for those who wait, as far as limits and memory allow now.
  void StartWorkers();
  // Ends the worker that has been idle longest; false when there is none. One that somebody waits for is not
  // idle: it is lent in the next turn.
  bool EvictIdle();
  // When the longest-idle worker became idle; the executor's far future when there is none.
  MonotonicTime idle_since() const;
  void Drain(std::function<void()> drained);

  State state() const { return state_; }
  PoolCounts counts() const { return {idle_.size(), busy_, starting_.size(), waiters_.size()}; }
  const PoolLimits& limits() const { return limits_; }
  const FunctionVersion& version() const { return *version_; }
  std::vector<const Worker*> idle_workers() const;

 private:
  friend class WorkerLease;
  struct Idle {
    std::unique_ptr<Worker> worker;
    MemoryBudget::Lease memory;
    MonotonicTime since;
  };
  struct Waiter {
    OnLease done;
    Timer limit;
  };

  bool StartOne();
  void OnLaunched(Result<std::unique_ptr<Worker>> launched);
  void OnReturned(std::unique_ptr<Worker> worker, MemoryBudget::Lease memory);
  void Offer(std::unique_ptr<Worker> worker, MemoryBudget::Lease memory);
  void ServeLater();
  void ServeWaiters();
  WorkerLease Lend(std::unique_ptr<Worker> worker, MemoryBudget::Lease memory);
  void FailFirstWaiter(Error error);
  void OnWaitLimit(uint64_t ticket);
  void GiveUp(uint64_t ticket);
  void OnIdleDeath(WorkerId worker);
  void ArmIdleTimer();
  void EndExpired();
  void MaybeClose();

  // Constant after construction.
  const std::shared_ptr<const FunctionVersion> version_;
  const PoolLimits limits_;
  const MakeRoom make_room_;
  // Borrowed.
  WorkerLauncher& launcher_;
  MemoryBudget& memory_;
  Executor& executor_;
  // Mutable.
  State state_ = State::kOpen;
  std::deque<Idle> idle_;               // the longest idle in front, the last used at the back
  std::map<uint64_t, Waiter> waiters_;  // by ticket: first come, first served
  size_t busy_ = 0;
  std::vector<MemoryBudget::Lease> starting_;  // one a worker that is being started
  bool serving_ = false;                       // ServeWaiters() has been posted
  uint64_t next_ticket_ = 1;
  Timer idle_timer_;
  std::function<void()> drained_;
  WeakPtrFactory<WarmPool> weak_{this};
};

}  // namespace hearth
