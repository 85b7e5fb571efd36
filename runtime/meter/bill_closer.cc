#include "runtime/meter/bill_closer.h"

#include "runtime/base/digest.h"
#include "runtime/meter/utc_text.h"

namespace hearth {
namespace {

constexpr std::chrono::hours kEvery{1};
constexpr std::chrono::days kOldestMonth{400};  // of which a bill is still issued, after a long pause

}  // namespace

InvoiceIssued IssuedInvoice(const Bill& month) {
  const Sha256Digest digest = Sha256(CanonicalText(month));
  return {ToMonthText(month.period.from),
          ToHex({reinterpret_cast<const char*>(digest.data()), digest.size()}), month.lines.size(),
          month.total};
}

BillCloser::BillCloser(const Meter& meter, Account& account, Executor& executor, OnFailure on_failure)
    : meter_(meter),
      account_(account),
      executor_(executor),
      wall_at_start_(executor.clock().WallNow()),
      at_start_(executor.clock().Now()),
      on_failure_(std::move(on_failure)) {}

WallTime BillCloser::Now() const {
  return wall_at_start_ + std::chrono::floor<microseconds>(executor_.clock().Now() - at_start_);
}

void BillCloser::Start() { Look(); }

void BillCloser::Look() {
  if (const Status closed = Close(); !closed.ok() && on_failure_) on_failure_(closed.error());
  timer_ = executor_.After(kEvery, [this] { Look(); });
}

Status BillCloser::Close() {
  HEARTH_TRY(account_.CloseThrough(FinalThrough(Now())));
  if (issued_through_ == account_.state().closed_through()) return Ok();
  HEARTH_TRY(IssueInvoices());
  issued_through_ = account_.state().closed_through();
  return Ok();
}

Status BillCloser::IssueInvoices() {
  const AccountState& state = account_.state();
  for (WallTime month = StartOfMonth(Now() - kOldestMonth); MonthOf(month).to <= state.closed_through();
       month = MonthOf(month).to) {
    if (state.invoices().contains(ToMonthText(month))) continue;
    HEARTH_ASSIGN(const Bill bill, MakeBill(state, KeptUsage(meter_), MonthOf(month), Now()));
    if (!bill.lines.empty()) HEARTH_TRY(account_.IssueInvoice(IssuedInvoice(bill)));
  }
  return Ok();
}

}  // namespace hearth
