#pragma once

#include <functional>
#include <string>

#include "runtime/loop/executor.h"
#include "runtime/meter/account.h"
#include "runtime/meter/bill.h"
#include "runtime/meter/bill_maker.h"

namespace hearth {

// Days become final 72 hours after their end (billing reference 1.7).
inline constexpr std::chrono::hours kFinalAfter{72};

// The first moment that is not final yet.
inline UtcHour FinalThrough(WallTime now) { return DayOf(now - kFinalAfter); }

// Closes days, and issues the bills of months that are closed whole.
//
// Owned by the daemon. Borrows: account, bill maker, executor; all outlive it.
// Thread:  loop thread; looks once an hour. Bills are made by the bill maker.
// Clock:   the wall clock of the start, then the monotonic one: a wall clock that is set forward by mistake
//          closes nothing.
// Failure: told to `on_failure`; tried again in an hour.
// Promise: no callback runs after the destructor returns.
class BillCloser final {
 public:
  using OnFailure = std::function<void(const Error&)>;

  BillCloser(Account& account, BillMaker& bills, Executor& executor, OnFailure on_failure);
  void Start();

 private:
  WallTime Now() const;
  void Look();
  // The bill of the first month from `month` on that is closed and has none, then the next one's.
  void IssueFrom(WallTime month);
  void Issue(WallTime month, const Result<InvoiceIssued>& invoice);
  void Fail(const Error& error);

  // Borrowed.
  Account& account_;
  BillMaker& bills_;
  Executor& executor_;
  // Constant after construction.
  const WallTime wall_at_start_;
  const MonotonicTime at_start_;
  const OnFailure on_failure_;
  // Mutable.
  bool issuing_ = false;
  UtcHour issued_through_{};
  Timer timer_;
  WeakPtrFactory<BillCloser> weak_{this};
};

// The event that fixes a month's bill.
InvoiceIssued IssuedInvoice(const Bill& month);

}  // namespace hearth
