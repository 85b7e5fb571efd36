#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <hearth/abi.h>
#include <hearth/call.h>
#include <hearth/context.h>
#include <hearth/error.h>
#include <nlohmann/json.hpp>

// The worker's side of the C ABI for an author's tests: what <hearth/testing.h> gives a handler to talk to.

namespace hearth::testing {

struct LogRecord {
  LogLevel level = LogLevel::kInfo;
  std::string message;
  json fields;  // null if none were given
};

// Why an entry point failed.
struct Failure {
  std::string type;
  std::string message;
  std::string stack;
};

// One call of another function.
struct CallRecord {
  std::string function;  // as the handler wrote it
  std::string qualifier;
  std::string payload;
  bool async = false;
};

struct InvokeResult {
  std::optional<Failure> failure;
  std::string response;
  std::string content_type = "application/json";
  std::vector<LogRecord> logs;  // of this invocation only
  std::vector<CallRecord> calls = {};
  std::vector<std::string> flushed = {};  // what each flush sent, where options.response_streamed

  bool ok() const { return !failure.has_value(); }
  // Throws if the response is not JSON, which is what a test wants.
  json response_json() const { return json::parse(response); }
};

// Stands in for a function that the handler calls: gets the payload, gives the answer. One that throws fails as a
// handler would.
using FakeFunction = std::function<std::string(std::string_view payload)>;

// What an invocation is told beyond its payload; each has a value that most tests can leave.
struct InvokeOptions {
  std::string request_id = "00000000-0000-4000-8000-000000000000";
  std::chrono::nanoseconds timeout = std::chrono::seconds(3);
  std::string function_name = "test-function";
  std::string function_version = "$LATEST";
  std::string function_arn = "arn:aws:lambda:us-east-1:000000000000:function:test-function";
  std::string content_type = "application/json";
  std::string trace_id = {};
  std::string client_context = {};
  std::uint64_t memory_limit_bytes = 128ull << 20;
  Trigger trigger = Trigger::kDirect;
  std::uint32_t attempt = 1;
  std::optional<bool> cold = {};  // unset: true for a runner's first invocation
  bool snap_start = false;
  std::string object_path = {};  // the file that the invocation finds open; "": none
  std::uint32_t hops = 0;
  bool response_streamed = false;
  std::string traceparent = {};
  std::string tracestate = {};
  // What the handler may call, by the name that it uses; another one is ResourceNotFoundException.
  std::map<std::string, FakeFunction, std::less<>> functions = {};
};

// The host of one handler: keeps what it says. One thread calls it; log and remaining time may come from any.
class FakeHost final {
 public:
  FakeHost() {
    table_ = {sizeof(struct hearth_host),
              0,
              this,
              &Log,
              &RemainingTime,
              &Write,
              &ContentType,
              &Fail,
              &Call,
              &Flush};
  }
  FakeHost(const FakeHost&) = delete;
  FakeHost& operator=(const FakeHost&) = delete;

  const struct hearth_host* table() const { return &table_; }
  // `options` lives until Finish().
  void Begin(const InvokeOptions& options) {
    result_ = {};
    deadline_ = std::chrono::steady_clock::now() + options.timeout;
    options_ = &options;
  }
  InvokeResult Finish(int returned) {
    const std::lock_guard lock(mutex_);
    if (returned == 0) {
      result_.failure.reset();
    } else if (!result_.failure) {
      result_.failure = Failure{"Function.Error", "the handler returned " + std::to_string(returned), {}};
    }
    return std::exchange(result_, {});
  }

 private:
  static FakeHost& Of(const struct hearth_host* host) { return *static_cast<FakeHost*>(host->opaque); }
  static std::string Text(struct hearth_bytes bytes) { return std::string(internal::ViewOf(bytes)); }

