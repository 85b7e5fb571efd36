#pragma once

#include "runtime/base/clock.h"
#include "runtime/control/api_call.h"
#include "runtime/control/bill_json.h"
#include "runtime/meter/account.h"
#include "runtime/meter/focus_csv.h"
#include "runtime/meter/meter.h"

namespace hearth {

// Bills, from the ledger alone:
//   GET  /_hearth/v1/bill?month=|from=&to=&by=&format=&lines=   what was used and what it costs
//   GET  /_hearth/v1/bill/lines/{id}?after=&limit=              the invocations behind a line
//   POST /_hearth/v1/bill/re-rate?month=                        the same bill from the ledger's records
//   GET  /_hearth/v1/bill/advice?days=&term_hours=              which commitment would have been cheapest
//
// Borrows: everything; all outlive it.
// Thread:  loop thread; a bill blocks it while it is made (docs/benchmarks.md, "Rating").
class HearthBill final {
 public:
  HearthBill(const Meter& meter, const Account& account, const Clock& clock, FocusIssuer issuer)
      : meter_(meter), account_(account), clock_(clock), issuer_(std::move(issuer)) {}

  void Get(const ApiCallPtr& call);
  void Explain(const ApiCallPtr& call);
  void Rerate(const ApiCallPtr& call);
  void Advise(const ApiCallPtr& call);

 private:
  Result<Period> ReadPeriod(const ApiCall& call) const;
  Result<Bill> Make(const RowSource& usage, Period period) const;
  Status Answer(const ApiCallPtr& call) const;
  Result<Json> Explained(const ApiCall& call) const;
  Result<Json> Rerated(const ApiCall& call) const;

  const Meter& meter_;
  const Account& account_;
  const Clock& clock_;
  const FocusIssuer issuer_;
};

// "2026-11-23", "2026-11-23T09:11:50Z", "2026-11-23T09:11:50.911Z"; UTC.
Result<WallTime> ParseUtcTime(std::string_view text);

}  // namespace hearth
