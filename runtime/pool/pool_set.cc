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
  PoolLimits limits = options_.limits;
  const uint32_t own_max = version->settings.workers_max;
  if (own_max > 0) limits.workers_max = std::min<size_t>(limits.workers_max, own_max);
  const auto make_room = [this] {
    if (EvictLongestIdle()) return true;
    RetryLater();
    return false;
  };
  pool = std::make_unique<WarmPool>(version, limits, launcher_, memory_, make_room, executor_);
  return *pool;
}

bool PoolSet::EvictLongestIdle() {
  WarmPool* longest = nullptr;
  for (auto& [generation, pool] : pools_) {
    if (longest == nullptr || pool->idle_since() < longest->idle_since()) longest = pool.get();
  }
  return longest != nullptr && longest->EvictIdle();
}

void PoolSet::RetryLater() {
  if (retry_.armed()) return;
  retry_ = executor_.After(kRetryInterval, [this] {
    retry_.Cancel();
    for (auto& [generation, pool] : pools_) pool->StartWorkers();
  });
}

void PoolSet::Retire(const FunctionVersion& version) {
  const auto found = pools_.find(version.generation);
  if (found == pools_.end() || found->second->state() != WarmPool::State::kOpen) return;
  found->second->Drain([this, generation = version.generation] {
    pools_.erase(generation);
    MaybeDrained();
  });
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

std::vector<const WarmPool*> PoolSet::pools() const {
  std::vector<const WarmPool*> all;
  for (const auto& [generation, pool] : pools_) all.push_back(pool.get());
  return all;
}

}  // namespace hearth
