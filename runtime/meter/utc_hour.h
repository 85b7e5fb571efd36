#pragma once

#include <chrono>

#include "runtime/base/clock.h"

namespace hearth {

// An hour of UTC, [start, start + 1 h), by its start: what is rated as one.
using UtcHour = std::chrono::sys_time<std::chrono::hours>;
using UtcDay = std::chrono::sys_days;

inline UtcHour HourOf(WallTime time) { return std::chrono::floor<std::chrono::hours>(time); }
inline UtcDay DayOf(WallTime time) { return std::chrono::floor<std::chrono::days>(time); }

}  // namespace hearth
