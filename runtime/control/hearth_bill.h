#pragma once

#include "runtime/base/clock.h"
#include "runtime/control/api_call.h"
#include "runtime/control/bill_json.h"
#include "runtime/meter/bill.h"
#include "runtime/meter/bill_maker.h"
#include "runtime/meter/focus_csv.h"

namespace hearth {

// Bills, from the ledger alone:
//   GET  /_hearth/v1/bill?month=|from=&to=&by=&format=&lines=   what was used and what it costs
//   GET  /_hearth/v1/bill/lines/{id}?after=&limit=              the invocations behind a line
//   POST /_hearth/v1/bill/re-rate?month=                        the same bill from the ledger's records
//   GET  /_hearth/v1/bill/advice?days=&term_hours=              which commitment would have been cheapest
//
// Borrows: the bill maker, the clock; both outlive it.
// Thread:  loop thread; what is asked for is made, and written as text, by the bill maker.
class HearthBill final {
 public:
  HearthBill(BillMaker& bills, const Clock& clock, FocusIssuer issuer)
      : bills_(bills), clock_(clock), issuer_(std::move(issuer)) {}

  void Get(const ApiCallPtr& call);
  void Explain(const ApiCallPtr& call);
  void Rerate(const ApiCallPtr& call);
  void Advise(const ApiCallPtr& call);

 private:
  Result<Period> ReadPeriod(const ApiCall& call) const;
  Status OrderBill(const ApiCallPtr& call);
  Status OrderExplained(const ApiCallPtr& call);
  Status OrderRerated(const ApiCallPtr& call);
  Status OrderAdvice(const ApiCallPtr& call);

  // What the other thread made: a whole answer.
  struct Page {
    std::string content_type;
    std::string body;
  };
  using MakePage = std::function<Result<Page>(const BillBasis&)>;
  Status Order(const ApiCallPtr& call, MakePage make);
  static Result<Page> PageOf(const BillBasis& basis, const Bill& bill, const std::string& format,
                             const BillBy& by, BillLines lines, const FocusIssuer& issuer);

  BillMaker& bills_;
  const Clock& clock_;
  const FocusIssuer issuer_;
};

// "2026-11-23", "2026-11-23T09:11:50Z", "2026-11-23T09:11:50.911Z"; UTC.
Result<WallTime> ParseUtcTime(std::string_view text);

}  // namespace hearth
