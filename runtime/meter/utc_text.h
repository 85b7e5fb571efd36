#pragma once

#include <string>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/meter/utc_hour.h"

namespace hearth {

// Times as they stand in the ledger's account events, in price books and on bills; UTC, always.

// "2026-11-23T09:11:50Z"; with ".911234" where it is no full second.
std::string ToUtcText(WallTime time);
// Also "2026-11-23" and fewer decimals.
Result<WallTime> ParseUtcText(std::string_view text);

std::string ToDateText(UtcDay day);      // "2026-11-23"
std::string ToMonthText(WallTime time);  // "2026-11"
// The month's first moment.
Result<WallTime> ParseMonthText(std::string_view text);

}  // namespace hearth
