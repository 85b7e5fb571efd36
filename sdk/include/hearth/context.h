#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include <hearth/abi.h>
#include <hearth/call.h>
#include <hearth/input_object.h>
#include <hearth/response_writer.h>
#include <hearth/text_coding.h>
#include <nlohmann/json.hpp>

// What a handler may ask about the invocation it runs, and where it logs.

namespace hearth {

using json = nlohmann::json;

enum class LogLevel : std::uint32_t {
  kTrace = HEARTH_LOG_TRACE,
  kDebug = HEARTH_LOG_DEBUG,
  kInfo = HEARTH_LOG_INFO,
  kWarn = HEARTH_LOG_WARN,
  kError = HEARTH_LOG_ERROR,
  kFatal = HEARTH_LOG_FATAL,
};

// A newer platform may send a number that is not listed here.
enum class Trigger : std::uint32_t {
  kDirect = HEARTH_TRIGGER_DIRECT,
  kHttp = HEARTH_TRIGGER_HTTP,
  kQueue = HEARTH_TRIGGER_QUEUE,
  kBucket = HEARTH_TRIGGER_BUCKET,
  kSchedule = HEARTH_TRIGGER_SCHEDULE,
  kTopic = HEARTH_TRIGGER_TOPIC,
};

// {{"key", key}, {"bytes", size}}
using LogFields = std::initializer_list<std::pair<std::string_view, json>>;

namespace internal {

inline std::string_view ViewOf(hearth_bytes bytes) { return {bytes.data, bytes.size}; }
inline hearth_bytes BytesOf(std::string_view text) { return {text.data(), text.size()}; }

// Bytes that are not UTF-8 are replaced, since a log line that cannot be written must not fail an invocation.
inline std::string DumpLenient(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace internal

// Log lines and the clock: what init and an invocation have in common. Any thread of the handler may use
// these while a call is running.
class Host {
 public:
  explicit Host(const hearth_host* host) : host_(host) {}

  void log(LogLevel level, std::string_view message, LogFields fields = {}) const {
    std::string text;
    if (fields.size() > 0) {
      json object = json::object();
      for (const auto& [key, value] : fields) object[std::string(key)] = value;
      text = internal::DumpLenient(object);
    }
    const std::string clean = internal::ToUtf8(message);
    host_->log(host_, static_cast<std::uint32_t>(level), internal::BytesOf(clean), internal::BytesOf(text));
  }
  void Debug(std::string_view message, LogFields fields = {}) const {
    log(LogLevel::kDebug, message, fields);
  }
  void Info(std::string_view message, LogFields fields = {}) const { log(LogLevel::kInfo, message, fields); }
  void Warn(std::string_view message, LogFields fields = {}) const { log(LogLevel::kWarn, message, fields); }
  void Error(std::string_view message, LogFields fields = {}) const {
    log(LogLevel::kError, message, fields);
  }

  // Until the worker is killed for running too long. Negative once past; nanoseconds::max() if there is no
  // deadline.
  std::chrono::nanoseconds remaining_time() const {
    return std::chrono::nanoseconds(host_->remaining_time_ns(host_));
  }

 protected:
  const hearth_host* host() const { return host_; }

 private:
  const hearth_host* host_;
};

// Given to the constructor of a stateful handler. Valid until the constructor returns.
class InitContext final : public Host {
 public:
  InitContext(const hearth_host* host, const hearth_init* init) : Host(host), init_(init) {}

  std::string_view function_name() const { return internal::ViewOf(init_->function_name); }
  std::string_view function_version() const { return internal::ViewOf(init_->function_version); }
  std::uint64_t memory_limit() const { return init_->memory_limit_bytes; }  // bytes
  // True: this process will be copied after BeforeCheckpoint(); connections and random seeds belong in
  // AfterRestore().
  bool snap_start() const { return init_->snap_start != 0; }

 private:
  const hearth_init* init_;
};

// Given to each invocation. It and every view it hands out are valid until the handler returns.
class Context final : public Host {
 public:
  Context(const hearth_host* host, const hearth_request* request) : Host(host), request_(request) {}

  std::string_view request_id() const { return internal::ViewOf(request_->request_id); }
  std::string_view function_name() const { return internal::ViewOf(request_->function_name); }
  std::string_view function_version() const { return internal::ViewOf(request_->function_version); }
  std::string_view invoked_function_arn() const { return internal::ViewOf(request_->function_arn); }
  std::string_view trace_id() const { return internal::ViewOf(request_->trace_id); }
  std::string_view client_context() const { return internal::ViewOf(request_->client_context); }
  std::string_view content_type() const {
    return internal::ViewOf(request_->content_type);
  }                                                                            // of the payload
  std::uint64_t memory_limit() const { return request_->memory_limit_bytes; }  // bytes
  Trigger trigger() const { return static_cast<Trigger>(request_->trigger); }
  std::uint32_t attempt() const {
    return request_->attempt;
  }  // from 1; the request id stays the same over retries
  bool cold_start() const { return request_->cold != 0; }  // the first invocation of this worker
  std::chrono::system_clock::time_point deadline() const {
    return std::chrono::system_clock::time_point(std::chrono::milliseconds(request_->deadline_unix_ms));
  }

  // The file of a bucket's event, open. Of an S3Event's record the same is record.content.
  InputObject object() const { return InputObject(request_); }
  // Functions whose output, one after the other, led to this event. An OutputFile counts on by itself.
  std::uint32_t hops() const { return HEARTH_HAS(request_, hops) ? request_->hops : 0; }

  // W3C Trace Context of the request that led to this invocation, valid or empty; trace_id() is X-Amzn-Trace-Id, and
  // never empty.
  std::string_view traceparent() const {
    return HEARTH_HAS(request_, traceparent) ? internal::ViewOf(request_->traceparent) : std::string_view();
  }
  std::string_view tracestate() const {
    return HEARTH_HAS(request_, tracestate) ? internal::ViewOf(request_->tracestate) : std::string_view();
  }

  // Runs another function of this Hearth with that payload, and waits for its answer; this invocation's time, and its
  // bill, go on meanwhile. `function`: name, name:qualifier or ARN. Throws CallError when there is no answer: it
  // failed, it is not there, it is throttled, the call is the 16th within another (Hearth.HopLimit). From the
  // handler's own thread only.
  CallReply invoke(std::string_view function, std::string_view payload,
                   const CallOptions& options = {}) const {
    return internal::CallFunction(host(), HEARTH_CALL_SYNC, function, payload, options);
  }
  template <std::same_as<json> Json>
  CallReply invoke(std::string_view function, const Json& payload, const CallOptions& options = {}) const {
    return invoke(function, std::string_view(payload.dump()), options);
  }
  // Has the event stored, and run later, again if it fails (Lambda's Event). The request id by which `hearth
  // invocations` knows it.
  std::string invoke_async(std::string_view function, std::string_view payload,
                           const CallOptions& options = {}) const {
    return internal::CallFunction(host(), HEARTH_CALL_EVENT, function, payload, options).request_id;
  }
  template <std::same_as<json> Json>
  std::string invoke_async(std::string_view function, const Json& payload,
                           const CallOptions& options = {}) const {
    return invoke_async(function, std::string_view(payload.dump()), options);
  }

  // Whether what is flushed goes to the client at once: a function URL with InvokeMode RESPONSE_STREAM, or
  // InvokeWithResponseStream.
  bool response_streamed() const {
    return HEARTH_HAS(request_, traceparent) && request_->response_streamed != 0;
  }
  // The answer, piece by piece. What the handler returns comes behind it; return void for nothing more.
  ResponseWriter stream(std::string_view content_type = "application/octet-stream") const {
    set_response_content_type(content_type);
    streams_ = true;
    return ResponseWriter(host());
  }
  // The same for a client of HTTP, with a status and headers of its own.
  ResponseWriter stream(const HttpHead& head) const {
    const ResponseWriter writer = stream(internal::kPreludeContentType);
    writer.Write(internal::PreludeOf(head));
    return writer;
  }
  bool streams() const { return streams_; }  // stream() was called

  // Of the response, where it is not JSON: "image/png". Text without line ends.
  void set_response_content_type(std::string_view type) const {
    host()->response_content_type(host(), internal::BytesOf(type));
  }

 private:
  const hearth_request* request_;
  mutable bool streams_ = false;
};

}  // namespace hearth
