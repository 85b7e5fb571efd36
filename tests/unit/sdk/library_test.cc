#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include <catch2/catch.hpp>
#include <hearth/hearth.h>
#include <hearth/testing.h>

// Built handler libraries, loaded as a worker loads them. Deeds that end the process are for the worker's
// tests.

using hearth::json;
using hearth::testing::LoadLibrary;
using hearth::testing::Runner;

namespace {

std::string Library(const std::string& name) { return HEARTH_TEST_HANDLERS_DIR "/lib" + name + ".so"; }

hearth::testing::InvokeResult Order(Runner& victim, const json& order) { return victim.Invoke(order.dump()); }

}  // namespace

TEST_CASE("a victim library does as it is told", "[sdk][library]") {
  Runner victim(LoadLibrary(Library("victim")));
  CHECK(victim.Invoke("plain text").response == "plain text");
  CHECK(Order(victim, {{"do", "echo"}, {"a", 1}}).response_json() == json({{"do", "echo"}, {"a", 1}}));
  CHECK(Order(victim, {{"do", "throw"}, {"text", "ouch"}}).failure->message == "ouch");
  CHECK(Order(victim, {{"do", "throw_int"}}).failure->type == "int");
  CHECK(Order(victim, {{"do", "throw_typed"}}).failure->type == "OutOfStock");
  CHECK(Order(victim, {{"do", "bytes"}, {"bytes", 5000}}).response.size() == 5000);
  CHECK(Order(victim, {{"do", "log"}, {"lines", 3}}).logs.size() == 3);
  CHECK(Order(victim, {{"do", "spin"}, {"ms", 5}}).ok());
  CHECK(Order(victim, {{"do", "sleep"}, {"ms", 1}}).ok());
  CHECK(Order(victim, {{"do", "context"}}).response_json().at("attempt") == 1);
  CHECK(Order(victim, {{"do", "count"}}).response == "1");
  CHECK(Order(victim, {{"do", "count"}}).response == "2");
  CHECK(Order(victim, {{"do", "dance"}}).failure->message == "the victim cannot do \"dance\"");
  CHECK_THROWS(Order(victim, {{"do", "garbage"}}).response_json());
}

TEST_CASE("a library of another ABI is refused by both numbers", "[sdk][library]") {
  CHECK_THROWS_WITH(Runner(LoadLibrary(Library("wrongabi"))),
                    Catch::Contains("99") && Catch::Contains("knows 1"));
}

TEST_CASE("a library without the symbol is refused by name", "[sdk][library]") {
  CHECK_THROWS_WITH(LoadLibrary(Library("nosymbol")), Catch::Contains("does not export hearth_function"));
}

TEST_CASE("a library that needs what nobody has is refused by symbol", "[sdk][library]") {
  CHECK_THROWS_WITH(LoadLibrary(Library("undefined")),
                    Catch::Contains("hearth_test_symbol_that_nobody_defines"));
}

TEST_CASE("init of a library fails as told", "[sdk][library]") {
  ::setenv("INIT", "throw", 1);
  CHECK(Runner(LoadLibrary(Library("badinit"))).Invoke("").failure->message == "init was told to throw");
  ::setenv("INIT", "fail", 1);
  CHECK(Runner(LoadLibrary(Library("badinit"))).Invoke("").failure->message == "the handler returned 7");
  ::unsetenv("INIT");
  CHECK(Runner(LoadLibrary(Library("badinit"))).Invoke("").ok());
}

TEST_CASE("what hearth_add_function writes beside the library", "[sdk][library]") {
  std::ifstream in(HEARTH_TEST_HANDLERS_DIR "/victim.function.json");
  CHECK(json::parse(in) == json({{"name", "victim"},
                                 {"library", "libvictim.so"},
                                 {"handler", "libvictim.so"},
                                 {"memory_mib", 128},
                                 {"timeout_s", 3}}));
}
