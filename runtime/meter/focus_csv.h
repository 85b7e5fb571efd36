#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/meter/account_state.h"
#include "runtime/meter/bill.h"

namespace hearth {

// A bill as FOCUS 1.2 has it (FinOps Open Cost and Usage Specification, focus.finops.org), for tools that
// compare costs. docs/billing.md says which of our lines becomes which row.
struct FocusIssuer {
  std::string account = "000000000000";
  std::string region = "us-east-1";
};

// The names of the columns, in the order of the file: all mandatory ones, and the conditional and recommended
// ones that apply.
const std::vector<std::string_view>& FocusColumns();
// A line's values, one a column; "" is null.
std::vector<std::string> FocusRow(const BillLine& line, const Bill& bill, const AccountState& account,
                                  const FocusIssuer& issuer);
// RFC 4180, with a line of names.
std::string FocusCsv(const Bill& bill, const AccountState& account, const FocusIssuer& issuer);

// A field of a CSV file: quoted where it must be.
std::string CsvField(std::string_view text);
// {"team":"vision"}
std::string TagsAsJson(const Tags& tags);

}  // namespace hearth
