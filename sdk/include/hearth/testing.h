#pragma once

#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <hearth/abi.h>
#include <hearth/context.h>
#include <hearth/fake_host.h>
#include <hearth/handler.h>
#include <hearth/sample_events.h>
#include <nlohmann/json.hpp>

// Calls a handler in the author's own unit test, with no runtime: same C boundary, no sandbox, no time limit.
//
//     auto result = hearth::testing::Invoke(&Greet, R"({"name":"Ada"})");
//     CHECK(result.ok());
//     CHECK(result.response == R"({"greeting":"hello Ada"})");

namespace hearth::testing {

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
    host_.Begin(options);
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
    host_.Begin(options);
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
            options.response_streamed ? 1u : 0u,
            internal::BytesOf(options.traceparent),
            internal::BytesOf(options.tracestate)};
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
