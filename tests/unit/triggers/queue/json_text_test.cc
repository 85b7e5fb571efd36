#include "triggers/queue/json_text.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "runtime/base/random.h"

namespace hearth {
namespace {

using nlohmann::json;

std::string Quoted(std::string_view text) {
  std::string out;
  AppendJsonString(out, text);
  return out;
}

TEST_CASE("text becomes a JSON string", "[queue]") {
  CHECK(Quoted("") == R"("")");
  CHECK(Quoted("plain") == R"("plain")");
  CHECK(Quoted("a\"b\\c\n\r\t\b\f\x01\x1f") == R"("a\"b\\c\n\r\t\b\f\u0001\u001f")");
  CHECK(Quoted("ü € 😀") == "\"ü € 😀\"");
  CHECK(Quoted(std::string("\0", 1)) == R"("\u0000")");
}

TEST_CASE("bytes that are not UTF-8 are replaced", "[queue]") {
  const std::string replaced = "\"\xEF\xBF\xBD\"";
  CHECK(Quoted("\xFF") == replaced);
  CHECK(Quoted("\xC3") == replaced);                            // cut off
  CHECK(Quoted("\xC0\xAF") == "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");  // longer than need be
  CHECK(json::parse(Quoted("\xED\xA0\x80")).is_string());       // half a surrogate pair
  CHECK(json::parse(Quoted("\xF4\x90\x80\x80")).is_string());   // past the last letter
}

TEST_CASE("any bytes give JSON, and valid text comes back as it was", "[queue]") {
  SeededRandom random(5);
  for (int round = 0; round < 5'000; ++round) {
    std::string bytes;
    for (uint64_t n = random.Next64() % 12; n > 0; --n) bytes += static_cast<char>(random.Next64());
    const json read = json::parse(Quoted(bytes), nullptr, /*allow_exceptions=*/false);
    REQUIRE(read.is_string());
    bool valid = true;
    try {
      static_cast<void>(json(bytes).dump());
    } catch (const json::exception&) {
      valid = false;
    }
    if (valid) {
      REQUIRE(read.get<std::string>() == bytes);
    } else {
      REQUIRE(read.get<std::string>().find("\xEF\xBF\xBD") != std::string::npos);
    }
  }
}

}  // namespace
}  // namespace hearth
