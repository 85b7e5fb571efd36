#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/ids.h"

namespace hearth {

// What made an event. The numbers are those of the C ABI (hearth/abi.h) and of the ledger: append only.
enum class TriggerKind : uint8_t {
  kDirect = 0,
  kHttp = 1,
  kQueue = 2,
  kBucket = 3,
  kSchedule = 4,
  kTopic = 5
};
std::string_view NameOf(TriggerKind kind);

enum class LogTail { kNone, kTail };

// One event on its way to a function. A trigger makes it, the router settles it, once.
struct Event {
  RequestId request_id;   // the same over all attempts
  std::string function;   // name
  std::string qualifier;  // "", "$LATEST", a version number or an alias; "" means $LATEST
  TriggerKind trigger = TriggerKind::kDirect;
  std::string payload;
  std::string content_type = "application/json";
  std::string trace_id;        // X-Amzn-Trace-Id, passed on as it came
  std::string client_context;  // base64 JSON, as it came
  uint32_t attempt = 1;
  LogTail log_tail = LogTail::kNone;
};

}  // namespace hearth
