#include <catch2/catch.hpp>

#include "runtime/model/outcome.h"

namespace hearth {
namespace {

std::string ErrorJson(std::string type, std::string message, std::string stack) {
  Outcome outcome;
  outcome.kind = OutcomeKind::kFunctionError;
  outcome.error = {std::move(type), std::move(message), std::move(stack)};
  return FunctionErrorJson(outcome, RequestId("r-1"));
}

TEST_CASE("the body of a failed invocation, in Lambda's order", "[model]") {
  CHECK(ErrorJson("std::runtime_error", "no \"cat\"", R"(["main.cc:1","main.cc:2"])") ==
        R"({"errorType":"std::runtime_error","errorMessage":"no \"cat\"","requestId":"r-1",)"
        R"("stackTrace":["main.cc:1","main.cc:2"]})");
}

TEST_CASE("a stack that is none becomes an empty one; in one that is, only strings are kept", "[model]") {
  const std::string stack = GENERATE("", "[", "{}", "\"text\"", "null", "[1,[2],{\"a\":3},null]", "\xff\xfe");
  CHECK(ErrorJson("T", "m", stack) ==
        R"({"errorType":"T","errorMessage":"m","requestId":"r-1","stackTrace":[]})");
  CHECK(ErrorJson("T", "m", R"([1,"a",[]])").ends_with(R"("stackTrace":["a"]})"));
}

TEST_CASE("bytes that are no UTF-8 are replaced, not thrown upon", "[model]") {
  const std::string replaced = ErrorJson("T\xff", "caf\xe9", "[]");
  CHECK(replaced.find("T\xef\xbf\xbd") != std::string::npos);
  CHECK(replaced.find("caf\xef\xbf\xbd") != std::string::npos);
  CHECK(ErrorJson(std::string("a\0b", 3), "\n\x01", "[]").find("a\\u0000b") != std::string::npos);
}

// A bug once: the daemon's stack overflowed while it wrote what a hostile worker had sent.
TEST_CASE("a stack nested as deeply as a packet can hold", "[model]") {
  const size_t depth = 36'000;
  const std::string nested = std::string(depth, '[') + std::string(depth, ']');
  CHECK(ErrorJson("T", "m", nested).ends_with(R"("stackTrace":[]})"));
  CHECK(ErrorJson("T", "m", std::string(2 * depth, '[')).ends_with(R"("stackTrace":[]})"));
}

}  // namespace
}  // namespace hearth
