#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <hearth/abi.h>
#include <hearth/context.h>
#include <hearth/error.h>
#include <hearth/output_file.h>
#include <hearth/signature.h>
#include <nlohmann/json.hpp>

// HEARTH_HANDLER: makes a function, a lambda or a class the handler that this library exports.
//
//     HEARTH_HANDLER(Greet)          HttpResponse Greet(const HttpEvent&, Context&)
//     HEARTH_HANDLER(Resizer)        class with Handle() or operator(); made once per worker, at init
//
// Everything here is a template or inline, so that a handler needs no library of Hearth's at run time.

namespace hearth::internal {

inline json ParsePayload(std::string_view payload) {
  if (payload.empty()) return json::object();  // an invocation without a payload, as on AWS
  try {
    return json::parse(payload);
  } catch (const json::parse_error& error) {
    throw EventError(std::string("the payload is not JSON: ") + error.what());
  }
}

template <class Event>
Event DecodeEvent(std::string_view payload) {
  if constexpr (std::is_same_v<Event, std::string_view> || std::is_same_v<Event, std::string>) {
    return Event(payload);
  } else if constexpr (std::is_same_v<Event, json>) {
    return ParsePayload(payload);
  } else if constexpr (BuiltInEvent<Event>) {
    const json document = ParsePayload(payload);
    Event event;
    Decode(JsonReader(document), event);
    return event;
  } else {
    return ParsePayload(payload).template get<Event>();
  }
}

template <class Result>
std::string EncodeResult(Result&& result) {
  using Plain = std::remove_cvref_t<Result>;
  if constexpr (std::is_same_v<Plain, std::string>) {
    return std::forward<Result>(result);
  } else if constexpr (BuiltInResult<Plain>) {
    return Encode(result).dump();
  } else {
    return json(std::forward<Result>(result)).dump();
  }
}

template <class Event>
Event EventFor(std::string_view payload, const Context& context) {
  Event event = DecodeEvent<Event>(payload);
  if constexpr (std::is_same_v<Event, S3Event>) {
    if (event.records.size() == 1) event.records[0].content = context.object();
  }
  return event;
}

// The forms of a call. What is wrong with the parameters is said by the checks, once and in words.
template <class Callable>
decltype(auto) CallWith(Callable& callable, TypeList<>, std::string_view, Context&) {
  return callable();
}
template <class Callable, class Only>
decltype(auto) CallWith(Callable& callable, TypeList<Only>, std::string_view payload, Context& context) {
  if constexpr (kIsContext<Only>) {
    return callable(context);
  } else {
    static_assert(CheckEventParameter<Only>());
    return callable(EventFor<std::remove_cvref_t<Only>>(payload, context));
  }
}
template <class Callable, class First, class Second>
decltype(auto) CallWith(Callable& callable, TypeList<First, Second>, std::string_view payload,
                        Context& context) {
  static_assert(kIsContext<Second>,
                "HEARTH_HANDLER: the parameters must be (event, Context&), (event), (Context&) or ()");
  static_assert(CheckEventParameter<First>());
  return callable(EventFor<std::remove_cvref_t<First>>(payload, context), context);
}

class CountedHops final {
 public:
  explicit CountedHops(std::uint32_t hops) { running_hops = hops; }
  ~CountedHops() { running_hops = -1; }
  CountedHops(const CountedHops&) = delete;
  CountedHops& operator=(const CountedHops&) = delete;
};

// Runs `callable`, which has the signature `Described`, for one request and writes what it returns.
template <class Described, class Callable>
int Serve(Callable&& callable, const struct hearth_host* host,
          const struct hearth_request* request) noexcept {
  using Result = typename Described::Result;
  using Parameters = typename Described::Parameters;
  static_assert(CheckParameters(Parameters{}));
  static_assert(CheckResult<Result>());
  return Guard(host, [&] {
    Context context(host, request);
    const CountedHops counted(context.hops());
    const std::string_view payload = ViewOf(request->payload);
    if constexpr (std::is_void_v<Result>) {
      CallWith(callable, Parameters{}, payload, context);
      if (!context.streams()) host->response_write(host, BytesOf("null"));
    } else {
      const std::string response = EncodeResult(CallWith(callable, Parameters{}, payload, context));
      host->response_write(host,
                           BytesOf(response));  // over the limit: the platform fails the invocation by itself
    }
  });
}

template <class T>
int ServeObject(T& object, const struct hearth_host* host, const struct hearth_request* request) noexcept {
  using Described = decltype(SignatureOf<T>());
  if constexpr (HasCallOperator<T>) {
    return Serve<Described>(object, host, request);
  } else {
    return Serve<Described>(
        [&](auto&&... arguments) -> decltype(auto) {
          return object.Handle(std::forward<decltype(arguments)>(arguments)...);
        },
        host, request);
  }
}

// A function or a lambda without captures: no state.
template <auto kHandler>
struct FunctionBinding {
  static int Invoke(const struct hearth_host* host, const struct hearth_request* request, void*) noexcept {
    using T = std::remove_cv_t<decltype(kHandler)>;
    return Serve<decltype(SignatureOf<T>())>(kHandler, host, request);
  }

