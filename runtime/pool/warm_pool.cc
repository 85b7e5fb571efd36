#include "runtime/pool/warm_pool.h"

#include <algorithm>
#include <utility>

namespace hearth {

WarmPool::WarmPool(std::shared_ptr<const FunctionVersion> version, PoolLimits limits,
                   WorkerLauncher& launcher, MemoryBudget& memory, MakeRoom make_room, Executor& executor)
    : version_(std::move(version)),
      make_room_(std::move(make_room)),
      launcher_(launcher),
      memory_(memory),
      executor_(executor),
      limits_(limits) {}

WarmPool::~WarmPool() { launcher_.Forget(*version_); }

PoolCounts WarmPool::counts() const {
  PoolCounts counts{idle_.size() + reserved_idle_.size(), busy_, starting_.size(), waiters_.size()};
  counts.reserved_idle = reserved_idle_.size();
  counts.reserved_busy = reserved_busy_;
  for (const auto& [number, starting] : starting_)
    counts.reserved_starting += starting.seat->plan == Plan::kReserved;
  return counts;
}

WorkerLease WarmPool::TryAcquire(Needs needs) {
  if (!waiters_.empty() || state_ != State::kOpen) return {};
  if (needs == Needs::kTurn) {
    if (WorkerLease lease = LendAgain()) return lease;
  }
  auto idle = TakeIdle();
  return idle ? Lend(std::move(*idle)) : WorkerLease();
}

// The last used of those that commitments pay for, else of the others.
std::optional<WarmPool::Idle> WarmPool::TakeIdle() {
  for (std::deque<Idle>* from : {&reserved_idle_, &idle_}) {
    while (!from->empty()) {
      Idle last = std::move(from->back());
      from->pop_back();
      if (last.held->worker->usable()) return last;
      Lose(last.held->seat);
    }
  }
  return std::nullopt;
}

WarmPool::Wait WarmPool::Acquire(nanoseconds limit, OnLease done, Needs needs) {
  const uint64_t ticket = next_ticket_++;
  const auto refuse = [&](ErrorCode code, std::string message) {
    // Also when the pool, which may be at its end, has gone by then: somebody waits for the answer.
    executor_.Post([done = std::move(done), error = Error{code, std::move(message)}] { done(error); });
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
  waiter.needs = needs;
  waiter.allowed = limit;
  waiter.limit = executor_.After(limit, [this, ticket] { OnWaitLimit(ticket); });
  StartWorkers();
  if (!idle_.empty() || !reserved_idle_.empty()) {
    ServeLater();
  } else if (on_waits_) {
    on_waits_(starting_.size() < waiters_.size() ? Waits::kShort : Waits::kStarting);
  }
  return Wait(weak_.Get(), ticket);
}

void WarmPool::SetLimits(PoolLimits limits) {
  limits_ = limits;
  while (alive() > limits_.workers_max && EvictIdle()) {
  }
  if (limits_.workers_max == 0) {
    for (auto& [ticket, waiter] : waiters_)
      waiter.limit = executor_.After(nanoseconds(0), [this, t = ticket] { OnWaitLimit(t); });
  }
  ahead_timer_.Cancel();
  ArmIdleTimer();
  StartWorkers();
}

void WarmPool::HandBack(size_t busy) {
  while (EvictIdle()) {
  }
  given_up_ = std::min(busy, alive());
}

void WarmPool::SetPlan(CapacityPlan plan) {
  if (plan == plan_) return;
  const bool moves = plan.dedicated != plan_.dedicated;
  plan_ = std::move(plan);
  if (moves) {
    const Plan of_others = plan_.dedicated.empty() ? Plan::kOnDemand : Plan::kDedicated;
    seat_ = std::make_shared<const Seat>(Seat{of_others, plan_.dedicated});
  }
  std::vector<Reserved> reserved;
  for (const CapacityPlan::Reserved& wanted : plan_.reserved) {
    const auto had = std::find_if(reserved_.begin(), reserved_.end(), [&](const Reserved& one) {
      return !moves && one.seat->commitment == wanted.commitment;
    });
    Reserved one;
    if (had != reserved_.end()) {
      one = *had;
    } else {
      one.seat = std::make_shared<const Seat>(Seat{Plan::kReserved, wanted.commitment});
    }
    one.wanted = wanted.workers;
    reserved.push_back(std::move(one));
  }
  reserved_ = std::move(reserved);
  refill_timer_.Cancel();
  EndUnwanted();
  StartWorkers();
}

void WarmPool::EndUnwanted() {
  for (std::deque<Idle>* from : {&reserved_idle_, &idle_}) {
    std::deque<Idle> kept;
    for (Idle& idle : std::exchange(*from, {})) {
      if (IsWanted(idle.held->seat)) {
        kept.push_back(std::move(idle));
      } else {
        Lose(idle.held->seat);
      }
    }
    *from = std::move(kept);
  }
}

WarmPool::Reserved* WarmPool::FindReserved(const SeatPtr& seat) {
  const auto found = std::find_if(reserved_.begin(), reserved_.end(),
                                  [&](const Reserved& reserved) { return reserved.seat == seat; });
  return found == reserved_.end() ? nullptr : &*found;
}

// Somebody pays for this place still, and its processors are those of this function.
bool WarmPool::IsWanted(const SeatPtr& seat) {
  if (seat == seat_) return true;
  const Reserved* reserved = FindReserved(seat);
  return reserved != nullptr && reserved->alive <= reserved->wanted;
}

// A worker that comes back may stay: with it there are no more than may be, and what commitments keep has room.
bool WarmPool::HasRoomFor(const SeatPtr& seat) const {
  if (seat->plan == Plan::kReserved) return true;
  size_t missing = 0;
  if (!refill_timer_.armed()) {
    for (const Reserved& reserved : reserved_)
      missing += reserved.wanted - std::min(reserved.wanted, reserved.alive);
  }
  return alive() + missing < limits_.workers_max;
}

// A worker that had this place has gone.
void WarmPool::Lose(const SeatPtr& seat) {
  if (Reserved* reserved = FindReserved(seat)) {
    --reserved->alive;
    RefillLater();
  }
}

void WarmPool::RefillLater() {
  if (state_ != State::kOpen || std::exchange(refilling_, true)) return;
  executor_.Post([self = weak_.Get()] {
    if (!self) return;
    self->refilling_ = false;
    self->StartWorkers();
  });
}

size_t WarmPool::StartingFor(const Reserved& reserved) const {
  return static_cast<size_t>(std::count_if(starting_.begin(), starting_.end(), [&](const auto& start) {
    return start.second.seat == reserved.seat;
  }));
}

bool WarmPool::settled() const {
  return std::all_of(reserved_.begin(), reserved_.end(), [this](const Reserved& reserved) {
    return reserved.failures > 0 || reserved.alive - StartingFor(reserved) >= reserved.wanted;
  });
}

WarmPool::ReservedStatus WarmPool::StatusOf(const std::string& commitment) const {
  for (const Reserved& reserved : reserved_) {
    if (reserved.seat->commitment == commitment)
      return {reserved.wanted, reserved.alive - StartingFor(reserved), reserved.problem};
  }
  return {};
}

void WarmPool::StartWorkers() {
  StartReserved();
  for (size_t n = WorkersToStart(counts(), limits_); n > 0; --n) {
    if (!StartOne(seat_)) return;
  }
  StartAhead();
}

// Only in memory that is free: nobody is evicted for what nobody asked for.
void WarmPool::StartAhead() {
  if (state_ != State::kOpen || ahead_timer_.armed()) return;
  LookAtHeat();
  for (size_t n = WorkersAhead(counts(), limits_, hot_ ? Heat::kHot : Heat::kCold); n > 0; --n) {
    MemoryBudget::Lease memory = memory_.Take(version_->settings.memory);
    if (!memory) return OnAheadFailed();
    Launch(seat_, std::move(memory), For::kAhead);
  }
}

// A worker was needed that was not there, or was so because it had been kept for that.
void WarmPool::OnNeeded() {
  if (!limits_.spare_when_hot) return;
  heat_.OnStart(executor_.clock().Now());
  LookAtHeat();
}

void WarmPool::LookAtHeat() { hot_ = limits_.spare_when_hot && heat_.IsHot(executor_.clock().Now()); }

size_t WarmPool::spare() const {
  return static_cast<size_t>(
      std::count_if(idle_.begin(), idle_.end(), [](const Idle& idle) { return idle.spare; }));
}

void WarmPool::OnAheadFailed() {
  const size_t doublings = std::min<size_t>(ahead_failures_++, 6);
  ahead_timer_ = executor_.After(std::min(kRefillDelay * (1 << doublings), kRefillDelayMax), [this] {
    ahead_timer_.Cancel();
    StartWorkers();
  });
}

void WarmPool::StartReserved() {
  if (state_ != State::kOpen || refill_timer_.armed()) return;
  for (Reserved& reserved : reserved_) {
    while (reserved.alive < reserved.wanted) {
      if (alive() >= limits_.workers_max && !EvictIdle()) return;
      if (!StartOne(reserved.seat)) return;
      ++reserved.alive;
    }
  }
}

// False when the node's memory is in use: the waiter waits for a worker to come back.
bool WarmPool::StartOne(const SeatPtr& seat) {
  const auto share =
      seat->plan == Plan::kReserved ? MemoryBudget::Share::kPromised : MemoryBudget::Share::kFree;
  MemoryBudget::Lease memory = memory_.Take(version_->settings.memory, share);
  while (!memory && make_room_()) memory = memory_.Take(version_->settings.memory, share);
  if (!memory) return false;
  Launch(seat, std::move(memory), seat->plan == Plan::kReserved ? For::kAhead : For::kEvent);
  return true;
}

void WarmPool::Launch(const SeatPtr& seat, MemoryBudget::Lease memory, For for_whom) {
  if (for_whom == For::kEvent) OnNeeded();
  const uint64_t start = next_start_++;
  starting_[start] = {std::move(memory), seat, for_whom, executor_.clock().Now(), nullptr, 0, {}};
  AskForWorker(start);
}

void WarmPool::AskForWorker(uint64_t start) {
  ++starting_.at(start).tries;
  launcher_.Launch(version_, [self = weak_.Get(), start](Result<std::unique_ptr<Worker>> launched) {
    if (self) self->OnLaunched(start, std::move(launched));
  });
}

// Nothing of an event has run yet: what the host could not do now it may do in a moment.
bool WarmPool::TryAgain(uint64_t start, const Error& error) {
  Starting& starting = starting_.at(start);
  const bool wanted = state_ == State::kOpen || !waiters_.empty();
  if (error.code != ErrorCode::kUnavailable || !wanted || starting.tries >= limits_.launch_tries_max)
    return false;
  const milliseconds delay =
      starting.tries == 1 ? milliseconds(0) : kLaunchRetryDelay * (1 << (starting.tries - 2));
  starting.again = executor_.After(delay, [this, start] { AskForWorker(start); });
  return true;
}

void WarmPool::OnLaunched(uint64_t start, Result<std::unique_ptr<Worker>> launched) {
  if (!launched.ok() && TryAgain(start, launched.error())) return;
  Starting& starting = starting_.at(start);
  if (launched.ok()) Adopt(**launched);
  if (launched.ok()) start_took_ = executor_.clock().Now() - starting.since;
  if (starting.for_whom == For::kAhead && launched.ok()) {
    // Ahead of its events: with the first of them it answers at once.
    starting.worker = std::move(launched).value();
    return starting.worker->Prepare([self = weak_.Get(), start](const Status& prepared) {
      if (self) self->OnPrepared(start, prepared);
    });
  }
  if (starting.for_whom == For::kAhead) return OnPrepared(start, launched.error());
  auto node = starting_.extract(start);
  MemoryBudget::Lease memory = std::move(node.mapped().memory);
  const SeatPtr seat = node.mapped().seat;
  if (launched.ok() && IsWanted(seat)) {
    return Offer(
        std::make_shared<HeldWorker>(HeldWorker{seat, std::move(memory), std::move(launched).value()}));
  }
  memory = {};
  if (!launched.ok()) FailFirstWaiter(std::move(launched).error());
  StartWorkers();
  MaybeClose();
}

void WarmPool::OnPrepared(uint64_t start, const Status& prepared) {
  auto node = starting_.extract(start);
  Starting& started = node.mapped();
  Reserved* reserved = FindReserved(started.seat);
  if (prepared.ok() && IsWanted(started.seat)) {
    if (reserved != nullptr) {
      reserved->failures = 0;
      reserved->problem.clear();
    } else {
      ahead_failures_ = 0;
    }
    warmed_ = true;
    Offer(std::make_shared<HeldWorker>(
              HeldWorker{started.seat, std::move(started.memory), std::move(started.worker)}),
          Had::kNone);
  } else {
    if (!prepared.ok() && prepared.error().code == ErrorCode::kBadArtefact && warm_failed_.ok())
      warm_failed_ = prepared;
    if (!prepared.ok() && reserved != nullptr) OnReservedFailed(*reserved, prepared.error());
    if (!prepared.ok() && reserved == nullptr) OnAheadFailed();
    Lose(started.seat);
    started.worker.reset();
    started.memory = {};
    StartWorkers();
    MaybeClose();
  }
  MaybeWarm();
  if (on_refilled_) on_refilled_();
}

void WarmPool::WarmUp(size_t workers, std::function<void(Status)> warm) {
  if (warm_.empty()) {
    warmed_ = counts().idle > 0;
    warm_failed_ = Ok();
  }
  warm_.push_back(std::move(warm));
  const size_t there = counts().idle + counts().starting;
  const size_t room = limits_.workers_max > alive() ? limits_.workers_max - alive() : 0;
  for (size_t n = std::min(workers - std::min(workers, there), room); n > 0 && state_ == State::kOpen; --n) {
    MemoryBudget::Lease memory = memory_.Take(version_->settings.memory);
    if (!memory) break;
    Launch(seat_, std::move(memory), For::kAhead);
  }
  MaybeWarm();
}

// Also when the pool, which may be at its end, has gone by then: a deploy waits for the answer.
void WarmPool::TellWarm(const Status& status) {
  for (auto& warm : std::exchange(warm_, {}))
    executor_.Post([warm = std::move(warm), status] { warm(status); });
}

void WarmPool::MaybeWarm() {
  if (warm_.empty()) return;
  for (const auto& [number, starting] : starting_) {
    if (starting.for_whom == For::kAhead) return;
  }
  TellWarm(warmed_ ? Ok() : warm_failed_);
}

// The library that cannot be initialised now can perhaps in a minute, or when it has been deployed anew.
void WarmPool::OnReservedFailed(Reserved& reserved, const Error& error) {
  reserved.problem = error.message;
  const size_t doublings = std::min<size_t>(reserved.failures++, 6);
  refill_timer_ = executor_.After(std::min(kRefillDelay * (1 << doublings), kRefillDelayMax), [this] {
    refill_timer_.Cancel();
    StartWorkers();
  });
}

void WarmPool::OnReturned(std::shared_ptr<HeldWorker> held) {
  if (held->leases > 0) {
    if (!waiters_.empty()) ServeLater();  // another may stand where this one stood
    return;
  }
  --busy_;
  lent_.erase(std::find(lent_.begin(), lent_.end(), held));
  const SeatPtr seat = held->seat;
  if (seat->plan == Plan::kReserved) --reserved_busy_;
  const bool given_up = given_up_ > 0;
  if (given_up) --given_up_;
  if (!given_up && held->worker->usable() && version_->settings.isolation != Isolation::kInvocation &&
      IsWanted(seat) && HasRoomFor(seat)) {
    return Offer(std::move(held));
  }
  held.reset();
  Lose(seat);
  StartWorkers();
  MaybeClose();
}

void WarmPool::Adopt(Worker& worker) {
  worker.SetOnIdleDeath([self = weak_.Get(), id = worker.id()] {
    if (self) self->OnIdleDeath(id);  // a lease may outlive the pool
  });
}

void WarmPool::Offer(std::shared_ptr<HeldWorker> held, Had had) {
  if (state_ != State::kOpen && waiters_.empty()) {
    held.reset();
    return MaybeClose();
  }
  if (held->worker->init_took() > nanoseconds(0)) init_took_ = held->worker->init_took();
  const double worth = memory_.clock().WorthOf(start_took_ + init_took_, version_->settings.memory);
  auto& idle = held->seat->plan == Plan::kReserved ? reserved_idle_ : idle_;
  idle.push_back({std::move(held), executor_.clock().Now(), worth, had == Had::kNone});
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
  while (self && !waiters_.empty()) {
    if (auto idle = TakeIdle()) {
      auto node = waiters_.extract(waiters_.begin());
      node.mapped().done(Lend(std::move(*idle)));
      continue;
    }
    const auto waiter = FirstThatMayBehind();
    WorkerLease lease = waiter == waiters_.end() ? WorkerLease() : LendAgain();
    if (!lease) break;
    auto node = waiters_.extract(waiter);
    node.mapped().done(std::move(lease));
  }
  if (!self) return;
  StartWorkers();  // for those whose worker died before it could be lent
  if (state_ != State::kOpen && waiters_.empty()) EndIdle();
}

std::map<uint64_t, WarmPool::Waiter>::iterator WarmPool::FirstThatMayBehind() {
  return std::find_if(waiters_.begin(), waiters_.end(),
                      [](const auto& waiter) { return waiter.second.needs == Needs::kTurn; });
}

void WarmPool::EndIdle() {
  reserved_idle_.clear();
  while (EvictIdle()) {
  }
  MaybeClose();
}

WorkerLease WarmPool::Lend(Idle idle) {
  ++busy_;
  lent_.push_back(idle.held);
  const bool reserved = idle.held->seat->plan == Plan::kReserved;
  if (reserved) ++reserved_busy_;
  if (idle.spare && !reserved) OnNeeded();
  const bool missed = hot_ && idle_.empty() && !ahead_timer_.armed();
  if (limits_.workers_spare > 0 || missed) RefillLater();
  const auto spill =
      !reserved && plan_.reserved_workers() > 0 ? WorkerLease::Spill::kYes : WorkerLease::Spill::kNo;
  return {weak_.Get(), version_, std::move(idle.held), spill};
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
  const nanoseconds allowed = node.mapped().allowed;
  node.mapped().done(
      Error{ErrorCode::kThrottled, "ConcurrentInvocationLimitExceeded: no worker of " + version_->function +
                                       " became free within " +
                                       std::to_string(std::chrono::ceil<milliseconds>(allowed).count()) +
                                       " ms, the time that it may wait"});
  if (self) MaybeClose();
}

void WarmPool::GiveUp(uint64_t ticket) {
  waiters_.erase(ticket);
  MaybeClose();
}

void WarmPool::OnIdleDeath(WorkerId worker) {
  for (std::deque<Idle>* from : {&reserved_idle_, &idle_}) {
    const auto found = std::find_if(from->begin(), from->end(),
                                    [worker](const Idle& idle) { return idle.held->worker->id() == worker; });
    if (found == from->end()) continue;
    const Idle gone = std::move(*found);
    from->erase(found);
    Lose(gone.held->seat);
    if (limits_.workers_min > 0) RefillLater();
    return;
  }
}

bool WarmPool::EvictIdle() {
  if (idle_.empty() || !waiters_.empty()) return false;
  idle_.pop_front();
  return true;
}

MonotonicTime WarmPool::idle_since() const {
  const bool paid_for = seat_->plan == Plan::kDedicated;
  return paid_for || idle_.empty() || !waiters_.empty() ? MonotonicTime::max() : idle_.front().since;
}

void WarmPool::ArmIdleTimer() {
  idle_timer_.Cancel();
  if (idle_.empty()) return;
  const nanoseconds left = idle_.front().since + limits_.idle_time_out - executor_.clock().Now();
  idle_timer_ = executor_.After(std::max(left, nanoseconds(0)), [this] { EndExpired(); });
}

void WarmPool::EndExpired() {
  const MonotonicTime now = executor_.clock().Now();
  while (!idle_.empty() && idle_.front().since + limits_.idle_time_out <= now &&
         alive() > limits_.workers_min && EvictIdle()) {
  }
  idle_timer_.Cancel();
  if (alive() > limits_.workers_min) ArmIdleTimer();
}

void WarmPool::Drain(std::function<void()> drained) {
  state_ = State::kDraining;
  drained_ = std::move(drained);
  idle_timer_.Cancel();
  refill_timer_.Cancel();
  ahead_timer_.Cancel();
  TellWarm(Error{ErrorCode::kUnavailable, version_->function + " is being replaced or hearthd is stopping"});
  EndIdle();
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
  for (const std::deque<Idle>* from : {&reserved_idle_, &idle_}) {
    for (const Idle& idle : *from) workers.push_back(idle.held->worker.get());
  }
  return workers;
}

std::vector<const Worker*> WarmPool::workers() const {
  std::vector<const Worker*> all = idle_workers();
  for (const auto& [number, starting] : starting_) {
    if (starting.worker) all.push_back(starting.worker.get());
  }
  for (const auto& held : lent_) all.push_back(held->worker.get());
  std::sort(all.begin(), all.end(), [](const Worker* a, const Worker* b) { return a->id() < b->id(); });
  return all;
}

}  // namespace hearth
