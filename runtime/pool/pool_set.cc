#include "runtime/pool/pool_set.h"

#include <algorithm>
#include <utility>

namespace hearth {

PoolSet::PoolSet(Options options, WorkerLauncher& launcher, Executor& executor)
    : options_(options), launcher_(launcher), executor_(executor), memory_(options.memory_total) {}

PoolSet::~PoolSet() = default;

WarmPool& PoolSet::PoolOf(const std::shared_ptr<const FunctionVersion>& version) {
  std::unique_ptr<WarmPool>& pool = pools_[version->generation];
  if (pool) return *pool;
  pool = std::make_unique<WarmPool>(
      version, LimitsOf(version->function), launcher_, memory_, [this] { return MakeRoom(); }, executor_);
  pool->SetOnRefilled([this] { MaybeSettled(); });
  if (on_waits_) pool->SetOnWaits([this, raw = pool.get()](WarmPool::Waits how) { on_waits_(*raw, how); });
  if (plan_of_) pool->SetPlan(plan_of_(*version));
  if (pool->limits().workers_min > 0) pool->StartWorkers();
  return *pool;
}

PoolLimits PoolSet::LimitsOf(const std::string& function) const {
  return scaling_of_ ? LimitsFor(options_.limits, scaling_of_(function)) : options_.limits;
}

void PoolSet::Rescale(const std::string& function) {
  for (auto& [generation, pool] : pools_) {
    if (pool->version().function == function) pool->SetLimits(LimitsOf(function));
  }
}

// Lent reserved workers and spot attempts are yet to come: there are none of them to count.
bool PoolSet::MakeRoom() {
  if (!platform_.empty()) {
    platform_.clear();
    if (platform_taken_) platform_taken_();
    return true;
  }
  MemoryPressure pressure;
  pressure.waiters_max = 1;
  for (const auto& [generation, pool] : pools_)
    pressure.keep_alive_idle += pool->idle_since() != MonotonicTime::max();
  if (RelieveMemory(pressure) == Relief::kEndKeepAlive && EvictCheapest()) return true;
  if (on_no_room_) on_no_room_();
  RetryLater();
  return false;
}

// Among equals the one that has been idle longest.
bool PoolSet::EvictCheapest() {
  WarmPool* cheapest = nullptr;
  for (auto& [generation, pool] : pools_) {
    if (pool->idle_since() == MonotonicTime::max()) continue;
    if (cheapest == nullptr ||
        std::pair(pool->worth(), pool->idle_since()) < std::pair(cheapest->worth(), cheapest->idle_since())) {
      cheapest = pool.get();
    }
  }
  if (cheapest == nullptr) return false;
  const double worth = cheapest->worth();
  if (!cheapest->EvictIdle()) return false;
  memory_.clock().OnEvicted(worth);
  return true;
}

void PoolSet::Replan(Bytes promised) {
  memory_.Promise(promised);
  for (auto& [generation, pool] : pools_) {
    if (pool->state() == WarmPool::State::kOpen && plan_of_) pool->SetPlan(plan_of_(pool->version()));
  }
  MaybeSettled();
}

void PoolSet::WhenSettled(std::function<void()> settled) {
  settled_ = std::move(settled);
  MaybeSettled();
}

void PoolSet::MaybeSettled() {
  const bool all = std::all_of(pools_.begin(), pools_.end(), [](const auto& pool) {
    return pool.second->state() != WarmPool::State::kOpen || pool.second->settled();
  });
  if (!settled_ || !all) return;
  executor_.Post(std::exchange(settled_, nullptr));
}

void PoolSet::RetryLater() {
  if (retry_.armed()) return;
  retry_ = executor_.After(kRetryInterval, [this] {
    retry_.Cancel();
    for (auto& [generation, pool] : pools_) pool->StartWorkers();
  });
}

void PoolSet::Retire(const FunctionVersion& version) {
  if (pools_.find(version.generation) == pools_.end())
    return launcher_.Forget(version);  // its snapshot may be there
  RetireGeneration(version.generation, [] {});
}

void PoolSet::RetireGeneration(uint64_t generation, std::function<void()> retired) {
  const auto found = pools_.find(generation);
  if (found == pools_.end() || found->second->state() != WarmPool::State::kOpen) return retired();
  found->second->Drain([this, generation, retired = std::move(retired)] {
    pools_.erase(generation);
    retired();
    MaybeDrained();
  });
}

void PoolSet::HandBack(uint64_t generation, size_t busy) {
  const auto found = pools_.find(generation);
  if (found != pools_.end()) found->second->HandBack(busy);
}

void PoolSet::TakeFigures(const TakeFigure& take) {
  for (auto& [generation, pool] : pools_) take(generation, pool->TakeAhead(), pool->counts().waiting);
}

void PoolSet::AddAhead(uint64_t generation, const WarmPool::AheadCounts& counts) {
  const auto found = pools_.find(generation);
  if (found != pools_.end()) found->second->AddAhead(counts);
}

void PoolSet::Warm(const FunctionVersion& serving, const std::shared_ptr<const FunctionVersion>& next,
                   std::function<void(Status)> warm) {
  const WarmPool* pool = Find(serving);
  const size_t workers = pool == nullptr || draining_ ? 0 : WorkersToWarm(pool->counts());
  if (workers == 0) return warm(Ok());
  PoolOf(next).WarmUp(workers, std::move(warm));
}

void PoolSet::Drain(std::function<void()> drained) {
  draining_ = true;
  drained_ = std::move(drained);
  std::vector<const WarmPool*> all = pools();
  for (const WarmPool* pool : all) Retire(pool->version());
  MaybeDrained();
}

void PoolSet::MaybeDrained() {
  if (!draining_ || !pools_.empty()) return;
  if (auto run = std::exchange(drained_, nullptr)) executor_.Post(std::move(run));
}

uint32_t PoolSet::KeepForPlatform(uint32_t wanted, Bytes each) {
  if (platform_.size() > wanted) platform_.resize(wanted);
  while (platform_.size() < wanted) {
    MemoryBudget::Lease lease = memory_.Take(each);
    if (!lease) break;
    platform_.push_back(std::move(lease));
  }
  return static_cast<uint32_t>(platform_.size());
}

const WarmPool* PoolSet::Find(const FunctionVersion& version) const {
  const auto found = pools_.find(version.generation);
  return found == pools_.end() ? nullptr : found->second.get();
}

PoolSet::MemoryUse PoolSet::memory_use() const {
  MemoryUse use;
  for (const auto& [generation, pool] : pools_) {
    const PoolCounts counts = pool->counts();
    const uint64_t each = pool->version().settings.memory.count;
    if (!pool->plan().dedicated.empty()) {
      use.dedicated.count += each * (counts.busy + counts.idle);
      continue;
    }
    use.busy.count += each * (counts.busy - counts.reserved_busy);
    use.reserved_busy.count += each * counts.reserved_busy;
    use.reserved_idle.count += each * counts.reserved_idle;
    use.keep_alive.count += each * (counts.idle - counts.reserved_idle);
  }
  use.platform.count = memory_.used().count - use.busy.count - use.reserved_busy.count -
                       use.reserved_idle.count - use.dedicated.count - use.keep_alive.count;
  return use;
}

std::vector<const WarmPool*> PoolSet::pools() const {
  std::vector<const WarmPool*> all;
  for (const auto& [generation, pool] : pools_) all.push_back(pool.get());
  return all;
}

}  // namespace hearth
