#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace hearth {

// Levels of what handlers log; the numbers of hearth/abi.h and of log files.
inline constexpr uint8_t kLogTrace = 0, kLogDebug = 1, kLogInfo = 2, kLogWarn = 3, kLogError = 4,
                         kLogFatal = 5;

std::string_view LogLevelName(uint8_t level);  // "TRACE" .. "FATAL"; what is above is "FATAL"
// Upper and lower case; "WARNING" and "CRITICAL", as some libraries have them, are WARN and FATAL.
std::optional<uint8_t> ParseLogLevel(std::string_view name);

}  // namespace hearth
