#include "runtime/base/json_depth.h"

#include <string>

#include <catch2/catch.hpp>

namespace hearth {
namespace {

TEST_CASE("nesting at the limit and one past it", "[json_depth]") {
  CHECK_FALSE(NestsDeeperThan("", 0));
  CHECK_FALSE(NestsDeeperThan("12", 0));
  CHECK_FALSE(NestsDeeperThan("[[1],[2],{\"a\":3}]", 2));
  CHECK(NestsDeeperThan("[[1],[2],{\"a\":[3]}]", 2));
  CHECK(NestsDeeperThan(std::string(1'000'000, '['), kForeignJsonDepthMax));
}

TEST_CASE("brackets within strings do not count", "[json_depth]") {
  CHECK_FALSE(NestsDeeperThan(R"({"[[[[":"{{{{"})", 1));
  CHECK_FALSE(NestsDeeperThan(R"(["\"[[[[","\\"])", 1));
  CHECK(NestsDeeperThan(R"(["\\",[1]])", 1));
}

}  // namespace
}  // namespace hearth
