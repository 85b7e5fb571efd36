#pragma once

#include <string>

#include "runtime/base/result.h"
#include "runtime/cli/session.h"

namespace hearth::cli {

// "2026-11" as the query "from=2026-11-01&to=2026-12-01"; kInvalidArgument for anything else.
Result<std::string> QueryOfMonth(const std::string& month);

// The API's bill as a table: a row a function (or version), what concerns all of them, the total. Amounts are
// added as exact decimals, never as floating point.
std::string BillText(const Json& bill);

}  // namespace hearth::cli
