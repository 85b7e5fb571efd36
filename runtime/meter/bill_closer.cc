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

BillCloser::BillCloser(Account& account, BillMaker& bills, Executor& executor, OnFailure on_failure)
    : account_(account),
      bills_(bills),
      executor_(executor),
      wall_at_start_(executor.clock().WallNow()),
      at_start_(executor.clock().Now()),
      on_failure_(std::move(on_failure)) {}

WallTime BillCloser::Now() const {
  return wall_at_start_ + std::chrono::floor<microseconds>(executor_.clock().Now() - at_start_);
}

void BillCloser::Start() { Look(); }

void BillCloser::Look() {
  timer_ = executor_.After(kEvery, [this] { Look(); });
  if (issuing_) return;
  if (const Status closed = account_.CloseThrough(FinalThrough(Now())); !closed.ok())
    return Fail(closed.error());
  if (issued_through_ == account_.state().closed_through()) return;
  issuing_ = true;
  IssueFrom(StartOfMonth(Now() - kOldestMonth));
}

void BillCloser::IssueFrom(WallTime month) {
  const AccountState& state = account_.state();
  while (MonthOf(month).to <= state.closed_through() && state.invoices().contains(ToMonthText(month)))
    month = MonthOf(month).to;
  if (MonthOf(month).to > state.closed_through()) {
    issuing_ = false;
    issued_through_ = state.closed_through();
    return;
  }
  const Status ordered = bills_.Make<Result<InvoiceIssued>>(
      [month, now = Now()](const BillBasis& basis) -> Result<InvoiceIssued> {
        HEARTH_ASSIGN(const Bill bill, MakeBill(*basis.account, KeptUsage(basis.usage), MonthOf(month), now));
        return IssuedInvoice(bill);
      },
      [weak = weak_.Get(), month](const Result<InvoiceIssued>& invoice) {
        if (weak) weak->Issue(month, invoice);
      });
  if (!ordered.ok()) Fail(ordered.error());
}

// A month without lines has no bill.
void BillCloser::Issue(WallTime month, const Result<InvoiceIssued>& invoice) {
  if (!invoice.ok()) return Fail(invoice.error());
  if (invoice->lines > 0) {
    if (const Status issued = account_.IssueInvoice(*invoice); !issued.ok()) return Fail(issued.error());
  }
  IssueFrom(MonthOf(month).to);
}

void BillCloser::Fail(const Error& error) {
  issuing_ = false;
  if (on_failure_) on_failure_(error);
}

}  // namespace hearth
