#pragma once

#include <map>
#include <memory>

#include "runtime/pool/capacity_plan.h"
#include "runtime/pool/worker_process.h"

namespace hearth {

// A worker of the first loop, for another one to use until it gives it back.
struct WorkerLoan {
  uint64_t number = 0;
  Seat seat;
  std::unique_ptr<WorkerKit> kit;
};

// Where the workers of a loop come from that makes none itself: each is borrowed when its pool asks for one, and given
// back when the pool lets it go.
//
// Owns:    nothing: the pool has the workers.
// Borrows: the context of this loop's workers, the lender; both outlive it.
// Thread:  that of its loop.
class BorrowedWorkers final : public WorkerLauncher {
 public:
  // The first loop, from here: nothing is answered inside these calls.
  class Lender {
   public:
    virtual ~Lender() = default;
    virtual void Borrow(uint64_t generation, uint64_t ticket) = 0;  // OnLoan() follows, once
    virtual void GiveBack(uint64_t loan, std::unique_ptr<WorkerKit> kit) = 0;
  };

  BorrowedWorkers(WorkerContext& context, Lender& lender) : context_(context), lender_(lender) {}

  void Launch(const std::shared_ptr<const FunctionVersion>& version, OnWorker done) override;
  void Forget(const FunctionVersion&) override {}  // the first loop knows when nobody asks any more
  void OnLoan(uint64_t ticket, Result<WorkerLoan> loan);
  // Of one that may have been given back meanwhile.
  void OnNews(uint64_t loan, const WorkerNews& news);

 private:
  class BorrowedWorker;
  struct Asked {
    std::shared_ptr<const FunctionVersion> version;
    OnWorker done;
  };

  WorkerContext& context_;
  Lender& lender_;
  uint64_t next_ticket_ = 1;
  std::map<uint64_t, Asked> asked_;               // by ticket
  std::map<uint64_t, BorrowedWorker*> borrowed_;  // by loan
};

}  // namespace hearth
