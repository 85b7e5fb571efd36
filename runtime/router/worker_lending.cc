#include "runtime/router/worker_lending.h"

#include <utility>

namespace hearth {

WorkerLending::WorkerLending(Router& router, PoolSet& pools, InvocationObserver& observer,
                             Borrowers& borrowers)
    : router_(router), pools_(pools), observer_(observer), borrowers_(borrowers) {
  pools_.SetOnWaits([this](const WarmPool& pool, WarmPool::Waits how) { OnWaits(pool, how); });
  pools_.SetOnNoRoom([this] { OnNoRoom(); });
  router_.SetRetire([this](const FunctionVersionPtr& version) {
    borrowers_.Retire(version->generation, [this, version] {
      known_.erase(version->generation);
      pools_.Retire(*version);
    });
  });
}

FunctionVersionPtr WorkerLending::Find(uint64_t generation) const {
  const auto found = known_.find(generation);
  return found == known_.end() ? nullptr : found->second;
}

void WorkerLending::Lend(size_t loop, uint64_t generation, OnLoan done) {
  const FunctionVersionPtr version = Find(generation);
  if (!version) return done(Error{ErrorCode::kUnavailable, "the function is being replaced; try again"});
  auto place = router_.TakePlace(version->function);
  if (!place.ok()) {
    OnNoRoom();  // idle workers that are lent take places, too
    return done(std::move(place).error());
  }
  if (WorkerLease lease = pools_.PoolOf(version).TryAcquire())
    return Give(loop, version, std::move(place).value(), std::move(lease), done);
  Wait(loop, version, std::move(place).value(), std::move(done));
}

void WorkerLending::Wait(size_t loop, const FunctionVersionPtr& version, ConcurrencyLimits::Pass place,
                         OnLoan done) {
  const uint64_t number = next_++;
  Asked& asked = asked_[number];
  asked = {loop, std::move(place), {}, std::move(done)};
  asking_ = loop;
  asked.wait = pools_.PoolOf(version).Acquire(
      version->settings.timeout,
      [this, number, version](Result<WorkerLease> lease) { OnLease(number, version, std::move(lease)); });
  asking_ = kNoLoop;
}

void WorkerLending::OnLease(uint64_t number, const FunctionVersionPtr& version, Result<WorkerLease> lease) {
  auto node = asked_.extract(number);
  Asked& asked = node.mapped();
  if (!lease.ok()) return asked.done(std::move(lease).error());
  Give(asked.loop, version, std::move(asked.place), std::move(lease).value(), asked.done);
}

// Where others wait for a worker too, each loop has it for a turn.
void WorkerLending::Give(size_t loop, const FunctionVersionPtr& version, ConcurrencyLimits::Pass place,
                         WorkerLease lease, const OnLoan& done) {
  if (!lease.worker().usable()) return Wait(loop, version, std::move(place), done);
  const uint64_t number = next_++;
  WorkerLoan loan{number, lease.seat(), lease.worker().Pack([this, loop, number](WorkerNews news) {
                    borrowers_.OnNews(loop, number, std::move(news));
                  })};
  if (lease.spilled()) observer_.OnReservedSpillover(*version);
  loans_[number] = {loop, version->generation, std::move(place), std::move(lease)};
  ++held_[version->generation][loop];
  done(std::move(loan));
  const PoolCounts counts = pools_.PoolOf(version).counts();
  if (counts.waiting > counts.starting + counts.idle) borrowers_.HandBack(loop, version->generation, 1);
}

void WorkerLending::TakeBack(uint64_t number, std::unique_ptr<WorkerKit> kit) {
  auto node = loans_.extract(number);
  CHECK_TRUE(!node.empty());  // a loan comes back once
  Loan& loan = node.mapped();
  const auto held = held_.find(loan.generation);
  if (--held->second[loan.loop] == 0) held->second.erase(loan.loop);
  if (held->second.empty()) held_.erase(held);
  loan.lease.worker().Unpack(std::move(kit));
}

void WorkerLending::OnWaits(const WarmPool& pool, WarmPool::Waits how) {
  const auto held = held_.find(pool.version().generation);
  if (held == held_.end()) return;
  for (const auto& [loop, workers] : held->second) {
    if (loop != asking_) borrowers_.HandBack(loop, held->first, how == WarmPool::Waits::kShort ? 1 : 0);
  }
}

void WorkerLending::OnNoRoom() {
  for (const auto& [generation, by_loop] : held_) {
    for (const auto& [loop, workers] : by_loop) borrowers_.HandBack(loop, generation, 0);
  }
}

}  // namespace hearth
