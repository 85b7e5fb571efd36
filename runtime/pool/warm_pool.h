#pragma once

#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/weak_ptr.h"
#include "runtime/loop/executor.h"
#include "runtime/pool/capacity_plan.h"
#include "runtime/pool/memory_budget.h"
#include "runtime/pool/scaling.h"
#include "runtime/pool/start_heat.h"
#include "runtime/pool/worker.h"

namespace hearth {

class WarmPool;

// A worker, and what it takes up.
struct HeldWorker {
  SeatPtr seat;
  MemoryBudget::Lease memory;
  std::unique_ptr<Worker> worker;  // goes before its memory is given back
  size_t leases = 0;               // events that it is lent for
};

// A worker on loan, for one event. The last lease of it gives it back when it goes: to the pool if it may run another
// event, else to the grave.
class WorkerLease final {
 public:
  enum class Spill { kNo, kYes };
  WorkerLease() = default;
  WorkerLease(WorkerLease&&) noexcept = default;
  WorkerLease& operator=(WorkerLease&& other) noexcept;
  ~WorkerLease();
  explicit operator bool() const { return held_ != nullptr; }
  Worker& worker() { return *held_->worker; }
  const FunctionVersion& version() const { return *version_; }
  const Seat& seat() const {
    const Seat* elsewhere = held_->worker->seat();
    return elsewhere != nullptr ? *elsewhere : *held_->seat;
  }
  // What its event took there, which is what later ones are judged by.
  void Ran(const Attempt& attempt);
  // All workers that commitments keep were busy.
  bool spilled() const { return spill_ == Spill::kYes; }

 private:
  friend class WarmPool;
  WorkerLease(WeakPtr<WarmPool> pool, std::shared_ptr<const FunctionVersion> version,
              std::shared_ptr<HeldWorker> held, Spill spill);
  void GiveBack();

