#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "runtime/base/weak_ptr.h"
#include "runtime/loop/executor.h"
#include "runtime/loop/offload.h"
#include "runtime/meter/account.h"
#include "runtime/meter/meter.h"

namespace hearth {

// What bills are made of, as it was at one moment. Any thread; never changes.
struct BillBasis {
  std::shared_ptr<const AccountState> account;
  MeterView usage;
  WallTime now{};
};

// Has bills made away from the loop, one after the other: rating a month of many functions takes seconds.
//
// Owned by the daemon. Borrows: meter, account, executor, offload; all outlive it.
// Thread:  loop thread; work runs on the offload's, with a basis that was taken when it was ordered.
// Limits:  kWaitingMax pieces of work ordered and not done; one more is refused.
// Promise: no `done` runs after the destructor returns.
class BillMaker final {
 public:
  static constexpr size_t kWaitingMax = 64;

  BillMaker(const Meter& meter, const Account& account, Executor& executor, Offload& offload)
      : meter_(meter), account_(account), executor_(executor), offload_(offload) {}

  // What reads the ledger meanwhile ends at its next record.
  ~BillMaker() { stop_->store(true, std::memory_order_relaxed); }

  BillBasis Basis() const {
    BillBasis basis{account_.Snapshot(), meter_.View(), executor_.clock().WallNow()};
    basis.usage.StopOn(stop_);
    return basis;
  }

  // `work` may not touch anything but values of its own. kThrottled: neither of the two will run.
  template <class T>
  Status Make(std::function<T(const BillBasis&)> work, std::function<void(T)> done) {
    if (waiting_ >= kWaitingMax) {
      return Error{ErrorCode::kThrottled, "make a bill: " + std::to_string(waiting_) +
                                              " are being made or wait for it; ask again when they are done"};
    }
    ++waiting_;
    RunOn<T>(
        offload_, executor_, [basis = Basis(), work = std::move(work)] { return work(basis); },
        [weak = weak_.Get(), done = std::move(done)](T made) {
          if (!weak) return;
          --weak->waiting_;
          done(std::move(made));
        });
    return Ok();
  }

 private:
  // Borrowed.
  const Meter& meter_;
  const Account& account_;
  Executor& executor_;
  Offload& offload_;
  // Mutable.
  const std::shared_ptr<std::atomic<bool>> stop_ = std::make_shared<std::atomic<bool>>(false);
  size_t waiting_ = 0;
  WeakPtrFactory<BillMaker> weak_{this};
};

}  // namespace hearth
