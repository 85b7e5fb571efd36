#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <hearth/abi.h>
#include <hearth/error.h>
#include <nlohmann/json.hpp>

// What a call of another function gives back: Context::invoke().

namespace hearth {

struct CallOptions {
  std::string_view qualifier = {};     // a version number or an alias; "": what the name says, else $LATEST
  std::string_view content_type = {};  // "": application/json
  std::chrono::nanoseconds timeout = {};  // the longest to wait; 0: as long as this invocation may still run
};

// The answer of a function that was called. Its own copy: it may be kept.
struct CallReply {
  std::string payload = {};
  std::string content_type = {};
  std::string request_id = {};  // of the invocation that the call made
  std::string executed_version = {};

  // Throws nlohmann::json::parse_error if it is not JSON.
  nlohmann::json payload_json() const { return nlohmann::json::parse(payload); }
};

// A call that gave no answer. One that the handler lets escape fails its invocation with the same type.
class CallError : public FunctionError {
 public:
  CallError(std::uint32_t status, const std::string& function, std::string type, const std::string& message,
            CallReply reply)
      : FunctionError(std::move(type), function + ": " + message),
        status_(status),
        reply_(std::move(reply)) {}

  // The function ran, or may have: what it did may have to be undone.
  bool ran() const { return status_ != HEARTH_CALL_REFUSED; }
  // It did not answer within CallOptions::timeout.
  bool timed_out() const { return status_ == HEARTH_CALL_TIMED_OUT; }
  // Of a function that failed: {"errorType", "errorMessage", "requestId", "stackTrace"}, as Lambda has it. Else "".
  const std::string& payload() const { return reply_.payload; }
  const std::string& request_id() const { return reply_.request_id; }

 private:
  std::uint32_t status_;
  CallReply reply_;
};

namespace internal {

inline CallReply CallFunction(const hearth_host* host, std::uint32_t type, std::string_view function,
                              std::string_view payload, const CallOptions& options) {
  if (!HEARTH_HAS(host, call))
    throw FunctionError("Hearth.Unsupported", "this Hearth is too old for calls of functions (C ABI 1.2)");
  const auto bytes = [](std::string_view text) { return hearth_bytes{text.data(), text.size()}; };
  const auto text = [](hearth_bytes part) { return std::string(part.data ? part.data : "", part.size); };
  const auto timeout = options.timeout.count() > 0 ? static_cast<std::uint64_t>(options.timeout.count()) : 0;
  const hearth_call call = {
      sizeof(hearth_call),         type,   bytes(function), bytes(options.qualifier), bytes(payload),
      bytes(options.content_type), timeout};
  hearth_reply reply = {};
  reply.struct_size = sizeof reply;
  if (const int returned = host->call(host, &call, &reply); returned != HEARTH_OK) {
    throw FunctionError(
        "Hearth.CallNotAllowed",
        returned == HEARTH_INVALID
            ? "the call of a function has an argument that is too long or empty"
            : "functions are called from within an invocation, from the thread that it began on");
  }
  CallReply got{text(reply.payload), text(reply.content_type), text(reply.request_id),
                text(reply.executed_version)};
  if (reply.status == HEARTH_CALL_OK) return got;
  throw CallError(reply.status, std::string(function), text(reply.error_type), text(reply.error_message),
                  std::move(got));
}

}  // namespace internal
}  // namespace hearth
