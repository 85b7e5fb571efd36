#include <algorithm>
#include <utility>

#include "runtime/pool/warm_pool.h"

// Who has a worker, alone or behind others.

namespace hearth {

WorkerLease::WorkerLease(WeakPtr<WarmPool> pool, std::shared_ptr<const FunctionVersion> version,
                         std::shared_ptr<HeldWorker> held, Spill spill)
    : pool_(std::move(pool)), version_(std::move(version)), held_(std::move(held)), spill_(spill) {
  ++held_->leases;
}

WorkerLease& WorkerLease::operator=(WorkerLease&& other) noexcept {
  if (this != &other) {
    GiveBack();
    pool_ = std::exchange(other.pool_, {});
    version_ = std::move(other.version_);
    held_ = std::move(other.held_);
    spill_ = other.spill_;
  }
  return *this;
}

WorkerLease::~WorkerLease() { GiveBack(); }

void WorkerLease::GiveBack() {
  if (!held_) return;
  --held_->leases;
  if (pool_) pool_->OnReturned(std::move(held_));
  held_.reset();
}

void WorkerLease::Ran(const Attempt& attempt) {
  if (pool_) pool_->OnRan(attempt);
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

// The shorter of the two: events that were woken for also count what waking takes, and after those that stood ready
// nobody may have asked for long.
std::optional<nanoseconds> WarmPool::UsualDuration() const {
  if (!woken_.p95() || !prefetched_.p95()) return woken_.p95() ? woken_.p95() : prefetched_.p95();
  return std::min(*woken_.p95(), *prefetched_.p95());
}

// A busy worker, to stand behind what it runs: one that was lent lately, so that few do much rather than many a
// little. Commitments count whole workers, so that theirs are not shared.
WorkerLease WarmPool::LendAgain() {
  constexpr size_t kLookedAtMax = 16;
  if (lent_.empty() || given_up_ > 0 || version_->settings.isolation != Isolation::kInstance ||
      plan_.reserved_workers() > 0)
    return {};
  const auto others = idle_.empty() ? OtherWorkers::kAllBusy : OtherWorkers::kOneIdle;
  const size_t depth = PrefetchDepth(limits_.prefetch, UsualDuration(), others);
  if (depth == 0) return {};
  size_t looked_at = 0;
  for (auto lent = lent_.rbegin(); lent != lent_.rend() && looked_at < kLookedAtMax; ++lent, ++looked_at) {
    HeldWorker& held = **lent;
    if (held.leases > depth || held.seat != seat_ || !held.worker->TakesAhead()) continue;
    if (held.worker->seat() != nullptr && held.worker->seat()->plan == Plan::kReserved) continue;
    ++ahead_.handed;
    return {weak_.Get(), version_, *lent, WorkerLease::Spill::kNo};
  }
  return {};
}

void WarmPool::OnRan(const Attempt& attempt) {
  if (!attempt.its_turn_came) {
    ++ahead_.taken_back;
    return;
  }
  (attempt.prefetched ? prefetched_ : woken_).Add(attempt.occupied.value_or(attempt.duration));
}

}  // namespace hearth
