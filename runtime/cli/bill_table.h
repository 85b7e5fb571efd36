#pragma once

#include <string>

#include "runtime/base/result.h"
#include "runtime/cli/session.h"

namespace hearth::cli {

// The API's bill as a table: a row a function (or version), what concerns all of them, the total. Amounts are
// added as exact decimals, never as floating point.
std::string BillText(const Json& bill);
// Its lines, each with the id that `hearth bill explain` takes.
std::string BillLinesText(const Json& bill);

}  // namespace hearth::cli
