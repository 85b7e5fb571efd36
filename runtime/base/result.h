#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "runtime/base/check.h"

// Expected failures. Every function that can fail for a reason outside this program returns Result<T>; a
// Result that is dropped is a compile error. The message says what was tried, on what, why it failed and what
// to do next.

namespace hearth {

// Codes say whose fault it is and what an edge may answer; FaultOf() groups them.
enum class ErrorCode {
  kInvalidArgument,  // caller: the request is wrong and will be wrong again
  kNotFound,         // caller: no such thing
  kAlreadyExists,    // caller
  kConflict,         // caller: the thing changed, or is changing; read it again
  kPrecondition,     // caller: a revision or hash that was asked for does not match
  kTooLarge,         // caller: over a documented limit; the message names limit and actual size
  kUnauthorized,     // caller
  kThrottled,        // caller may try again later
  kTimedOut,         // a documented limit of time fired; the message names it
  kCancelled,        // asked for, no fault
  kBadArtefact,      // author: the deployed code cannot be loaded; the message says why
  kMisconfigured,    // operator: configuration or permissions
  kUnavailable,      // host or operator: draining, disk full, launcher gone; may pass
  kIo,               // host: a system call failed
  kCorrupt,          // host: stored bytes are not what was written
  kUnsupported,      // host: this kernel or machine lacks something
  kInternal,         // us
};

enum class Fault { kNobody, kCaller, kOperator, kHost, kUs };

Fault FaultOf(ErrorCode code);
std::string_view NameOf(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;

  // "deploy resize: open /x: No such file or directory"
  Error WithContext(std::string_view what_was_tried) const;
};

// "WHAT: strerror(errno_value)" with kIo, or a fitter code where errno says so (ENOENT, EACCES, EEXIST,
// ENOSPC).
Error ErrnoError(std::string_view what, int errno_value);
Error ErrnoError(std::string_view what);  // reads errno

template <class T>
class [[nodiscard]] Result final {
 public:
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Error error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & {
    CHECK_TRUE(ok());
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    CHECK_TRUE(ok());
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    CHECK_TRUE(ok());
    return std::move(*std::get_if<0>(&state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const& {
    CHECK_TRUE(!ok());
    return *std::get_if<1>(&state_);
  }
  Error&& error() && {
    CHECK_TRUE(!ok());
    return std::move(*std::get_if<1>(&state_));
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> final {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error& error() const& {
    CHECK_TRUE(!ok());
    return *error_;
  }
  Error&& error() && {
    CHECK_TRUE(!ok());
    return std::move(*error_);
  }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;
inline Status Ok() { return {}; }

}  // namespace hearth

#define HEARTH_CONCAT_INNER(a, b) a##b
#define HEARTH_CONCAT(a, b) HEARTH_CONCAT_INNER(a, b)

// HEARTH_TRY(Close(file));  returns the error of a Status (or any Result) from the enclosing function.
#define HEARTH_TRY(expression)                                                \
  do {                                                                        \
    auto hearth_try_result = (expression);                                    \
    if (!hearth_try_result.ok()) return std::move(hearth_try_result).error(); \
  } while (false)

// HEARTH_ASSIGN(auto fd, Open(path));  names the value, or returns the error.
#define HEARTH_ASSIGN(declaration, expression) \
  HEARTH_ASSIGN_IMPL(HEARTH_CONCAT(hearth_assign_, __LINE__), declaration, expression)
#define HEARTH_ASSIGN_IMPL(temporary, declaration, expression) \
  auto temporary = (expression);                               \
  if (!temporary.ok()) return std::move(temporary).error();    \
  declaration = std::move(temporary).value()
