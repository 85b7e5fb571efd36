#include "runtime/router/worker_lending.h"

#include <algorithm>
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

size_t WorkerLending::asked_for(uint64_t generation) const {
  const auto found = shares_.find(generation);
  if (found == shares_.end()) return 0;
  size_t asked = 0;
  for (const auto& [loop, share] : found->second) asked += share.asked;
  return asked;
}

void WorkerLending::Wait(size_t loop, const FunctionVersionPtr& version, ConcurrencyLimits::Pass place,
                         OnLoan done) {
  const uint64_t number = next_++;
  Asked& asked = asked_[number];
  asked = {loop, std::move(place), {}, std::move(done)};
  ++shares_[version->generation][loop].asked;
  asking_ = loop;
  asked.wait = pools_.PoolOf(version).Acquire(
      version->settings.timeout,
      [this, number, version](Result<WorkerLease> lease) { OnLease(number, version, std::move(lease)); });
  asking_ = kFirstLoop;
}

void WorkerLending::OnLease(uint64_t number, const FunctionVersionPtr& version, Result<WorkerLease> lease) {
  auto node = asked_.extract(number);
  Asked& asked = node.mapped();
  --shares_[version->generation][asked.loop].asked;
  ForgetEmpty(version->generation, asked.loop);
  if (!lease.ok()) return asked.done(std::move(lease).error());
  // Asked before others, perhaps, but it has workers already, and they have fewer: they come first.
  const WarmPool& pool = *pools_.Find(*version);
  if (ShareOf(asked.loop, pool).held > 0 && DoOthersWait(asked.loop, pool))
    return Wait(asked.loop, version, std::move(asked.place), std::move(asked.done));
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
  ++shares_[version->generation][loop].held;
  ++given_;
  done(std::move(loan));
  if (DoOthersWait(loop, *pools_.Find(*version))) borrowers_.HandBack(loop, version->generation, 1);
}

WorkerLending::Share WorkerLending::FirstLoopsShare(const WarmPool& pool) const {
  const PoolCounts counts = pool.counts();
  Share lent;
  if (const auto shares = shares_.find(pool.version().generation); shares != shares_.end()) {
    for (const auto& [loop, share] : shares->second) {
      lent.held += share.held;
      lent.asked += share.asked;
    }
  }
  return {counts.busy - std::min(counts.busy, lent.held),
          counts.waiting - std::min(counts.waiting, lent.asked)};
}

WorkerLending::Share WorkerLending::ShareOf(size_t loop, const WarmPool& pool) const {
  if (loop == kFirstLoop) return FirstLoopsShare(pool);
  const auto shares = shares_.find(pool.version().generation);
  if (shares == shares_.end()) return {};
  const auto share = shares->second.find(loop);
  return share == shares->second.end() ? Share() : share->second;
}

// In vain so far, and with less to go on with than `loop` has.
bool WorkerLending::DoOthersWait(size_t loop, const WarmPool& pool) const {
  const Share own = ShareOf(loop, pool);
  const PoolCounts counts = pool.counts();
  if (counts.waiting <= own.asked + counts.starting + counts.idle) return false;
  const auto waits = [&own](const Share& other) { return other.asked > 0 && IsOwed(own, other); };
  if (loop != kFirstLoop && waits(FirstLoopsShare(pool))) return true;
  const auto shares = shares_.find(pool.version().generation);
  return std::any_of(shares->second.begin(), shares->second.end(),
                     [&](const auto& share) { return share.first != loop && waits(share.second); });
}

// A loop that has a worker serves all its events with it, one after the other. One that has none waits for another's;
// otherwise shares are evened out, and no further: a worker that changes loops with each event serves nobody well.
bool WorkerLending::IsOwed(const Share& by, const Share& to) {
  return to.held == 0 ? by.held > 0 : by.held > to.held + 1;
}

void WorkerLending::ForgetEmpty(uint64_t generation, size_t loop) {
  const auto shares = shares_.find(generation);
  const Share& share = shares->second[loop];
  if (share.held + share.asked == 0) shares->second.erase(loop);
  if (shares->second.empty()) shares_.erase(shares);
}

void WorkerLending::TakeBack(uint64_t number, std::unique_ptr<WorkerKit> kit) {
  auto node = loans_.extract(number);
  CHECK_TRUE(!node.empty());  // a loan comes back once
  Loan& loan = node.mapped();
  --shares_[loan.generation][loan.loop].held;
  ForgetEmpty(loan.generation, loan.loop);
  loan.lease.worker().Unpack(std::move(kit));
}

void WorkerLending::OnWaits(const WarmPool& pool, WarmPool::Waits how) {
  const auto shares = shares_.find(pool.version().generation);
  if (shares == shares_.end()) return;
  const Share asker = ShareOf(asking_, pool);
  for (const auto& [loop, share] : shares->second) {
    if (loop == asking_ || share.held == 0) continue;
    const bool busy = how == WarmPool::Waits::kShort && IsOwed(share, asker);
    borrowers_.HandBack(loop, shares->first, busy ? 1 : 0);
  }
}

void WorkerLending::OnNoRoom() {
  for (const auto& [generation, shares] : shares_) {
    for (const auto& [loop, share] : shares) {
      if (share.held > 0) borrowers_.HandBack(loop, generation, 0);
    }
  }
}

}  // namespace hearth
