#include "runtime/base/result.h"

#include <cerrno>
#include <memory>

#include <catch2/catch.hpp>

namespace hearth {
namespace {

Result<int> Half(int value) {
  if (value % 2 != 0) return Error{ErrorCode::kInvalidArgument, std::to_string(value) + " is odd"};
  return value / 2;
}

Result<int> Quarter(int value) {
  HEARTH_ASSIGN(const int half, Half(value));
  return Half(half);
}

Status IsEven(int value) {
  HEARTH_TRY(Half(value));
  return Ok();
}

}  // namespace

TEST_CASE("values and errors pass through the macros", "[base]") {
  CHECK(Quarter(8).value() == 2);
  CHECK(Quarter(7).error().message == "7 is odd");
  CHECK(Quarter(6).error().message == "3 is odd");
  CHECK(IsEven(2).ok());
  CHECK(IsEven(3).error().code == ErrorCode::kInvalidArgument);
}

TEST_CASE("a result holds what can only be moved", "[base]") {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(5);
  const std::unique_ptr<int> moved = std::move(result).value();
  CHECK(*moved == 5);
}

TEST_CASE("context goes before the message, the code stays", "[base]") {
  const Error error = Error{ErrorCode::kTooLarge, "7 bytes"}.WithContext("deploy f");
  CHECK(error.message == "deploy f: 7 bytes");
  CHECK(error.code == ErrorCode::kTooLarge);
}

TEST_CASE("errno becomes a code that says whose fault it is", "[base]") {
  struct Row {
    int errno_value;
    ErrorCode code;
    Fault fault;
  };
  const Row rows[] = {{ENOENT, ErrorCode::kNotFound, Fault::kCaller},
                      {EEXIST, ErrorCode::kAlreadyExists, Fault::kCaller},
                      {EACCES, ErrorCode::kMisconfigured, Fault::kOperator},
                      {ENOSPC, ErrorCode::kUnavailable, Fault::kHost},
                      {ENOSYS, ErrorCode::kUnsupported, Fault::kHost},
                      {EIO, ErrorCode::kIo, Fault::kHost}};
  for (const Row& row : rows) {
    const Error error = ErrnoError("open /x", row.errno_value);
    INFO(error.message);
    CHECK(error.code == row.code);
    CHECK(FaultOf(error.code) == row.fault);
    CHECK_THAT(error.message, Catch::StartsWith("open /x: "));
  }
  CHECK(ErrnoError("open /x", ENOENT).message == "open /x: No such file or directory");
}

}  // namespace hearth
