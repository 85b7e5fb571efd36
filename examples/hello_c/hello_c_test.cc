#include <catch2/catch.hpp>
#include <hearth/hearth.h>
#include <hearth/testing.h>

// hello_c.c is linked into this test.
extern "C" const struct hearth_function* hearth_function(void);

using hearth::json;
using hearth::testing::Runner;

TEST_CASE("a handler in C keeps its state between invocations", "[hello_c]") {
  Runner runner(hearth_function());
  const json event = {{"name", "Ada"}};
  CHECK(runner.Invoke(event.dump()).response_json() ==
        json({{"language", "C"}, {"invocation", 1}, {"event", event}}));
  CHECK(runner.Invoke(event.dump()).response_json().at("invocation") == 2);
}

TEST_CASE("a handler in C reports an error with its type", "[hello_c]") {
  Runner runner(hearth_function());
  const auto result = runner.Invoke("");
  REQUIRE_FALSE(result.ok());
  CHECK(result.failure->type == "HelloC.EmptyPayload");
  CHECK(runner.Invoke("1").response_json().at("invocation") == 1);
}
