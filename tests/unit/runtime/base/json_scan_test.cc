#include "runtime/base/json_scan.h"

#include <string>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "runtime/base/json_depth.h"
#include "runtime/base/random.h"

namespace hearth {
namespace {

using nlohmann::json;
using Verdict = JsonScan::Verdict;
using Root = JsonScan::Root;

Verdict VerdictOn(std::string_view text) { return ScanJson(text, kForeignJsonDepthMax).verdict; }
bool IsJson(std::string_view text) { return VerdictOn(text) == Verdict::kValid; }

TEST_CASE("what is JSON, and what is not", "[json_scan]") {
  for (const char* text :
       {"{}", "[]", " \n\t\r[ ] ", "0", "-0", "-1.5e+10", "1E5", "12.25", "true", "false", "null", R"("")",
        R"({"a":{"b":[1,2,{"c":null}]},"d":"\u00e9\ud83d\ude00\n"})", "[[],[[]],{}]", R"("ü€😀")"}) {
    INFO(text);
    CHECK(IsJson(text));
  }
  for (const char* text : {"",
                           " ",
                           "{",
                           "}",
                           "[",
                           "]",
                           "[1,]",
                           "[,1]",
                           "[1 2]",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{\"a\":1,}",
                           "{a:1}",
                           "{1:2}",
                           "[1}",
                           "01",
                           "1.",
                           ".5",
                           "+1",
                           "-",
                           "1e",
                           "1e+",
                           "tru",
                           "True",
                           "nul",
                           "[] []",
                           "\"",
                           "\"\\\"",
                           "\"\\x\"",
                           "\"\\u12g4\"",
                           "\"\\ud800\"",
                           "\"\\udc00\"",
                           "\"\\ud800\\u0041\"",
                           "\"\n\"",
                           "\"\x01\"",
                           "\"\xFF\"",
                           "\"\xED\xA0\x80\"",
                           "'a'",
                           "[1]x",
                           "{\"a\":1 \"b\":2}",
                           "{,}"}) {
    INFO(text);
    CHECK(VerdictOn(text) == Verdict::kMalformed);
  }
  CHECK(VerdictOn(std::string_view("\0", 1)) == Verdict::kMalformed);
  CHECK(VerdictOn(std::string_view("[1\0]", 4)) == Verdict::kMalformed);
}

TEST_CASE("levels at the limit and one past it", "[json_scan]") {
  CHECK(ScanJson("1", 0).verdict == Verdict::kValid);
  CHECK(ScanJson("[]", 0).verdict == Verdict::kTooDeep);
  CHECK(ScanJson(R"([[1],{"a":[]}])", 3).verdict == Verdict::kValid);
  CHECK(ScanJson(R"([[1],{"a":[[]]}])", 3).verdict == Verdict::kTooDeep);
  const auto nested = [](size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); };
  CHECK(IsJson(nested(kForeignJsonDepthMax)));
  CHECK(VerdictOn(nested(kForeignJsonDepthMax + 1)) == Verdict::kTooDeep);
  CHECK(VerdictOn(std::string(1'000'000, '[')) == Verdict::kTooDeep);
}

TEST_CASE("the root is named", "[json_scan]") {
  const auto root = [](std::string_view text) { return ScanJson(text, kForeignJsonDepthMax).root; };
  CHECK(root(" {}") == Root::kObject);
  CHECK(root("[]") == Root::kArray);
  CHECK(root(R"("a")") == Root::kString);
  CHECK(root("12") == Root::kOther);
}

TEST_CASE("a member of the root object is noticed, elsewhere it is not", "[json_scan]") {
  const auto has = [](std::string_view text) { return ScanJson(text, 8, "statusCode").may_have_member; };
  CHECK(has(R"({"statusCode":200})"));
  CHECK(has(R"({"a":[{"b":1}], "statusCode" : 200})"));
  CHECK(has(R"({"status\u0043ode":200})"));  // may be it: to be looked at properly
  CHECK_FALSE(has(R"({"statuscode":200})"));
  CHECK_FALSE(has(R"({"a":{"statusCode":200}})"));
  CHECK_FALSE(has(R"([{"statusCode":200}])"));
  CHECK_FALSE(has(R"({"a":"statusCode"})"));
  CHECK_FALSE(ScanJson(R"({"":1})", 8).may_have_member);
}

// The library is the yardstick, except for numbers past a double's range, which are none of our business.
TEST_CASE("the verdict is the JSON library's", "[json_scan]") {
  const uint64_t seed = GENERATE(1, 2, 3, 4);
  SeededRandom random(seed);
  const std::string_view pieces[] = {
      "{",       "}",    "[",       "]",   ",",  ":",    "\"",   "\"a\"", "\"b\\n\"", "\\",
      "\\u0041", "1",    "-2.5",    "0",   "e1", "true", "null", " ",     "\n",       "\"\\ud83d\\ude00\"",
      "ü",       "\xFF", "{\"k\":", "[1,", "]}"};
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (uint64_t n = random.Next64() % 9; n > 0; --n) text += pieces[random.Next64() % std::size(pieces)];
    INFO("seed " << seed << ", round " << round << ": " << text);
    REQUIRE(IsJson(text) == json::accept(text));
  }
}

TEST_CASE("a valid text with one byte changed is judged as the library judges it", "[json_scan]") {
  const uint64_t seed = GENERATE(5, 6);
  SeededRandom random(seed);
  const std::string valid = R"({"a":[1,-2.5,true,null,{"b":"x\"\\\u00e9"}],"c":{"d":"ü€"},"e":[]})";
  REQUIRE(IsJson(valid));
  for (int round = 0; round < 20'000; ++round) {
    std::string text = valid;
    text[random.Next64() % text.size()] = static_cast<char>(random.Next64() % 128);
    INFO("seed " << seed << ", round " << round << ": " << text);
    REQUIRE(IsJson(text) == json::accept(text));
  }
}

}  // namespace
}  // namespace hearth
