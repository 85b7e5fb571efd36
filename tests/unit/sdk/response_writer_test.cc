#include <catch2/catch.hpp>
#include <hearth/hearth.h>
#include <hearth/response_writer.h>
#include <hearth/testing.h>

using hearth::Context;
using hearth::testing::Invoke;
using hearth::testing::InvokeOptions;
using hearth::testing::InvokeResult;

namespace {

void TwoPieces(Context& context) {
  const hearth::ResponseWriter out = context.stream("text/plain");
  out.Write("one ");
  out.Flush();
  out.Write("two");
}

TEST_CASE("an answer in pieces", "[sdk][stream]") {
  const InvokeResult result = Invoke(&TwoPieces, "", {.response_streamed = true});
  CHECK(result.response == "one two");
  CHECK(result.content_type == "text/plain");
  CHECK(result.flushed == std::vector<std::string>{"one "});
}

TEST_CASE("an answer in pieces where nobody takes them", "[sdk][stream]") {
  const InvokeResult result = Invoke(&TwoPieces, "");
  CHECK(result.response == "one two");
  CHECK(result.flushed.empty());
}

TEST_CASE("a status of its own stands in a prelude", "[sdk][stream]") {
  const auto handler = [](Context& context) {
    context.stream({.status = 202, .headers = {{"x-a", "b"}}, .cookies = {"c=1"}}).Write("body");
  };
  const InvokeResult result = Invoke(handler, "");
  CHECK(result.content_type == hearth::internal::kPreludeContentType);
  const std::size_t end = result.response.find('\0');
  CHECK(hearth::json::parse(result.response.substr(0, end)) ==
        hearth::json({{"statusCode", 202}, {"headers", {{"x-a", "b"}}}, {"cookies", {"c=1"}}}));
  CHECK(result.response.substr(end) == std::string(8, '\0') + "body");
}

TEST_CASE("what a handler returns comes behind what it streamed", "[sdk][stream]") {
  const auto handler = [](Context& context) -> std::string {
    context.stream("text/plain").Write("one ");
    return "two";
  };
  CHECK(Invoke(handler, "").response == "one two");
}

TEST_CASE("a host of before 1.2 keeps it all to the end", "[sdk][stream]") {
  struct hearth_host host = {};
  host.struct_size = offsetof(struct hearth_host, response_flush);
  hearth::ResponseWriter(&host).Flush();
}

}  // namespace
