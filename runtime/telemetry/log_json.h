#pragma once

#include <string>

#include "runtime/telemetry/log_line.h"

namespace hearth {

// A line in the JSON format, one object without a line break (docs/logs.md): what a handler logged and printed as Lambda's
// runtimes write it, what was printed as a JSON object as it was printed, what the platform says as its event.
std::string LogEntryJson(const StoredLogLine& line);

}  // namespace hearth
