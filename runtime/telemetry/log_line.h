#pragma once

#include <cstdint>
#include <string>

#include "runtime/base/clock.h"
#include "runtime/model/log_settings.h"
#include "runtime/model/observers.h"

namespace hearth {

// One line as it is kept: escaped, so that it can be shown anywhere and cannot look like two.
struct StoredLogLine {
  uint64_t number = 0;  // over all functions, ascending; the cursor of a reader
  WallTime time{};
  LogSource source = LogSource::kHandler;
  uint8_t level = 2;
  std::string version = {};
  std::string request_id = {};
  std::string message = {};
  std::string fields_json = {};         // of the platform: its event, where there is one
  LogFormat format = LogFormat::kText;  // of its version, when it is read
  friend bool operator==(const StoredLogLine&, const StoredLogLine&) = default;
};

// Lambda's text form: time, request id, level and message between tabs for what a handler logged; the message
// alone for raw output and for lines of the platform (START, END, REPORT). In the JSON format, its object.
std::string ToText(const StoredLogLine& line);

}  // namespace hearth
