#include "runtime/telemetry/log_text.h"

#include <random>

#include <catch2/catch.hpp>

namespace hearth {

TEST_CASE("text that does no harm stays as it is", "[telemetry]") {
  for (const char* text : {"", "plain\twith tab", "größer €100 😀", "C:\\n is a path"}) {
    CHECK(EscapeLogText(text) == text);
  }
}

TEST_CASE("what moves a cursor or begins a line is shown, not done", "[telemetry]") {
  CHECK(EscapeLogText("a\nREPORT RequestId: forged") == "a\\nREPORT RequestId: forged");
  CHECK(EscapeLogText("a\rb") == "a\\rb");
  CHECK(EscapeLogText("\x1b[2J") == "\\x1b[2J");
  CHECK(EscapeLogText(std::string_view("a\0b", 3)) == "a\\x00b");
  CHECK(EscapeLogText("\x7f") == "\\x7f");
  CHECK(EscapeLogText("\xc2\x9b") == "\\u009b");      // one-byte CSI of the C1 set
  CHECK(EscapeLogText("\xe2\x80\xa8") == "\\u2028");  // line separator
  // Embeddings, overrides and isolates of direction, and what is beside them.
  CHECK(EscapeLogText("\xe2\x80\xaa|\xe2\x80\xae") == "\\u202a|\\u202e");
  CHECK(EscapeLogText("\xe2\x81\xa6|\xe2\x81\xa9") == "\\u2066|\\u2069");
  CHECK(EscapeLogText("\xe2\x80\xaf|\xe2\x81\xaa|\xe2\x81\xa5") == "\xe2\x80\xaf|\xe2\x81\xaa|\xe2\x81\xa5");
}

TEST_CASE("bytes that are no UTF-8 are shown one by one", "[telemetry]") {
  CHECK(EscapeLogText("\xff") == "\\xff");
  CHECK(EscapeLogText("\xc0\xaf") == "\\xc0\\xaf");           // overlong
  CHECK(EscapeLogText("\xed\xa0\x80") == "\\xed\\xa0\\x80");  // surrogate
  CHECK(EscapeLogText("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");
  CHECK(EscapeLogText("\xe2\x82") == "\\xe2\\x82");  // cut off
}

TEST_CASE("fields keep to JSON's escapes", "[telemetry]") {
  CHECK(EscapeLogJson("{\"a\":\"\x1b\"}") == "{\"a\":\"\\u001b\"}");
  CHECK(EscapeLogJson("{\n\"a\":1\r\n}") == "{ \"a\":1  }");
  CHECK(EscapeLogJson("{\"a\":\"\xff\"}") == "{\"a\":\"\\u00ff\"}");
}

TEST_CASE("random bytes come out printable", "[telemetry]") {
  const uint64_t seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 2'000; ++i) {
    std::string bytes(random() % 24, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    const std::string shown = EscapeLogText(bytes);
    for (const char c : shown) REQUIRE((static_cast<uint8_t>(c) >= 0x20 || c == '\t'));
    REQUIRE(EscapeLogText(shown) == shown);  // valid now
  }
}

TEST_CASE("line at the limit stays, one past it is cut and says so", "[telemetry]") {
  CHECK(CutLogText("12345678", 8) == "12345678");
  CHECK(CutLogText("123456789", 8) == "12345678[truncated 1 bytes]");
  CHECK(CutLogText("1234567€", 8) == "1234567[truncated 3 bytes]");  // not through a character
  CHECK(CutLogText("\x80\x80\x80\x80\x80", 4) == "\x80[truncated 4 bytes]");
}

}  // namespace hearth
