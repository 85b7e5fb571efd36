#pragma once

#include <functional>
#include <map>
#include <string>

#include "runtime/base/result.h"
#include "runtime/store/queue_store.h"

namespace hearth {

// Where word is sent of an event that has ended: a queue of this daemon, another function, ... Named by an ARN.
// Whoever has such word (asynchronous events, a bucket's notifications) knows no more of the kinds than this.
//
// Thread: loop thread; callbacks run later, never inside the call, exactly once.
// Errors of both:
//   kInvalidArgument  no ARN, or of a kind that nothing here answers to: trying again is no use
//   kNotFound         there is no such queue or function (any more): nor here
//   kTooLarge         more than it takes; the message names both sizes: nor here
//   others            may pass; send again, with the same idempotency key
class Destination {
 public:
  using OnDone = std::function<void(Status)>;

  struct Message {
    std::string body{};  // JSON
    // Of a queue's message; a function does not see them.
    std::map<std::string, MessageAttribute> attributes{};
    // Sent again under the same key it is stored once, as long as the store remembers: 5 minutes in a queue, as long as
    // invocations are kept for a function. Up to kIdempotencyKeyBytesMax; "": each time anew.
    std::string idempotency_key{};
    // Of the event that it is about: passed on.
    std::string trace_id{};
    std::string traceparent{};
    std::string tracestate{};
    uint32_t hops = 0;  // functions that led to this message, one after the other
  };

  virtual ~Destination() = default;

  // Whether something of that name could be sent to now.
  virtual void Check(std::string arn, OnDone checked) = 0;
  // `stored` with Ok() once the message survives kill -9 and power loss there.
  virtual void Send(std::string arn, Message message, OnDone stored) = 0;
};

}  // namespace hearth
