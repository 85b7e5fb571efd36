#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "runtime/base/clock.h"
#include "runtime/base/units.h"
#include "runtime/model/event.h"

namespace hearth {

// What a handler asks of hearthd beyond its answer: that another function be run. The numbers are those of the C ABI
// (hearth/abi.h).
struct HostCall {
  enum class Type : uint8_t { kSync = 0, kEvent = 1 };
  Type type = Type::kSync;
  std::string function{};   // name, name:qualifier or ARN: as the handler wrote it
  std::string qualifier{};  // may be empty
  std::string content_type{};
  std::string payload{};
  nanoseconds wait_max{0};  // that the caller asked for; 0: none
  // The rest is hearthd's own knowledge, not the worker's.
  const Event* caller = nullptr;  // valid within Call()
  MonotonicTime deadline{};       // of the caller's invocation
};

struct HostReply {
  enum class Status : uint8_t { kOk = 0, kFunctionError = 1, kRefused = 2, kTimedOut = 3 };
  Status status = Status::kRefused;
  std::string payload;
  std::string content_type;
  std::string error_type;
  std::string error_message;
  std::string request_id;
  std::string executed_version;
};

// Calls of functions by handlers: climbs from the worker's channel to the router, which implements it.
//
// Thread:  loop thread; `done` runs later, never inside the call, once unless the call was dropped.
// Limits:  those of any invocation, and kHopsMax. Memory of a call is its worker's own: one at a time.
class HostCalls {
 public:
  using OnReply = std::function<void(HostReply)>;

  virtual ~HostCalls() = default;
  // Never 0.
  virtual uint64_t Call(HostCall call, OnReply done) = 0;
  // Nobody waits any more: `done` will not run. What has begun to run goes on to its end; what waits for a worker does
  // not begin.
  virtual void Drop(uint64_t call) = 0;
};

}  // namespace hearth
