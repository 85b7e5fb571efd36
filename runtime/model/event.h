#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/ids.h"
#include "runtime/base/unique_fd.h"

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

// The file that an event is about, open for one attempt: read-only, with an offset of its own, from a place that
// gives its holder no way to change anything. The worker refuses it if it is not what it was by then.
struct EventObject {
  UniqueFd fd;         // closed once the worker has it; not there: `problem` says why
  uint64_t inode = 0;  // what the file was when the event was made, as stat() tells it
  uint64_t size = 0;   // bytes
  int64_t mtime_ns = 0;
  int64_t ctime_ns = 0;
  std::string problem;
};

class ResponseStream;

// Functions that may run one after the other because of each other: Lambda's number. The output or call of the last
// leads to nothing more.
inline constexpr uint32_t kHopsMax = 16;

// One event on its way to a function. A trigger makes it, the router settles it, once.
struct Event {
  RequestId request_id;   // the same over all attempts
  std::string function;   // name
  std::string qualifier;  // "", "$LATEST", a version number or an alias; "" means $LATEST
  TriggerKind trigger = TriggerKind::kDirect;
  std::string payload;
  std::string content_type = "application/json";
  std::string trace_id;     // X-Amzn-Trace-Id; where none came, one is made when it is accepted
  std::string traceparent;  // W3C Trace Context, both valid or empty: passed on as they came
  std::string tracestate;
  std::string client_context;  // base64 JSON, as it came
  // Of an event that is stored first: another one of the function with the same key is not run, its caller hears of
  // the first. "": none.
  std::string idempotency_key;
  uint32_t attempt = 1;
  LogTail log_tail = LogTail::kNone;
  uint32_t hops = 0;                    // functions whose output led to it, one after the other
  std::shared_ptr<EventObject> object;  // of a bucket's event
  bool is_call = false;  // of a handler that waits for it: part of an invocation that is under way
  // The latest that it waits for a worker, where its function's timeout does not end that earlier.
  MonotonicTime wait_until = MonotonicTime::max();
  std::shared_ptr<ResponseStream> stream;  // takes the answer piece by piece; none: it is told whole
};

}  // namespace hearth
