#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>

#include <hearth/context.h>
#include <hearth/http_event.h>
#include <hearth/s3_event.h>
#include <hearth/scheduled_event.h>
#include <hearth/sns_event.h>
#include <hearth/sqs_event.h>
#include <nlohmann/json.hpp>

// What a handler's signature says: which event it takes, whether it wants the Context, what it gives back.
// Whatever is not allowed is a compile error that lists what is.

namespace hearth::internal {

template <class... Types>
struct TypeList {};

// How a callable is called: Result and Parameters of a function, a member function, or an object with
// operator().
template <class T>
struct Signature;

template <class R, class... A>
struct Signature<R (*)(A...)> {
  using Result = R;
  using Parameters = TypeList<A...>;
};
template <class R, class... A>
struct Signature<R (*)(A...) noexcept> : Signature<R (*)(A...)> {};
template <class R, class C, class... A>
struct Signature<R (C::*)(A...)> : Signature<R (*)(A...)> {};
template <class R, class C, class... A>
struct Signature<R (C::*)(A...) const> : Signature<R (*)(A...)> {};
template <class R, class C, class... A>
struct Signature<R (C::*)(A...) noexcept> : Signature<R (*)(A...)> {};
template <class R, class C, class... A>
struct Signature<R (C::*)(A...) const noexcept> : Signature<R (*)(A...)> {};

template <class T>
concept HasCallOperator = requires {
  &T::operator();
};
template <class T>
concept HasHandleMethod = requires {
  &T::Handle;
};

template <class T>
consteval auto SignatureOf() {
  if constexpr (std::is_pointer_v<T>) {
    static_assert(std::is_function_v<std::remove_pointer_t<T>>,
                  "HEARTH_HANDLER: give it a function, a lambda without captures or a class");
    return Signature<T>{};
  } else {
    static_assert(HasCallOperator<T> || HasHandleMethod<T>,
                  "HEARTH_HANDLER: a handler class needs exactly one operator() or Handle(), public, neither "
                  "a template "
                  "nor overloaded");
    static_assert(!(HasCallOperator<T> && HasHandleMethod<T>),
                  "HEARTH_HANDLER: a handler class has operator() or Handle(), not both");
    if constexpr (HasCallOperator<T>) {
      return Signature<decltype(&T::operator())>{};
    } else if constexpr (HasHandleMethod<T>) {
      return Signature<decltype(&T::Handle)>{};
    }
  }
}

template <class T>
concept BuiltInEvent = std::same_as<T, HttpEvent> || std::same_as<T, S3Event> || std::same_as<T, SqsEvent> ||
    std::same_as<T, SnsEvent> || std::same_as<T, ScheduledEvent>;
template <class T>
concept BuiltInResult = std::same_as<T, HttpResponse> || std::same_as<T, SqsBatchResponse>;

template <class T>
concept HasFromJson = requires(const json& in) {
  in.get<T>();
};
template <class T>
concept HasToJson = std::constructible_from<json, const T&>;

template <class Parameter>
inline constexpr bool kIsContext =
    std::same_as<Parameter, Context&> || std::same_as<Parameter, const Context&>;

template <class Parameter>
consteval bool CheckEventParameter() {
  using Event = std::remove_cvref_t<Parameter>;
  constexpr bool kByValueOrConst =
      !std::is_lvalue_reference_v<Parameter> || std::is_const_v<std::remove_reference_t<Parameter>>;
  constexpr bool kKnown = BuiltInEvent<Event> || std::same_as<Event, std::string_view> ||
                          std::same_as<Event, std::string> ||
                          (!std::is_pointer_v<Event> && HasFromJson<Event>);
  static_assert(!std::same_as<Event, Context>, "HEARTH_HANDLER: take the Context by reference: Context&");
  static_assert(kByValueOrConst, "HEARTH_HANDLER: take the event by value or by const reference");
  static_assert(
      kKnown || std::same_as<Event, Context>,
      "HEARTH_HANDLER: the event must be json, std::string, std::string_view, HttpEvent, S3Event, SqsEvent, "
      "SnsEvent, ScheduledEvent, or a type with from_json(const json&, T&)");
  return true;
}

template <class Result>
consteval bool CheckResult() {
  using Plain = std::remove_cvref_t<Result>;
  static_assert(
      !std::same_as<Plain, std::string_view> && !std::is_pointer_v<Plain>,
      "HEARTH_HANDLER: return std::string, not std::string_view or a pointer: what it points to may be gone");
  static_assert(
      std::is_void_v<Result> || BuiltInResult<Plain> || std::same_as<Plain, std::string> ||
          std::is_pointer_v<Plain> || HasToJson<Plain>,
      "HEARTH_HANDLER: the result must be void, json, std::string, HttpResponse, SqsBatchResponse, or a type "
      "with to_json(json&, const T&)");
  return true;
}

template <class... Parameters>
consteval bool CheckParameters(TypeList<Parameters...>) {
  static_assert(sizeof...(Parameters) <= 2,
                "HEARTH_HANDLER: the parameters must be (event, Context&), (event), (Context&) or ()");
  return true;
}

}  // namespace hearth::internal
