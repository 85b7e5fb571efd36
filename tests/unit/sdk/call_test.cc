#include <catch2/catch.hpp>
#include <hearth/call.h>
#include <hearth/hearth.h>
#include <hearth/testing.h>

using hearth::CallError;
using hearth::Context;
using hearth::json;
using hearth::testing::Invoke;
using hearth::testing::InvokeOptions;
using hearth::testing::InvokeResult;

namespace {

InvokeOptions WithDouble() {
  InvokeOptions options;
  options.functions["double"] = [](std::string_view payload) {
    const json number = json::parse(payload);
    if (!number.is_number()) throw hearth::FunctionError("NotANumber", "got " + number.dump());
    return std::to_string(2 * number.get<int>());
  };
  return options;
}

TEST_CASE("a handler calls another function", "[sdk][call]") {
  const auto handler = [](Context& context) -> json {
    return context.invoke("double", "21").payload_json().get<int>() +
           context.invoke("double", json(50)).payload_json().get<int>();
  };
  const InvokeResult result = Invoke(handler, "", WithDouble());
  CHECK(result.response == "142");
  REQUIRE(result.calls.size() == 2);
  CHECK(result.calls[0].function == "double");
  CHECK(result.calls[0].payload == "21");
  CHECK_FALSE(result.calls[0].async);
}

TEST_CASE("a failed call that escapes fails the caller with the callee's type", "[sdk][call]") {
  const auto handler = [](Context& context) { (void)context.invoke("double", "\"x\""); };
  const InvokeResult result = Invoke(handler, "", WithDouble());
  REQUIRE(result.failure);
  CHECK(result.failure->type == "NotANumber");
  CHECK(result.failure->message == "double: got \"x\"");
}

TEST_CASE("a failed call says what came of it", "[sdk][call]") {
  const auto handler = [](Context& context) {
    try {
      (void)context.invoke("double", "\"x\"");
      FAIL("it has failed");
    } catch (const CallError& error) {
      CHECK(error.ran());
      CHECK_FALSE(error.timed_out());
      CHECK(json::parse(error.payload())["errorType"] == "NotANumber");
      CHECK_FALSE(error.request_id().empty());
    }
    try {
      (void)context.invoke("nobody", "{}");
      FAIL("it is not there");
    } catch (const CallError& error) {
      CHECK_FALSE(error.ran());
      CHECK(error.type() == "ResourceNotFoundException");
      CHECK(error.request_id().empty());
    }
  };
  CHECK(Invoke(handler, "", WithDouble()).ok());
}

TEST_CASE("an event is handed over, with an id", "[sdk][call]") {
  const auto handler = [](Context& context) { return context.invoke_async("double", json(1)); };
  const InvokeResult result = Invoke(handler, "", WithDouble());
  CHECK(result.response.size() == 36);
  REQUIRE(result.calls.size() == 1);
  CHECK(result.calls[0].async);
}

TEST_CASE("the sixteenth function in a row calls nobody", "[sdk][call]") {
  const auto handler = [](Context& context) { return context.invoke("double", "1").payload; };
  InvokeOptions options = WithDouble();
  options.hops = 14;
  CHECK(Invoke(handler, "", options).response == "2");
  options.hops = 15;
  CHECK(Invoke(handler, "", options).failure->type == "RecursiveInvocationException");
}

TEST_CASE("a host of before 1.2 knows neither calls nor W3C's trace", "[sdk][call]") {
  struct hearth_host host = {};
  host.struct_size = offsetof(struct hearth_host, call);
  struct hearth_request request = {};
  request.struct_size = offsetof(struct hearth_request, traceparent);
  request.traceparent = {"never read", 10};
  const Context context(&host, &request);
  CHECK(context.traceparent().empty());
  CHECK(context.tracestate().empty());
  try {
    (void)context.invoke("f", "{}");
    FAIL("it cannot");
  } catch (const hearth::FunctionError& error) {
    CHECK(error.type() == "Hearth.Unsupported");
  }
}

TEST_CASE("a handler sees where it stands in a trace", "[sdk][call]") {
  const auto handler = [](Context& context) {
    return std::string(context.traceparent()) + "|" + std::string(context.tracestate());
  };
  CHECK(Invoke(handler, "", {.traceparent = "00-1-2-3", .tracestate = "a=1"}).response == "00-1-2-3|a=1");
  CHECK(Invoke(handler, "").response == "|");
}

}  // namespace
