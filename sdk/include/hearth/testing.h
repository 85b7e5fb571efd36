#pragma once

#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <hearth/abi.h>
#include <hearth/context.h>
#include <hearth/handler.h>
#include <hearth/sample_events.h>
#include <nlohmann/json.hpp>

// Calls a handler in the author's own unit test, with no runtime: same C boundary, no sandbox, no time limit.
//
//     auto result = hearth::testing::Invoke(&Greet, R"({"name":"Ada"})");
//     CHECK(result.ok());
//     CHECK(result.response == R"({"greeting":"hello Ada"})");

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

struct InvokeResult {
  std::optional<Failure> failure;
  std::string response;
  std::string content_type = "application/json";
  std::vector<LogRecord> logs;  // of this invocation only

  bool ok() const { return !failure.has_value(); }
  // Throws if the response is not JSON, which is what a test wants.
  json response_json() const { return json::parse(response); }
};

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
};

// The host of one handler: keeps what it says. One thread calls it; log and remaining time may come from any.
class FakeHost final {
 public:
  FakeHost() {
    table_ = {sizeof(struct hearth_host), 0, this, &Log, &RemainingTime, &Write, &ContentType, &Fail};
  }
  FakeHost(const FakeHost&) = delete;
  FakeHost& operator=(const FakeHost&) = delete;

  const struct hearth_host* table() const { return &table_; }
  void Begin(std::chrono::nanoseconds timeout) {
    result_ = {};
    deadline_ = std::chrono::steady_clock::now() + timeout;
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

  struct hearth_host table_;
  std::mutex mutex_;  // over result_.logs, which threads of the handler add to
  InvokeResult result_;
  std::chrono::steady_clock::time_point deadline_;
};

// One worker's life: init on the first Invoke() (or Init()), any number of invocations, shutdown in the
// destructor.
class Runner final {
 public:
  // `function` and `state` outlive the runner. A state that is given is used instead of what init would make.
  explicit Runner(const struct hearth_function* function, void* state = nullptr)
      : function_(function), state_(state) {
    if (function->abi_version != HEARTH_ABI_VERSION) {
      throw std::runtime_error("the handler has ABI version " + std::to_string(function->abi_version) +
                               ", this header knows " + std::to_string(HEARTH_ABI_VERSION));
    }
  }
  ~Runner() {
    if (ready_ && function_->shutdown) function_->shutdown(host_.table(), state_);
  }
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  // What init said; a failure stands for all later calls too.
  const InvokeResult& Init(const InvokeOptions& options = {}) {
    if (init_result_) return *init_result_;
    host_.Begin(options.timeout);
    int returned = 0;
    if (function_->init) {
      const struct hearth_init init = {sizeof(struct hearth_init),
                                       options.snap_start ? 1u : 0u,
                                       options.memory_limit_bytes,
                                       internal::BytesOf(options.function_name),
                                       internal::BytesOf(options.function_version),
                                       internal::BytesOf(options.function_arn)};
      returned = function_->init(host_.table(), &init, &state_);
    }
    if (returned == 0 && options.snap_start) returned = CheckpointAndRestore();
    init_result_ = host_.Finish(returned);
    ready_ = init_result_->ok();
    return *init_result_;
  }

  InvokeResult Invoke(std::string_view payload, const InvokeOptions& options = {}) {
    if (!Init(options).ok()) return *init_result_;
    host_.Begin(options.timeout);
    const bool cold = options.cold.value_or(!std::exchange(used_, true));
    struct hearth_request request = Request(payload, options, cold);
    request.hops = options.hops;
    if (!options.object_path.empty()) OpenObject(options.object_path, request);
    const int returned = function_->invoke(host_.table(), &request, state_);
    if (request.object_fd >= 0) ::close(request.object_fd);
    return host_.Finish(returned);
  }

