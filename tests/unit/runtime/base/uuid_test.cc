#include "runtime/base/uuid.h"

#include <string>

#include <catch2/catch.hpp>

namespace hearth {
namespace {

TEST_CASE("the bytes of a UUID, and of nothing else", "[uuid]") {
  const std::string uuid = "0123abcd-4567-89ef-0011-2233445566ff";
  const auto bytes = UuidBytes(uuid);
  REQUIRE(bytes);
  CHECK(std::string(bytes->data(), bytes->size()) ==
        std::string("\x01\x23\xab\xcd\x45\x67\x89\xef\x00\x11\x22\x33\x44\x55\x66\xff", 16));
  for (size_t at = 0; at < uuid.size(); ++at) {
    for (const char other : {'-', 'g', 'A', '/', ':', '`', '\0', '\xff'}) {
      std::string spoilt = uuid;
      spoilt[at] = other;
      INFO(at << " " << other);
      CHECK(UuidBytes(spoilt).has_value() == (spoilt == uuid));
    }
  }
  CHECK_FALSE(UuidBytes(""));
  CHECK_FALSE(UuidBytes(uuid.substr(1)));
  CHECK_FALSE(UuidBytes(uuid + "0"));
}

}  // namespace
}  // namespace hearth
