#include <catch2/catch.hpp>
#include <hearth/hearth.h>
#include <hearth/testing.h>

// hello_http.cc is linked into this test; hearth_function() is what its HEARTH_HANDLER exports.
extern "C" const struct hearth_function* hearth_function(void);

using hearth::json;
using hearth::testing::Runner;
using hearth::testing::SampleHttpEvent;

namespace {

json BodyOf(const hearth::testing::InvokeResult& result) {
  REQUIRE(result.ok());
  return json::parse(result.response_json().at("body").get<std::string>());
}

}  // namespace

TEST_CASE("a visitor with a name is greeted by it", "[hello_http]") {
  Runner runner(hearth_function());
  const auto result = runner.Invoke(SampleHttpEvent("GET", "/", {{"name", "Grace Hopper"}}).dump());
  CHECK(BodyOf(result).at("greeting") == "hello Grace Hopper");
  CHECK(result.response_json().at("statusCode") == 200);
  REQUIRE(result.logs.size() == 1);
  CHECK(result.logs[0].fields.at("name") == "Grace Hopper");
}

TEST_CASE("only the first visit is cold", "[hello_http]") {
  Runner runner(hearth_function());
  const std::string event = SampleHttpEvent("GET", "/").dump();
  CHECK(BodyOf(runner.Invoke(event)) == json({{"greeting", "hello world"}, {"cold", true}}));
  CHECK(BodyOf(runner.Invoke(event)) == json({{"greeting", "hello world"}, {"cold", false}}));
}

TEST_CASE("a POST is refused", "[hello_http]") {
  Runner runner(hearth_function());
  const auto result = runner.Invoke(SampleHttpEvent("POST", "/").dump());
  REQUIRE(result.ok());
  CHECK(result.response_json().at("statusCode") == 405);
}
