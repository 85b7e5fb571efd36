#pragma once

#include <string>
#include <string_view>

#include "runtime/control/json_members.h"
#include "runtime/meter/bill.h"

namespace hearth {

// How the rows of a bill are grouped.
struct BillBy {
  enum class What { kFunction, kVersion, kPlan, kTag };
  What what = What::kFunction;
  std::string tag_key;  // "cost-center" unless another was asked for

  // "function", "version", "plan", "tag", "tag:KEY".
  static Result<BillBy> Parse(std::string_view text);
  std::string Name() const;
  std::string KeyOf(const BillLine& line) const;
};

enum class BillLines { kLeftOut, kShown };

// Rows, what concerns the account, invoices and total; each line too when they are shown. Amounts are decimal
// strings.
Json BillJson(const Bill& bill, const AccountState& account, const BillBy& by, BillLines lines);
Json LineJson(const BillLine& line);
Json UsageJson(const UsageTotals& usage);
// A row a line each, RFC 4180; one of names first.
std::string BillCsv(const Bill& bill);

}  // namespace hearth
