#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "runtime/pool/memory_budget.h"
#include "runtime/pool/warm_pool.h"

namespace hearth {

// The warm pools of all versions, under one budget of memory.
//
// Owns:    the pools. Owned by main.
// Thread:  loop thread.
// Failure: when no memory is left, the idle worker on the node that is worth least goes; when none is idle,
//          the event waits and is looked at again every kRetryInterval.
class PoolSet final {
 public:
  static constexpr milliseconds kRetryInterval{5};

  // Where the memory of all workers is. Together they are memory_used().
  struct MemoryUse {
    Bytes busy;
    Bytes reserved_busy;  // on places that commitments keep
    Bytes reserved_idle;
    Bytes dedicated;   // busy or idle
    Bytes keep_alive;  // idle, nobody's commitment
    Bytes platform;    // of workers that start or end, and what the platform keeps for itself
  };

  struct Options {
    Bytes memory_total = 1_GiB;  // configured memory of all workers together
    PoolLimits limits;           // of each version, unless its function has its own
  };

  // What commitments ask of a version; asked when its pool is made, and by Replan().
  using PlanOf = std::function<CapacityPlan(const FunctionVersion&)>;

  PoolSet(Options options, WorkerLauncher& launcher, Executor& executor);
  ~PoolSet();

  // Made when first asked for.
  WarmPool& PoolOf(const std::shared_ptr<const FunctionVersion>& version);
  // No more events of this version: its idle workers go now, busy ones when they are done.
  void Retire(const FunctionVersion& version);
  // The same by its number; `retired` runs once none of its workers is left, inside the call or later.
  void RetireGeneration(uint64_t generation, std::function<void()> retired);
  // WarmPool::HandBack(), where there is such a pool.
  void HandBack(uint64_t generation, size_t busy);
  // Of each pool: what events behind others it has counted since, and how many wait now; and the other side of it.
  using TakeFigure = std::function<void(uint64_t generation, WarmPool::AheadCounts ahead, size_t waiting)>;
  void TakeFigures(const TakeFigure& take);
  void AddAhead(uint64_t generation, const WarmPool::AheadCounts& counts);
  // Workers of `next` are initialised, as many as `serving` needs now; `warm` runs once, now or later
  // (WarmPool::WarmUp()).
  void Warm(const FunctionVersion& serving, const std::shared_ptr<const FunctionVersion>& next,
            std::function<void(Status)> warm);
  void Drain(std::function<void()> drained);
  bool draining() const { return draining_; }

  // Asked when a pool is made, and by Rescale().
  using ScalingOf = std::function<FunctionScaling(const std::string& function)>;
  void SetScalingOf(ScalingOf scaling_of) { scaling_of_ = std::move(scaling_of); }
  void Rescale(const std::string& function);
  void SetPlanOf(PlanOf plan_of) { plan_of_ = std::move(plan_of); }
  // `promised`: memory of all workers that commitments keep, alive or not; nobody else gets it.
  void Replan(Bytes promised);
  // Once each worker that commitments ask for is ready, or has failed.
  void WhenSettled(std::function<void()> settled);
  // Of so many shares of the platform's own, for how many there is room beside the workers. A worker that finds no room
  // gets all of it, and `taken` runs.
  uint32_t KeepForPlatform(uint32_t wanted, Bytes each);
  void SetOnPlatformRoomTaken(std::function<void()> taken) { platform_taken_ = std::move(taken); }
  // Runs when an event of one of the pools has to wait, and when none of them has a worker whose memory another could
  // have: workers that are lent elsewhere may help.
  using OnWaits = std::function<void(const WarmPool& pool, WarmPool::Waits how)>;
  void SetOnWaits(OnWaits on_waits) { on_waits_ = std::move(on_waits); }
  void SetOnNoRoom(std::function<void()> on_no_room) { on_no_room_ = std::move(on_no_room); }
  Bytes memory_total() const { return memory_.total(); }
  Bytes memory_used() const { return memory_.used(); }
  MemoryUse memory_use() const;
  std::vector<const WarmPool*> pools() const;
  const WarmPool* Find(const FunctionVersion& version) const;  // null: it has none yet

 private:
  PoolLimits LimitsOf(const std::string& function) const;
  bool MakeRoom();
  bool EvictCheapest();
  void MaybeSettled();
  void RetryLater();
  void MaybeDrained();

  // Constant after construction.
  const Options options_;
  // Borrowed.
  WorkerLauncher& launcher_;
  Executor& executor_;
  // Mutable.
  MemoryBudget memory_;
  std::vector<MemoryBudget::Lease> platform_;
  std::function<void()> platform_taken_;
  std::map<uint64_t, std::unique_ptr<WarmPool>> pools_;  // by generation
  Timer retry_;
  ScalingOf scaling_of_;
  PlanOf plan_of_;
  OnWaits on_waits_;
  std::function<void()> on_no_room_;
  std::function<void()> settled_;
  bool draining_ = false;
  std::function<void()> drained_;
};

}  // namespace hearth
