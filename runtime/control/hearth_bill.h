#pragma once

#include "runtime/base/clock.h"
#include "runtime/control/api_call.h"
#include "runtime/meter/meter.h"
#include "runtime/meter/price_book.h"

namespace hearth {

// GET /_hearth/v1/bill?from=&to=&by=function|version: what was used and what it costs, from the ledger alone.
//
// Borrows: everything; all outlive it.
// Thread:  loop thread.
class HearthBill final {
 public:
  HearthBill(const Meter& meter, const PriceBook& prices, const Clock& clock)
      : meter_(meter), prices_(prices), clock_(clock) {}

  void Get(const ApiCallPtr& call);

 private:
  Result<Period> ReadPeriod(const ApiCall& call) const;

  const Meter& meter_;
  const PriceBook& prices_;
  const Clock& clock_;
};

enum class BillBy { kFunction, kVersion };
Json BillJson(const Meter::Bill& bill, BillBy by);

// "2026-11-23", "2026-11-23T09:11:50Z", "2026-11-23T09:11:50.911Z"; UTC.
Result<WallTime> ParseUtcTime(std::string_view text);

}  // namespace hearth