 private:
  int CheckpointAndRestore() {
    int returned = function_->before_checkpoint ? function_->before_checkpoint(host_.table(), state_) : 0;
    if (returned == 0 && function_->after_restore) returned = function_->after_restore(host_.table(), state_);
    return returned;
  }
  static void OpenObject(const std::string& path, struct hearth_request& request) {
    request.object_fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    request.object_state = request.object_fd >= 0 ? HEARTH_OBJECT_OPEN : HEARTH_OBJECT_GONE;
    static constexpr char kGone[] = "the test's object is not there";
    if (request.object_fd < 0) request.object_problem = {kGone, sizeof kGone - 1};
  }
  static struct hearth_request Request(std::string_view payload, const InvokeOptions& options, bool cold) {
    using std::chrono::system_clock;
    const auto wall = system_clock::now().time_since_epoch() + options.timeout;
    const auto monotonic = std::chrono::steady_clock::now().time_since_epoch() + options.timeout;
    return {sizeof(struct hearth_request),
            static_cast<std::uint32_t>(options.trigger),
            options.attempt,
            cold ? 1u : 0u,
            internal::BytesOf(payload),
            internal::BytesOf(options.content_type),
            internal::BytesOf(options.request_id),
            std::chrono::duration_cast<std::chrono::milliseconds>(wall).count(),
            std::chrono::duration_cast<std::chrono::nanoseconds>(monotonic).count(),
            options.memory_limit_bytes,
            internal::BytesOf(options.function_name),
            internal::BytesOf(options.function_version),
            internal::BytesOf(options.function_arn),
            internal::BytesOf(options.trace_id),
            internal::BytesOf(options.client_context),
            HEARTH_OBJECT_NONE,
            -1,
            {nullptr, 0},
            0,
            0};
  }

  const struct hearth_function* const function_;
  FakeHost host_;
  void* state_;
  std::optional<InvokeResult> init_result_;
  bool ready_ = false;
  bool used_ = false;
};

// The table of a library that is loaded now and stays loaded: unloading code that may have threads is not
// safe.
inline const struct hearth_function* LoadLibrary(const std::string& path,
                                                 const char* symbol = HEARTH_DEFAULT_SYMBOL) {
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) throw std::runtime_error(std::string("cannot load the handler: ") + ::dlerror());
  void* entry = ::dlsym(library, symbol);
  if (!entry)
    throw std::runtime_error(path + " does not export " + symbol + "; has it a HEARTH_HANDLER(...)?");
  return reinterpret_cast<hearth_function_getter>(entry)();
}

// The table that HEARTH_HANDLER(T) would export, for a handler class: Runner runner(FunctionOf<Resizer>());
template <class T>
const struct hearth_function* FunctionOf() {
  return &internal::ClassBinding<T>::kFunction;
}

namespace internal_testing {

template <class T>
int ServeBorrowed(const struct hearth_host* host, const struct hearth_request* request,
                  void* state) noexcept {
  T& callable = *static_cast<T*>(state);
  if constexpr (std::is_pointer_v<T>) {
    return internal::Serve<decltype(internal::SignatureOf<T>())>(callable, host, request);
  } else {
    return internal::ServeObject(callable, host, request);
  }
}

template <class T>
InvokeResult InvokeBorrowed(T& callable, std::string_view payload, const InvokeOptions& options) {
  static constexpr struct hearth_function kFunction = {HEARTH_ABI_VERSION,
                                                       sizeof(struct hearth_function),
                                                       nullptr,
                                                       &ServeBorrowed<T>,
                                                       nullptr,
                                                       nullptr,
                                                       nullptr};
  return Runner(&kFunction, const_cast<std::remove_const_t<T>*>(&callable)).Invoke(payload, options);
}

}  // namespace internal_testing

// One invocation of a function.
template <class R, class... A>
InvokeResult Invoke(R (*handler)(A...), std::string_view payload, const InvokeOptions& options = {}) {
  return internal_testing::InvokeBorrowed(handler, payload, options);
}

// One invocation of a lambda (captures are fine here) or of an object of a handler class.
template <class Handler>
requires std::is_class_v<std::remove_cvref_t<Handler>> InvokeResult
Invoke(Handler&& handler, std::string_view payload, const InvokeOptions& options = {}) {
  return internal_testing::InvokeBorrowed(handler, payload, options);
}

}  // namespace hearth::testing
