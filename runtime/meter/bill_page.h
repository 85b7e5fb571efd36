#pragma once

#include <string>
#include <string_view>

#include "runtime/meter/account_state.h"
#include "runtime/meter/bill.h"

namespace hearth {

// A bill as one page of HTML: plots (inline SVG), totals, a table of functions and one of all lines. It fetches
// nothing and runs no script; light and dark as the reader's system is. Names are escaped.
std::string BillPage(const Bill& bill, const AccountState& account, WallTime now);

inline constexpr size_t kPageLinesMax = 5'000;  // more are said to be left out; the CSV has all

std::string EscapeHtml(std::string_view text);

}  // namespace hearth
