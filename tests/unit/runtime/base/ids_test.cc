#include "runtime/base/ids.h"

#include <regex>
#include <set>
#include <type_traits>

#include <catch2/catch.hpp>

namespace hearth {

static_assert(!std::is_convertible_v<WorkerId, SandboxId> && !std::is_constructible_v<SandboxId, WorkerId>,
              "a worker's number must not pass for a sandbox's");

TEST_CASE("request ids are version 4 UUIDs, each a new one", "[base]") {
  SeededRandom random(20261123);
  const std::regex uuid("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}");
  std::set<RequestId> seen;
  for (int i = 0; i < 500; ++i) {
    const RequestId id = RequestId::Make(random);
    INFO(id.text());
    REQUIRE(std::regex_match(id.text(), uuid));
    seen.insert(id);
  }
  CHECK(seen.size() == 500);
}

TEST_CASE("the same seed gives the same ids, the system never", "[base]") {
  SeededRandom first(7);
  SeededRandom second(7);
  CHECK(MakeUuid(first) == MakeUuid(second));
  SystemRandom system;
  CHECK(MakeUuid(system) != MakeUuid(system));
}

TEST_CASE("hexadecimal ids have the length asked for", "[base]") {
  SeededRandom random(1);
  CHECK(MakeHex(random, 0).empty());
  const std::string text = MakeHex(random, 33);
  CHECK(text.size() == 33);
  CHECK(text.find_first_not_of("0123456789abcdef") == std::string::npos);
}

TEST_CASE("system randomness crosses its block without repeating", "[base]") {
  SystemRandom random;
  std::set<uint64_t> seen;
  for (int i = 0; i < 2000; ++i) seen.insert(random.Next64());  // 16,000 bytes, blocks of 4,096
  CHECK(seen.size() == 2000);
}

}  // namespace hearth