  static void Log(const struct hearth_host* host, std::uint32_t level, struct hearth_bytes message,
                  struct hearth_bytes fields) {
    json parsed = fields.size == 0 ? json() : json::parse(internal::ViewOf(fields));
    const std::lock_guard lock(Of(host).mutex_);
    Of(host).result_.logs.push_back({static_cast<LogLevel>(level), Text(message), std::move(parsed)});
  }
  static std::int64_t RemainingTime(const struct hearth_host* host) {
    return std::chrono::nanoseconds(Of(host).deadline_ - std::chrono::steady_clock::now()).count();
  }
  static int Write(const struct hearth_host* host, struct hearth_bytes bytes) {
    if (!bytes.data && bytes.size > 0) return HEARTH_INVALID;
    Of(host).result_.response += internal::ViewOf(bytes);
    return HEARTH_OK;
  }
  static int ContentType(const struct hearth_host* host, struct hearth_bytes type) {
    Of(host).result_.content_type = Text(type);
    return HEARTH_OK;
  }
  static int Fail(const struct hearth_host* host, struct hearth_bytes type, struct hearth_bytes message,
                  struct hearth_bytes stack) {
    Of(host).result_.failure = Failure{Text(type), Text(message), Text(stack)};
    return HEARTH_OK;
  }

  static int Flush(const struct hearth_host* host) {
    InvokeResult& result = Of(host).result_;
    std::size_t sent = 0;
    for (const std::string& piece : result.flushed) sent += piece.size();
    if (Of(host).options_->response_streamed && sent < result.response.size())
      result.flushed.push_back(result.response.substr(sent));
    return HEARTH_OK;
  }
  // The answer, or why there is none.
  static int Call(const struct hearth_host* host, const struct hearth_call* call,
                  struct hearth_reply* reply) {
    FakeHost& self = Of(host);
    const std::string name = Text(call->function);
    const bool async = call->type == HEARTH_CALL_EVENT;
    self.result_.calls.push_back({name, Text(call->qualifier), Text(call->payload), async});
    const auto found = self.options_->functions.find(name);
    self.reply_ = {};
    std::uint32_t status = HEARTH_CALL_REFUSED;
    Failure why;
    if (self.options_->hops + 1 >= kHopsMax) {
      why = {"RecursiveInvocationException", "Hearth.HopLimit: is it a circle?", {}};
    } else if (found == self.options_->functions.end()) {
      why = {"ResourceNotFoundException", "the test has no function " + name, {}};
    } else {
      status =
          async ? static_cast<std::uint32_t>(HEARTH_CALL_OK) : Answer(found->second, *call, self.reply_, why);
      self.reply_.request_id = "00000000-0000-4000-8000-" + std::to_string(100'000'000'000 + self.calls_++);
    }
    self.failure_ = why;
    reply->status = status;
    reply->payload = internal::BytesOf(self.reply_.payload);
    reply->content_type = internal::BytesOf(self.reply_.content_type);
    reply->error_type = internal::BytesOf(self.failure_.type);
    reply->error_message = internal::BytesOf(self.failure_.message);
    reply->request_id = internal::BytesOf(self.reply_.request_id);
    reply->executed_version = internal::BytesOf(self.reply_.executed_version);
    return HEARTH_OK;
  }
  static std::uint32_t Answer(const FakeFunction& function, const struct hearth_call& call, CallReply& reply,
                              Failure& why) {
    reply.content_type = "application/json";
    reply.executed_version = "$LATEST";
    try {
      reply.payload = function(internal::ViewOf(call.payload));
      return HEARTH_CALL_OK;
    } catch (...) {
      const internal::ErrorText said = internal::DescribeCurrentException();
      why = {said.type, said.message, said.stack};
      reply.payload = json({{"errorType", said.type}, {"errorMessage", said.message}}).dump();
      return HEARTH_CALL_FUNCTION_ERROR;
    }
  }

  static constexpr std::uint32_t kHopsMax = 16;

  struct hearth_host table_;
  const InvokeOptions* options_ = nullptr;
  CallReply reply_;  // of the last call, with failure_
  Failure failure_;
  std::uint64_t calls_ = 0;
  std::mutex mutex_;  // over result_.logs, which threads of the handler add to
  InvokeResult result_;
  std::chrono::steady_clock::time_point deadline_;
};

}  // namespace hearth::testing