  static constexpr struct hearth_function kFunction = {
      HEARTH_ABI_VERSION, sizeof(struct hearth_function), nullptr, &Invoke, nullptr, nullptr, nullptr};
};

// A class: made at init, destroyed at shutdown. BeforeCheckpoint() and AfterRestore() are called if it has
// them.
template <class T>
struct ClassBinding {
  static constexpr bool kTakesContext = std::is_constructible_v<T, InitContext&>;
  static_assert(kTakesContext || std::is_default_constructible_v<T>,
                "HEARTH_HANDLER: a handler class is constructed from nothing or from InitContext&");

  static int Init(const struct hearth_host* host, const struct hearth_init* init, void** state) noexcept {
    return Guard(host, [&] {
      if constexpr (kTakesContext) {
        InitContext context(host, init);
        *state = std::make_unique<T>(context).release();
      } else {
        *state = std::make_unique<T>().release();
      }
    });
  }
  static int Invoke(const struct hearth_host* host, const struct hearth_request* request,
                    void* state) noexcept {
    return ServeObject(*static_cast<T*>(state), host, request);
  }
  static void Shutdown(const struct hearth_host*, void* state) noexcept { delete static_cast<T*>(state); }
  static int BeforeCheckpoint(const struct hearth_host* host, void* state) noexcept {
    return Guard(host, [&] {
      if constexpr (requires(T & object) { object.BeforeCheckpoint(); })
        static_cast<T*>(state)->BeforeCheckpoint();
    });
  }
  static int AfterRestore(const struct hearth_host* host, void* state) noexcept {
    return Guard(host, [&] {
      if constexpr (requires(T & object) { object.AfterRestore(); }) static_cast<T*>(state)->AfterRestore();
    });
  }

  static constexpr struct hearth_function kFunction = {
      HEARTH_ABI_VERSION, sizeof(struct hearth_function), &Init, &Invoke, &Shutdown, &BeforeCheckpoint,
      &AfterRestore};
};

// Bind<X>() takes X whether it is a type or a value; only its return type is used.
template <class T>
ClassBinding<T> Bind();
template <auto kHandler>
FunctionBinding<kHandler> Bind();

}  // namespace hearth::internal

namespace hearth {

// The event in a payload, for a handler that takes text and decides by itself which of several it got:
// ParseEvent<S3Event>(payload). Throws EventError with the JSON path of what is wrong.
template <class Event>
Event ParseEvent(std::string_view payload) {
  static_assert(internal::CheckEventParameter<Event>());
  return internal::DecodeEvent<Event>(payload);
}

}  // namespace hearth

// Variadic, so that a lambda or a template with commas may stand in it. Once per library.
#define HEARTH_HANDLER(...)                                                      \
  extern "C" HEARTH_EXPORT const struct hearth_function* hearth_function(void) { \
    return &decltype(::hearth::internal::Bind<__VA_ARGS__>())::kFunction;        \
  }                                                                              \
  static_assert(true, "HEARTH_HANDLER wants a semicolon")
