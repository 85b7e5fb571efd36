#pragma once

#include <functional>
#include <string>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/meter/account_state.h"
#include "runtime/meter/bill_line.h"
#include "runtime/meter/meter_view.h"

namespace hearth {

// A calendar month's invoice. Its number is known before it is issued.
struct Invoice {
  std::string id;     // "hearth-2026-11"
  std::string month;  // "2026-11"
  Money total;        // whole cents: the sum of its lines, the rounding one among them
  bool final = false;
};

// What is billed in a period of whole UTC hours, from the ledger alone.
struct Bill {
  Period period;
  std::string currency;
  std::vector<std::string> price_books;  // names and versions of those in force, in the order of time
  std::vector<BillLine> lines;
  std::vector<UsageRow> usage;    // that is billed in it
  std::vector<Invoice> invoices;  // of the months that the period has from their beginning
  Money total;                    // exactly the sum of the lines
};

// Where rows of usage come from: booked in [from, to).
using RowSource = std::function<Result<std::vector<UsageRow>>(UtcHour from, UtcHour to)>;
RowSource KeptUsage(MeterView view);    // the sums that are kept up with each record
RowSource LedgerUsage(MeterView view);  // read from the ledger anew; blocks

// Hours that a period has only a part of are taken whole. What commitments cost is billed up to `now`. A month
// that is there from its beginning to `now` or its end has a rounding line.
Result<Bill> MakeBill(const AccountState& account, const RowSource& usage, Period period, WallTime now);
Period MonthOf(WallTime month_start);

// Every line and amount of a bill, a line each, in one order: bills that are the same have the same text.
std::string CanonicalText(const Bill& bill);

// The line of that id, "2026-11-0123456789ab", from its month's bill. kNotFound, kInvalidArgument.
struct ExplainedLine {
  BillLine line;
  Period started;  // when what it bills began to run
};
Result<ExplainedLine> FindLine(const AccountState& account, const RowSource& usage, std::string_view id,
                               WallTime now);
// Whether this record is billed in that line. `number` is its number in the ledger.
bool IsOfLine(const AccountState& account, const BillLine& line, uint64_t number,
              const InvocationRecord& record);

}  // namespace hearth
