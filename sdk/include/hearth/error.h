#pragma once

#include <cxxabi.h>

#include <cstdlib>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>

#include <hearth/abi.h>
#include <hearth/text_coding.h>

// How an exception becomes the structured error of an invocation: errorType is its dynamic type, errorMessage
// what it says, and one line of stackTrace for each exception nested in it.

namespace hearth {

// For an errorType of the author's choice: throw FunctionError("OutOfStock", "no teapots left").
class FunctionError : public std::runtime_error {
 public:
  FunctionError(std::string type, const std::string& message)
      : std::runtime_error(message), type_(std::move(type)) {}
  const std::string& type() const { return type_; }

 private:
  std::string type_;
};

// The payload is not the event that the handler takes. The message names the JSON path: "$.Records[0].s3: is
// missing".
class EventError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace internal {

struct ErrorText {
  std::string type;
  std::string message;
  std::string stack;
};

inline std::string Demangle(const char* name) {
  int status = 0;
  std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status),
                                                   &std::free);
  return status == 0 && text ? std::string(text.get()) : std::string(name);
}

// Only in a catch block.
inline std::string CurrentExceptionType() {
  const std::type_info* type = abi::__cxa_current_exception_type();
  return type ? Demangle(type->name()) : "unknown exception";
}

inline void AppendNested(const std::exception& outer, std::string& stack);

// Only in a catch block: rethrows to see what it is.
inline ErrorText DescribeCurrentException() {
  try {
    throw;
  } catch (const FunctionError& error) {
    return {error.type(), error.what(), {}};
  } catch (const std::exception& error) {
    ErrorText text{CurrentExceptionType(), error.what(), {}};
    AppendNested(error, text.stack);
    return text;
  } catch (const std::string& thrown) {
    return {CurrentExceptionType(), thrown, {}};
  } catch (const char* thrown) {
    return {CurrentExceptionType(), thrown ? thrown : "", {}};
  } catch (...) {
    const std::string type = CurrentExceptionType();
    return {type, "the handler threw a " + type + ", which carries no message", {}};
  }
}

inline void AppendNested(const std::exception& outer, std::string& stack) {
  try {
    std::rethrow_if_nested(outer);
  } catch (...) {
    const ErrorText cause = DescribeCurrentException();
    if (!stack.empty()) stack += '\n';
    stack += "caused by " + cause.type + ": " + cause.message;
    if (!cause.stack.empty()) stack += '\n' + cause.stack;
  }
}

inline hearth_bytes BytesOfText(std::string_view text) { return {text.data(), text.size()}; }

// Only in a catch block. When there is no memory even to describe the exception, says that.
inline void ReportCurrentException(const hearth_host* host) noexcept {
  try {
    const ErrorText said = DescribeCurrentException();
    const ErrorText text{ToUtf8(said.type), ToUtf8(said.message),
                         ToUtf8(said.stack)};  // the ABI's text is UTF-8
    host->fail(host, BytesOfText(text.type), BytesOfText(text.message), BytesOfText(text.stack));
  } catch (...) {
    host->fail(host, BytesOfText("std::bad_alloc"),
               BytesOfText("out of memory while an exception was described"), BytesOfText(""));
  }
}

// The wall between C++ and C: runs `body`, and turns whatever it throws into fail() and a non-zero return.
template <class Body>
int Guard(const hearth_host* host, Body&& body) noexcept {
  try {
    std::forward<Body>(body)();
    return 0;
  } catch (...) {
    ReportCurrentException(host);
    return 1;
  }
}

}  // namespace internal
}  // namespace hearth
