#pragma once

#include <functional>
#include <map>

#include "runtime/pool/borrowed_workers.h"
#include "runtime/router/router.h"

namespace hearth {

// Lends workers of this loop's pools to other loops. All workers stay these pools': their number, memory, places among
// the events under way, what commitments keep and what versions that go still need are decided here alone, so that every
// limit holds over all loops together. A loop keeps a worker while it has events for it, and a moment longer.
//
// Owns:    the leases and places of what is lent.
// Borrows: router and pools, which outlive it; the borrowers.
// Thread:  that of the first loop.
// Failure: kThrottled as an event would be; kUnavailable for a version that is gone.
class WorkerLending final {
 public:
  // The other loops, from here: nothing is answered inside these calls.
  class Borrowers {
   public:
    virtual ~Borrowers() = default;
    // Others want workers of this version (0: of any): idle ones are to come back now, and `busy` more once they have
    // answered.
    virtual void HandBack(size_t loop, uint64_t generation, size_t busy) = 0;
    virtual void OnNews(size_t loop, uint64_t loan, WorkerNews news) = 0;
    // No more events of this version; `drained` runs once its workers have come back from all loops.
    virtual void Retire(uint64_t generation, std::function<void()> drained) = 0;
  };
  using OnLoan = std::function<void(Result<WorkerLoan>)>;

  WorkerLending(Router& router, PoolSet& pools, InvocationObserver& observer, Borrowers& borrowers);

  // From now on it may be asked for, until it is retired.
  void Know(const FunctionVersionPtr& version) { known_[version->generation] = version; }
  FunctionVersionPtr Find(uint64_t generation) const;
  // `done` runs once, inside the call or later.
  void Lend(size_t loop, uint64_t generation, OnLoan done);
  void TakeBack(uint64_t loan, std::unique_ptr<WorkerKit> kit);
  size_t lent() const { return loans_.size(); }
  uint64_t loans() const { return given_; }  // ever
  // Of those that wait in this version's pool here, how many are other loops'.
  size_t asked_for(uint64_t generation) const;

 private:
  struct Loan {
    size_t loop = 0;
    uint64_t generation = 0;
    ConcurrencyLimits::Pass place;
    WorkerLease lease;
  };
  struct Asked {
    size_t loop = 0;
    ConcurrencyLimits::Pass place;
    WarmPool::Wait wait;
    OnLoan done;
  };
  // What one loop has of one version, and waits for.
  struct Share {
    size_t held = 0;
    size_t asked = 0;
  };
  static constexpr size_t kFirstLoop = 0;

  void Wait(size_t loop, const FunctionVersionPtr& version, ConcurrencyLimits::Pass place, OnLoan done);
  void OnLease(uint64_t asked, const FunctionVersionPtr& version, Result<WorkerLease> lease);
  void Give(size_t loop, const FunctionVersionPtr& version, ConcurrencyLimits::Pass place, WorkerLease lease,
            const OnLoan& done);
  // The first loop's own share, as if it were one of the others.
  Share FirstLoopsShare(const WarmPool& pool) const;
  Share ShareOf(size_t loop, const WarmPool& pool) const;
  bool DoOthersWait(size_t loop, const WarmPool& pool) const;
  static bool IsOwed(const Share& by, const Share& to);
  void ForgetEmpty(uint64_t generation, size_t loop);
  void OnWaits(const WarmPool& pool, WarmPool::Waits how);
  void OnNoRoom();

  // Borrowed.
  Router& router_;
  PoolSet& pools_;
  InvocationObserver& observer_;
  Borrowers& borrowers_;
  // Mutable.
  std::map<uint64_t, FunctionVersionPtr> known_;  // by generation
  std::map<uint64_t, Loan> loans_;
  std::map<uint64_t, Asked> asked_;
  std::map<uint64_t, std::map<size_t, Share>> shares_;  // by generation and loop
  uint64_t next_ = 1;
  uint64_t given_ = 0;
  size_t asking_ = kFirstLoop;  // who does, during a call
};

}  // namespace hearth
