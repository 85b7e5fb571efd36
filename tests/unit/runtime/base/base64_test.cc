#include "runtime/base/base64.h"

#include <catch2/catch.hpp>

namespace hearth {

TEST_CASE("the vectors of RFC 4648, both ways", "[base]") {
  const std::pair<std::string, std::string> rows[] = {{"", ""},
                                                      {"f", "Zg=="},
                                                      {"fo", "Zm8="},
                                                      {"foo", "Zm9v"},
                                                      {"foob", "Zm9vYg=="},
                                                      {"fooba", "Zm9vYmE="},
                                                      {"foobar", "Zm9vYmFy"}};
  for (const auto& [raw, text] : rows) {
    CHECK(Base64Encode(raw) == text);
    CHECK(Base64Decode(text).value() == raw);
  }
}

TEST_CASE("every byte survives", "[base]") {
  std::string raw;
  for (int i = 0; i < 256; ++i) raw += static_cast<char>(i);
  for (size_t size = 250; size <= 256; ++size) {
    CHECK(Base64Decode(Base64Encode(raw.substr(0, size))).value() == raw.substr(0, size));
  }
}

TEST_CASE("text that is not base64 is refused", "[base]") {
  for (const char* text :
       {"Z", "Zg", "Zg=", "Zg===", "=Zg=", "Z===", "====", "Zm9v\n", "Zm 9", "Zm-_", "Zg==Zg==", "Zm9\xC3"}) {
    INFO(text);
    const auto decoded = Base64Decode(text);
    REQUIRE_FALSE(decoded.ok());
    CHECK(decoded.error().code == ErrorCode::kInvalidArgument);
  }
}

}  // namespace hearth
