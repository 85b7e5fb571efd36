#include "runtime/pool/warm_pool.h"

#include <algorithm>
#include <utility>

namespace hearth {

WorkerLease::WorkerLease(WeakPtr<WarmPool> pool, std::shared_ptr<const FunctionVersion> version,
                         std::unique_ptr<Worker> worker, MemoryBudget::Lease memory)
    : pool_(std::move(pool)),
      version_(std::move(version)),
      worker_(std::move(worker)),
      memory_(std::move(memory)) {}

WorkerLease& WorkerLease::operator=(WorkerLease&& other) noexcept {
  if (this != &other) {
    GiveBack();
    pool_ = std::exchange(other.pool_, {});
    version_ = std::move(other.version_);
    worker_ = std::move(other.worker_);
    memory_ = std::move(other.memory_);
  }
  return *this;
}

WorkerLease::~WorkerLease() { GiveBack(); }

void WorkerLease::GiveBack() {
  if (worker_ && pool_) pool_->OnReturned(std::move(worker_), std::move(memory_));
}

WarmPool::Wait& WarmPool::Wait::operator=(Wait&& other) noexcept {
  if (this != &other) {
    GiveUp();
    pool_ = std::exchange(other.pool_, {});
    ticket_ = other.ticket_;
  }
  return *this;
}

void WarmPool::Wait::GiveUp() {
  if (pool_) std::exchange(pool_, {})->GiveUp(ticket_);
}

WarmPool::WarmPool(std::shared_ptr<const FunctionVersion> version, PoolLimits limits,
                   WorkerLauncher& launcher, MemoryBudget& memory, MakeRoom make_room, Executor& executor)
    : version_(std::move(version)),
      limits_(limits),
      make_room_(std::move(make_room)),
      launcher_(launcher),
      memory_(memory),
      executor_(executor) {}

WarmPool::~WarmPool() { launcher_.Forget(*version_); }

WorkerLease WarmPool::TryAcquire() {
  while (!idle_.empty() && waiters_.empty() && state_ == State::kOpen) {
    Idle last = std::move(idle_.back());
    idle_.pop_back();
    if (last.worker->usable()) return Lend(std::move(last.worker), std::move(last.memory));
  }
  return {};
}

WarmPool::Wait WarmPool::Acquire(nanoseconds limit, OnLease done) {
  const uint64_t ticket = next_ticket_++;
  const auto refuse = [&](ErrorCode code, std::string message) {
    executor_.Post([self = weak_.Get(), done = std::move(done), error = Error{code, std::move(message)}] {
      if (self) done(error);
    });
    return Wait();
  };
  if (state_ != State::kOpen)
    return refuse(ErrorCode::kUnavailable, version_->function + " is being replaced; try again");
  if (version_->settings.memory > memory_.total()) {
    return refuse(ErrorCode::kUnavailable, version_->function + " needs " +
                                               std::to_string(version_->settings.memory.mib()) +
                                               " MiB of memory, but all workers together may have " +
                                               std::to_string(memory_.total().mib()) +
                                               " MiB; raise --memory-mib or lower the function's");
  }
  if (AdmitWaiter(counts(), limits_) != Admission::kAdmit) {
    return refuse(ErrorCode::kThrottled, "ReservedFunctionConcurrentInvocationLimitExceeded: " +
                                             std::to_string(limits_.waiters_max) +
                                             " events already wait for a worker of " + version_->function);
  }
  Waiter& waiter = waiters_[ticket];
  waiter.done = std::move(done);
  waiter.limit = executor_.After(limit, [this, ticket] { OnWaitLimit(ticket); });
  StartWorkers();
  if (!idle_.empty()) ServeLater();
  return Wait(weak_.Get(), ticket);
}

void WarmPool::StartWorkers() {
  for (size_t n = WorkersToStart(counts(), limits_); n > 0; --n) {
    if (!StartOne()) return;
  }
}

// False when the node's memory is in use: the waiter waits for a worker to come back.
bool WarmPool::StartOne() {
  MemoryBudget::Lease memory = memory_.Take(version_->settings.memory);
  while (!memory && make_room_()) memory = memory_.Take(version_->settings.memory);
  if (!memory) return false;
  starting_.push_back(
      std::move(memory));  // all shares are alike: whichever start ends first takes any of them
  launcher_.Launch(version_, [self = weak_.Get()](Result<std::unique_ptr<Worker>> launched) {
    if (self) self->OnLaunched(std::move(launched));
  });
  return true;
}

void WarmPool::OnLaunched(Result<std::unique_ptr<Worker>> launched) {
  MemoryBudget::Lease memory = std::move(starting_.back());
  starting_.pop_back();
  if (launched.ok()) return Offer(std::move(launched).value(), std::move(memory));
  memory = {};
  FailFirstWaiter(std::move(launched).error());
  StartWorkers();
  MaybeClose();
}

void WarmPool::OnReturned(std::unique_ptr<Worker> worker, MemoryBudget::Lease memory) {
  --busy_;
  if (worker->usable() && version_->settings.isolation == Isolation::kInstance) {
    return Offer(std::move(worker), std::move(memory));
  }
  worker.reset();
  memory = {};
  StartWorkers();
  MaybeClose();
}

void WarmPool::Offer(std::unique_ptr<Worker> worker, MemoryBudget::Lease memory) {
  if (state_ != State::kOpen && waiters_.empty()) {
    worker.reset();
    memory = {};
    return MaybeClose();
  }
  worker->SetOnIdleDeath([self = weak_.Get(), id = worker->id()] {
    if (self) self->OnIdleDeath(id);  // a lease may outlive the pool
  });
  idle_.push_back({std::move(worker), std::move(memory), executor_.clock().Now()});
  if (!idle_timer_.armed()) ArmIdleTimer();
  if (!waiters_.empty()) ServeLater();
}

// A lease may be given back from inside any destructor: waiters are served in a turn of their own.
void WarmPool::ServeLater() {
  if (std::exchange(serving_, true)) return;
  executor_.Post([self = weak_.Get()] {
    if (self) self->ServeWaiters();
  });
}

void WarmPool::ServeWaiters() {
  serving_ = false;
  const WeakPtr<WarmPool> self = weak_.Get();
  while (self && !idle_.empty() && !waiters_.empty()) {
    Idle last = std::move(idle_.back());
    idle_.pop_back();
    if (!last.worker->usable()) continue;
    auto node = waiters_.extract(waiters_.begin());
    node.mapped().done(Lend(std::move(last.worker), std::move(last.memory)));
  }
  if (!self) return;
  StartWorkers();  // for those whose worker died before it could be lent
  if (state_ != State::kOpen && waiters_.empty()) {
    while (EvictIdle()) {
    }
    MaybeClose();
  }
}

WorkerLease WarmPool::Lend(std::unique_ptr<Worker> worker, MemoryBudget::Lease memory) {
  ++busy_;
  return {weak_.Get(), version_, std::move(worker), std::move(memory)};
}

void WarmPool::FailFirstWaiter(Error error) {
  if (waiters_.empty()) return;
  auto node = waiters_.extract(waiters_.begin());
  node.mapped().done(std::move(error));
}

void WarmPool::OnWaitLimit(uint64_t ticket) {
  auto node = waiters_.extract(ticket);
  if (node.empty()) return;
  const WeakPtr<WarmPool> self = weak_.Get();
  node.mapped().done(
      Error{ErrorCode::kThrottled, "ConcurrentInvocationLimitExceeded: no worker of " + version_->function +
                                       " became free within its timeout of " +
                                       std::to_string(version_->settings.timeout.count()) + " s"});
  if (self) MaybeClose();
}

void WarmPool::GiveUp(uint64_t ticket) {
  waiters_.erase(ticket);
  MaybeClose();
}

void WarmPool::OnIdleDeath(WorkerId worker) {
  const auto found = std::find_if(idle_.begin(), idle_.end(),
                                  [worker](const Idle& idle) { return idle.worker->id() == worker; });
  if (found == idle_.end()) return;
  const Idle gone = std::move(*found);
  idle_.erase(found);
}

bool WarmPool::EvictIdle() {
  if (idle_.empty() || !waiters_.empty()) return false;
  idle_.pop_front();
  return true;
}

MonotonicTime WarmPool::idle_since() const {
  return idle_.empty() || !waiters_.empty() ? MonotonicTime::max() : idle_.front().since;
}

void WarmPool::ArmIdleTimer() {
  idle_timer_.Cancel();
  if (idle_.empty()) return;
  const nanoseconds left = idle_.front().since + limits_.idle_time_out - executor_.clock().Now();
  idle_timer_ = executor_.After(std::max(left, nanoseconds(0)), [this] { EndExpired(); });
}

void WarmPool::EndExpired() {
  const MonotonicTime now = executor_.clock().Now();
  while (!idle_.empty() && idle_.front().since + limits_.idle_time_out <= now && EvictIdle()) {
  }
  ArmIdleTimer();
}

void WarmPool::Drain(std::function<void()> drained) {
  state_ = State::kDraining;
  drained_ = std::move(drained);
  idle_timer_.Cancel();
  while (EvictIdle()) {
  }
  MaybeClose();
}

void WarmPool::MaybeClose() {
  // Workers that are still starting are wanted by nobody, and a launcher that is stuck may never say more.
  if (state_ != State::kDraining || busy_ + waiters_.size() > 0) return;
  state_ = State::kClosed;
  executor_.Post([self = weak_.Get()] {
    if (self && self->drained_) std::exchange(self->drained_, nullptr)();
  });
}

std::vector<const Worker*> WarmPool::idle_workers() const {
  std::vector<const Worker*> workers;
  for (const Idle& idle : idle_) workers.push_back(idle.worker.get());
  return workers;
}

}  // namespace hearth
