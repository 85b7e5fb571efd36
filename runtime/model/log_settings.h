#pragma once

#include <cstdint>
#include <string_view>

#include "runtime/base/log_levels.h"

namespace hearth {

enum class LogFormat : uint8_t { kText = 0, kJson = 1 };

// Lambda's LoggingConfig. The text format knows no levels: nothing is left out of it.
struct LogSettings {
  LogFormat format = LogFormat::kText;
  uint8_t application_level = kLogTrace;  // what a handler logs and prints below it is not kept
  uint8_t system_level = kLogTrace;       // what the platform says below it is not shown
  friend bool operator==(const LogSettings&, const LogSettings&) = default;
};

// Of the JSON format where no level is asked for.
inline constexpr LogSettings kJsonLogDefault{LogFormat::kJson, kLogInfo, kLogInfo};

// Whether a line that was printed is a JSON object: the JSON format keeps it as it is.
bool IsJsonLine(std::string_view line);
// Of a printed line in the JSON format: what the "level" of a JSON object says, INFO where nothing does.
uint8_t LevelOfPrinted(std::string_view line);

}  // namespace hearth