  WeakPtr<WarmPool> pool_;
  std::shared_ptr<const FunctionVersion> version_;
  std::shared_ptr<HeldWorker> held_;
  Spill spill_ = Spill::kNo;
};

// Keeps warm workers of one function version and lends them out, one event at a time, the last used first.
// Those that a commitment pays for come first: they are always there, initialised, whether there are events or
// not; what they do not manage spills over to workers on demand.
//
// Owns:    idle workers. Owned by PoolSet.
// Borrows: the launcher, the budget, the executor: all outlive the pool.
// Thread:  loop thread only.
// States:  kOpen -> kDraining (no new waiters; workers go as they come back) -> kClosed.
// Limits:  PoolLimits; the node's memory budget.
// Failure: a worker that the host cannot give is asked for again, launch_tries_max times in all (the zygote may just
//          have died); then, and at once where the code is to blame, it fails one waiter. One that a commitment pays
//          for, or that is started ahead of events, is started again after kRefillDelay, doubling to kRefillDelayMax.
// Promise: no callback runs after the destructor returns; no idle worker outlives the pool.
class WarmPool final {
 public:
  static constexpr milliseconds kRefillDelay{1'000};
  static constexpr milliseconds kRefillDelayMax{60'000};
  // At once, then after 50, 100, 200 and 400 ms: a launcher that has died is there again within that.
  static constexpr milliseconds kLaunchRetryDelay{50};

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

  // Of an event: must it have a worker to itself, or may it stand behind others for a moment?
  enum class Needs { kIdleWorker, kTurn };
  // A worker, at once; empty when there is none.
  WorkerLease TryAcquire(Needs needs = Needs::kIdleWorker);
  // Waits for a worker, starting one where the limits allow, for `limit` at most. kThrottled: too many wait,
  // or the limit fired.
  [[nodiscard]] Wait Acquire(nanoseconds limit, OnLease done, Needs needs = Needs::kIdleWorker);
  // Fewer workers than there are: idle ones go now, busy ones when they come back. None at all: nobody waits.
  void SetLimits(PoolLimits limits);
  // What commitments ask of this version. Workers that nobody pays for any more, or on another's processors,
  // go: idle ones now, busy ones when they come back.
  void SetPlan(CapacityPlan plan);
  const CapacityPlan& plan() const { return plan_; }
  // Runs whenever a worker that a commitment pays for is ready, or could not be made.
  void SetOnRefilled(std::function<void()> on_refilled) { on_refilled_ = std::move(on_refilled); }
  // Runs when an event has to wait: kStarting when a worker is being made for it, kShort when none can be.
  enum class Waits { kStarting, kShort };
  void SetOnWaits(std::function<void(Waits)> on_waits) { on_waits_ = std::move(on_waits); }
  // Others want workers that this pool has from elsewhere: idle ones go back now, and `busy` more as soon as they have
  // answered what they were given.
  void HandBack(size_t busy);
  // What a commitment has here.
  struct ReservedStatus {
    size_t wanted = 0;
    size_t ready = 0;     // initialised, idle or busy
    std::string problem;  // why the last one that was made failed; "" since one was ready
  };
  ReservedStatus StatusOf(const std::string& commitment) const;
  // Every worker that commitments ask for is ready, or has failed at least once.
  bool settled() const;
  // Starts workers for commitments and for those who wait, as far as limits and memory allow now.
  void StartWorkers();
  // Has so many workers initialised before there is an event, as far as free memory goes. `warm` runs once, later:
  // Ok with one of them ready, or with none where that is the host's doing; else how the author's code failed.
  void WarmUp(size_t workers, std::function<void(Status)> warm);
  // Ends the worker that has been idle longest; false when there is none. One that somebody waits for is not
  // idle: it is lent in the next turn. Never one that a commitment pays for.
  bool EvictIdle();
  // When the longest-idle worker became idle; the executor's far future when there is none that others may have
  // the memory of.
  MonotonicTime idle_since() const;
  // What that worker is worth, by the budget's clock; legal only when there is one.
  double worth() const { return idle_.front().worth; }
  void Drain(std::function<void()> drained);

  State state() const { return state_; }
  PoolCounts counts() const;
  // Workers that wait for their first event and are no commitment's; whether one is kept because the function is hot.
  size_t spare() const;
  bool hot() const { return hot_; }
  // Events that stood behind another one, ever, and those of them that went to another worker after all.
  struct AheadCounts {
    uint64_t handed = 0;
    uint64_t taken_back = 0;
  };
  const AheadCounts& ahead() const { return ahead_; }
  // From here on they count to the pool of another loop: that one's AddAhead().
  AheadCounts TakeAhead() { return std::exchange(ahead_, {}); }
  void AddAhead(const AheadCounts& elsewhere) {
    ahead_.handed += elsewhere.handed;
    ahead_.taken_back += elsewhere.taken_back;
  }
  const PoolLimits& limits() const { return limits_; }
  const FunctionVersion& version() const { return *version_; }
  std::vector<const Worker*> idle_workers() const;
  // All: idle ones, those whose init runs ahead of events, and those on loan.
  std::vector<const Worker*> workers() const;

 private:
  friend class WorkerLease;
  struct Idle {
    std::shared_ptr<HeldWorker> held;
    MonotonicTime since;
    double worth = 0;
    bool spare = false;  // started ahead of events, and has had none
  };
  enum class For { kEvent, kAhead };  // kAhead: its init runs before there is an event
  struct Starting {
    MemoryBudget::Lease memory;
    SeatPtr seat;
    For for_whom = For::kEvent;
    MonotonicTime since{};
    std::unique_ptr<Worker> worker;  // while its init runs ahead
    size_t tries = 0;
    Timer again;
  };
  // One commitment's workers here.
  struct Reserved {
    SeatPtr seat;
    size_t wanted = 0;
    size_t alive = 0;     // starting, idle or busy
    size_t failures = 0;  // since a worker was ready
    std::string problem;  // the last of them
  };
  struct Waiter {
    OnLease done;
    Needs needs = Needs::kIdleWorker;
    nanoseconds allowed{0};
    Timer limit;
  };

  bool StartOne(const SeatPtr& seat);
  void Launch(const SeatPtr& seat, MemoryBudget::Lease memory, For for_whom);
  void StartReserved();
  void StartAhead();
  void AskForWorker(uint64_t start);
  void OnLaunched(uint64_t start, Result<std::unique_ptr<Worker>> launched);
  bool TryAgain(uint64_t start, const Error& error);
  void MaybeWarm();
  void TellWarm(const Status& status);
  void OnPrepared(uint64_t start, const Status& prepared);
  void OnAheadFailed();
  void OnReservedFailed(Reserved& reserved, const Error& error);
  size_t StartingFor(const Reserved& reserved) const;
  Reserved* FindReserved(const SeatPtr& seat);
  bool IsWanted(const SeatPtr& seat);
  size_t alive() const { return idle_.size() + reserved_idle_.size() + busy_ + starting_.size(); }
  bool HasRoomFor(const SeatPtr& seat) const;
  void Lose(const SeatPtr& seat);
  void RefillLater();
  void EndUnwanted();
  void OnRan(const Attempt& attempt);
  void OnReturned(std::shared_ptr<HeldWorker> held);
  enum class Had { kEvents, kNone };
  void Adopt(Worker& worker);
  void Offer(std::shared_ptr<HeldWorker> held, Had had = Had::kEvents);
  void OnNeeded();
  void LookAtHeat();
  void ServeLater();
  void ServeWaiters();
  std::optional<Idle> TakeIdle();
  WorkerLease Lend(Idle idle);
  WorkerLease LendAgain();
  std::optional<nanoseconds> UsualDuration() const;
  std::map<uint64_t, Waiter>::iterator FirstThatMayBehind();
  void FailFirstWaiter(Error error);
  void OnWaitLimit(uint64_t ticket);
  void GiveUp(uint64_t ticket);
  void OnIdleDeath(WorkerId worker);
  void ArmIdleTimer();
  void EndExpired();
  void EndIdle();
  void MaybeClose();

  // Constant after construction.
  const std::shared_ptr<const FunctionVersion> version_;
  const MakeRoom make_room_;
  // Borrowed.
  WorkerLauncher& launcher_;
  MemoryBudget& memory_;
  Executor& executor_;
  // Mutable.
  State state_ = State::kOpen;
  PoolLimits limits_;
  CapacityPlan plan_;
  SeatPtr seat_ = std::make_shared<const Seat>();  // of workers that no commitment keeps
  std::vector<Reserved> reserved_;
  std::deque<Idle> reserved_idle_;
  std::deque<Idle> idle_;               // the longest idle in front, the last used at the back
  std::map<uint64_t, Waiter> waiters_;  // by ticket: first come, first served
  size_t busy_ = 0;
  std::vector<std::shared_ptr<HeldWorker>> lent_;  // the last lent at the back
  // Of events that an idle worker was woken for, and of those that stood ready when it had answered the one before.
  RecentDurations woken_, prefetched_;
  AheadCounts ahead_;
  size_t reserved_busy_ = 0;               // of them
  std::map<uint64_t, Starting> starting_;  // by number of the start
  uint64_t next_start_ = 1;
  // Of the last worker: from asking for it until it was there, and its init.
  nanoseconds start_took_{0};
  nanoseconds init_took_{0};
  Timer refill_timer_;
  StartHeat heat_;
  bool hot_ = false;   // as of the last look
  Timer ahead_timer_;  // until workers are started ahead of events again
  size_t ahead_failures_ = 0;
  bool refilling_ = false;  // StartWorkers() has been posted
  std::function<void()> on_refilled_;
  std::function<void(Waits)> on_waits_;
  size_t given_up_ = 0;                            // busy workers that go when they come back
  std::vector<std::function<void(Status)>> warm_;  // who waits for WarmUp()
  bool warmed_ = false;                            // a worker has become ready since
  Status warm_failed_;                             // how the first failed, if that was the code's fault
  bool serving_ = false;                           // ServeWaiters() has been posted
  uint64_t next_ticket_ = 1;
  Timer idle_timer_;
  std::function<void()> drained_;
  WeakPtrFactory<WarmPool> weak_{this};
};

}  // namespace hearth
