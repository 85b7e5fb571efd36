#include "runtime/base/json_text.h"

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

TEST_CASE("text becomes a JSON string", "[json_text]") {
  CHECK(Quoted("") == R"("")");
  CHECK(Quoted("plain") == R"("plain")");
  CHECK(Quoted("a\"b\\c\n\r\t\b\f\x01\x1f") == R"("a\"b\\c\n\r\t\b\f\u0001\u001f")");
  CHECK(Quoted("ü € 😀") == "\"ü € 😀\"");
  CHECK(Quoted(std::string("\0", 1)) == R"("\u0000")");
}

TEST_CASE("bytes that are not UTF-8 are replaced", "[json_text]") {
  const std::string replaced = "\"\xEF\xBF\xBD\"";
  CHECK(Quoted("\xFF") == replaced);
  CHECK(Quoted("\xC3") == replaced);                            // cut off
  CHECK(Quoted("\xC0\xAF") == "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");  // longer than need be
  CHECK(json::parse(Quoted("\xED\xA0\x80")).is_string());       // half a surrogate pair
  CHECK(json::parse(Quoted("\xF4\x90\x80\x80")).is_string());   // past the last letter
}

TEST_CASE("what may stand as it is ends at the first byte that may not", "[json_text]") {
  for (size_t size = 1; size <= 20; ++size) {
    for (size_t at = 0; at < size; ++at) {
      for (int c = 0; c < 256; ++c) {
        std::string text(size, 'x');
        text[at] = static_cast<char>(c);
        const bool plain = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
        if (PlainJsonPrefix(text) != (plain ? text.size() : at))
          FAIL("byte " << c << " at " << at << " of " << size);
      }
    }
  }
}

// Past where whole blocks are looked at, with blocks before and behind.
TEST_CASE("one byte in a long text is seen wherever it stands", "[json_text]") {
  for (const size_t size : {63, 64, 65, 127, 128, 129, 200, 256, 300}) {
    for (size_t at = 0; at < size; ++at) {
      for (const int c : {0x00, 0x1f, 0x20, 0x22, 0x5c, 0x7f, 0x80, 0xc3, 0xff}) {
        std::string text(size, 'x');
        text[at] = static_cast<char>(c);
        const bool plain = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
        if (PlainJsonPrefix(text) != (plain ? size : at))
          FAIL("byte " << c << " at " << at << " of " << size);
        if (IsUtf8(text) != (c < 0x80)) FAIL("UTF-8: byte " << c << " at " << at << " of " << size);
      }
    }
    for (size_t at = 0; at + 3 <= size; ++at) {
      std::string text(size, 'x');
      text.replace(at, 3, "€");
      CHECK(IsUtf8(text));
      CHECK(PlainJsonPrefix(text) == at);
      CHECK(Quoted(text) == '"' + text + '"');
      text[at + 2] = 'x';  // cut short
      CHECK_FALSE(IsUtf8(text));
    }
  }
}

TEST_CASE("any bytes give JSON, and valid text comes back as it was", "[json_text]") {
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

TEST_CASE("an object is written member by member", "[json_text]") {
  std::string out;
  JsonObjectText object(out);
  object.StringNamed("a\"b", "c\n");
  object.String("as it is", "");
  object.Number("n", -5);
  object.Bool("yes", true);
  JsonObjectText inner = object.Object("inner");
  inner.String("x", "y");
  inner.End();
  JsonObjectText empty = object.Object("empty");
  empty.End();
  object.Member("list") += "[1]";
  object.End();
  CHECK(json::parse(out) == json{{"a\"b", "c\n"},
                                 {"as it is", ""},
                                 {"n", -5},
                                 {"yes", true},
                                 {"inner", {{"x", "y"}}},
                                 {"empty", json::object()},
                                 {"list", {1}}});
}

TEST_CASE("what is UTF-8", "[json_text]") {
  for (const char* good : {"", "a", "\xC3\xBC", "\xE2\x82\xAC", "\xED\x9F\xBF", "\xEE\x80\x80",
                           "\xF4\x8F\xBF\xBF", "h\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\xa5"})
    CHECK(IsUtf8(good));
  for (const char* bad : {"\x80", "\xC0\x80", "\xC1\xBF", "\xC3", "\xE0\x9F\xBF", "\xE2\x82", "\xED\xA0\x80",
                          "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x28\xA1"})
    CHECK_FALSE(IsUtf8(bad));
}

}  // namespace
}  // namespace hearth
