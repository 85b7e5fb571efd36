// Answers are read without being built as a tree. What that makes of any of them is what our JSON library's tree says of it: held
// here against a reading of that tree, on odd inputs and on many random ones.

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "runtime/base/base64.h"
#include "runtime/base/json_depth.h"
#include "runtime/base/json_scan.h"
#include "runtime/base/random.h"
#include "triggers/http/http_answer.h"

namespace hearth {
namespace {

using nlohmann::json;

std::string Wrong(std::string why) { return "the handler's answer: " + std::move(why); }

// What the tree says, as one text.
class TreeReading final {
 public:
  explicit TreeReading(const json& response) : response_(response) {}

  std::string Read() {
    const json& status = response_.at("statusCode");
    if (!status.is_number_integer() || status < 200 || status > 599)
      return Wrong("statusCode " + TextOf(status) + " is not a number from 200 to 599");
    AddHeaders(Member("headers"));
    AddCookies(Member("cookies"));
    std::string body;
    if (const json given = Member("body"); !given.is_null() && error_.empty()) {
      body = TextOf(given);
      if (Member("isBase64Encoded") == true) {
        auto bytes = Base64Decode(body);
        if (!bytes.ok()) return Wrong("\"body\" is not base64, though \"isBase64Encoded\" is true");
        body = std::move(bytes).value();
      }
    }
    if (!error_.empty()) return Wrong(error_);
    if (headers_.find("\ncontent-type: ") == std::string::npos)
      headers_ += "content-type: application/json\n";
    return std::to_string(status.get<int>()) + headers_ + "\n" + body;
  }

 private:
  json Member(const char* name) const { return response_.value(name, json()); }
  static std::string TextOf(const json& value) {
    return value.is_string() ? value.get<std::string>()
                             : value.dump(-1, ' ', false, json::error_handler_t::replace);
  }
  void Fail(const std::string& why) {
    if (error_.empty()) error_ = why;
  }
  void AddHeader(std::string name, const std::string& value) {
    const bool token = !name.empty() && name.find_first_not_of(
                                            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                            "0123456789!#$%&'*+-.^_`|~") == std::string::npos;
    if (!token) return Fail("\"" + name + "\" is not the name of a header");
    if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos)
      return Fail("header \"" + name + "\" contains a line break or NUL");
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return static_cast<char>(std::tolower(c)); });
    for (const char* ours : {"connection", "content-length", "keep-alive", "transfer-encoding", "upgrade",
                             "trailer", "te", "proxy-connection"}) {
      if (name == ours) return;
    }
    headers_ += name + ": " + value + "\n";
  }
  void AddHeaders(const json& headers) {
    if (headers.is_null()) return;
    if (!headers.is_object()) return Fail("\"headers\" is not an object");
    for (const auto& [name, value] : headers.items()) {
      if (value.is_structured()) return Fail("header \"" + name + "\" is not a string");
      AddHeader(name, TextOf(value));
    }
  }
  void AddCookies(const json& cookies) {
    if (cookies.is_null()) return;
    if (!cookies.is_array()) return Fail("\"cookies\" is not an array");
    for (const json& cookie : cookies) {
      if (!cookie.is_string()) return Fail("a cookie is not a string");
      AddHeader("set-cookie", cookie.get<std::string>());
    }
  }

  const json& response_;
  std::string headers_ = "\n";
  std::string error_;
};

std::string ByTree(const std::string& payload) {
  const JsonScan scan = ScanJson(payload, kForeignJsonDepthMax, "statusCode");
  if (scan.verdict == JsonScan::Verdict::kTooDeep) return Wrong("it is nested more than 256 levels deep");
  const std::string not_json =
      Wrong("it is not JSON; a handler that answers something else names its content type");
  if (scan.verdict == JsonScan::Verdict::kMalformed) return not_json;
  const bool is_string = scan.root == JsonScan::Root::kString;
  const std::string plain = "200\ncontent-type: application/json\n\n";
  if (!is_string && !scan.may_have_member) return plain + payload;
  const json tree = json::parse(payload, nullptr, false);
  if (tree.is_discarded()) return not_json;  // a number past a double's range
  if (tree.is_object() && tree.contains("statusCode")) return TreeReading(tree).Read();
  return plain + (is_string ? tree.get<std::string>() : payload);
}

std::string PreludeByTree(const std::string& prelude) {
  if (NestsDeeperThan(prelude, kForeignJsonDepthMax)) return Wrong("its prelude is nested too deep");
  json head = json::parse(prelude, nullptr, false);
  if (!head.is_object()) return Wrong("its prelude is no JSON object");
  head.erase("body");
  if (!head.contains("statusCode")) head["statusCode"] = 200;
  return TreeReading(head).Read();
}

std::string TextOf(const Result<HttpAnswer>& answer) {
  if (!answer.ok()) return answer.error().message;
  std::string text = std::to_string(answer->status) + "\n";
  for (const http::Header& header : answer->headers)
    text.append(header.name).append(": ").append(header.value).append("\n");
  return text + "\n" + answer->body;
}

void CheckBoth(const std::string& payload) {
  INFO(payload);
  CHECK(TextOf(AnswerFromPayload(payload, "application/json")) == ByTree(payload));
  CHECK(TextOf(HeadFromPrelude(payload)) == PreludeByTree(payload));
}

// Values of each kind, and what is odd about them.
const std::vector<std::string> kValues = {
    "null",
    "true",
    "false",
    "0",
    "-0",
    "200",
    "201",
    "0200",
    "2e2",
    "200.0",
    "199",
    "599",
    "600",
    "99999999999999999999",
    "1e999",
    "-1e999",
    "1.5",
    "1E-7",
    "[]",
    "{}",
    "[1,\"a\"]",
    R"({"b":1,"a":[{}],"b":2})",
    R"("")",
    R"("200")",
    R"("text/html")",
    R"("a\nb")",
    R"("a\u000db")",
    R"("a\u0000b")",
    R"("\"\\\/\b\f\n\r\t")",
    R"("\u00e9\u20ac\ud83d\ude00")",
    R"("aGk=")",
    R"("aGk")",
    R"("%")",
    "\"\xc3\xa9\"",
    "\"\xff\"",
    "\" { [ , ] } : \"",
    R"(["a=1","b=2; Secure"])",
    R"([null])",
    R"(["a\nb"])",
    R"(["\u0061"])",
    R"({"content-type":"text/html"})",
    R"({"Content-Type":"a","content-type":"b","X-N":3,"x-t":true,"x-f":1.25e2,"x-0":null})",
    R"({"b":"1","a":"2","b":"3","\u0062":"4"})",
    R"({"x y":"1"})",
    R"({"":"1"})",
    R"({"x-list":[]})",
    R"({"x-object":{}})",
    R"({"z bad":1,"a\n":2})",
    R"({"Connection":"close","TE":"x","x":"\ud83d\ude00"})",
    R"({"x":"a\r\nb: c"})",
    R"({"caf\u00e9":"1"})"};
const std::vector<std::string> kNames = {
    R"("statusCode")",        R"("headers")", R"("cookies")",         R"("body")",
    R"("isBase64Encoded")",   R"("other")",   R"("status\u0043ode")", R"("StatusCode")",
    R"("multiValueHeaders")", R"("")"};

}  // namespace

TEST_CASE("each odd value of each member is read as the tree has it", "[trigger][http]") {
  for (const std::string& value : kValues) {
    CheckBoth(value);
    CheckBoth(" \n" + value + "\t\r ");
    for (const std::string& name : kNames) {
      CheckBoth("{" + name + ":" + value + "}");
      CheckBoth("{\"statusCode\":201," + name + ":" + value + ",\"body\":\"aGk=\"}");
      CheckBoth("{ \"headers\" : {\"a\":\"1\"} , " + name + " : " + value + " , \"statusCode\" : 202 }");
      CheckBoth("{\"statusCode\":203,\"isBase64Encoded\":true," + name + ":" + value + "}");
    }
  }
}

TEST_CASE("texts that are hardly JSON are judged as the tree's parser judges them", "[trigger][http]") {
  const std::string whole =
      R"({"statusCode":200,"headers":{"a":"b\u00e9"},"cookies":["c"],"body":"x\\","n":[1e5,{"z":-0.5}]})";
  for (size_t cut = 0; cut <= whole.size(); ++cut) CheckBoth(whole.substr(0, cut));
  for (size_t at = 0; at < whole.size(); ++at) {
    for (const char put : {'"', '\\', '{', '}', '[', ']', ',', ':', '0', 'e', ' ', '\x01', '\xc3'}) {
      std::string changed = whole;
      changed[at] = put;
      CheckBoth(changed);
    }
  }
  CheckBoth("\xEF\xBB\xBF" + whole);
  const auto nested = [](size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); };
  CheckBoth("{\"statusCode\":200,\"body\":" + nested(255) + "}");
  CheckBoth("{\"statusCode\":200,\"body\":" + nested(256) + "}");
  const std::string digits(400, '9');
  CheckBoth("{\"statusCode\":200,\"body\":" + digits + "}");
  CheckBoth("{\"statusCode\":200,\"other\":" + digits.substr(0, 301) + ".5}");
  CheckBoth("{\"statusCode\":200,\"other\":[" + digits + "]}");
}

// Of a prelude that ends in more zeros than eight, the rest lies before them.
TEST_CASE("a zero in a prelude ends it", "[trigger][http]") {
  using namespace std::string_literals;
  for (const std::string& prelude : {"{\"statusCode\":201}\0"s, "{\"statusCode\":201}\0\0rest"s,
                                     "{\"statusCode\"\0:201}"s, "\0{\"statusCode\":201}"s, "{\"a\0\":1}"s}) {
    INFO(prelude);
    CHECK(TextOf(HeadFromPrelude(prelude)) == PreludeByTree(prelude));
    CHECK_FALSE(AnswerFromPayload(prelude, "application/json").ok());
  }
}

TEST_CASE("random answers are read as the tree has them", "[trigger][http]") {
  SeededRandom random(20261130);
  const auto below = [&random](size_t end) {
    std::array<std::byte, 4> raw;
    random.Fill(raw);
    uint32_t number = 0;
    std::memcpy(&number, raw.data(), sizeof number);
    return number % end;
  };
  const auto blank = [&]() -> std::string {
    return std::vector<std::string>{"", "", "", " ", "\n\t"}[below(5)];
  };
  for (int round = 0; round < 4'000; ++round) {
    std::string text = blank() + "{";
    for (size_t members = below(6), member = 0; member < members; ++member) {
      if (member > 0) text += "," + blank();
      text +=
          kNames[below(kNames.size())] + blank() + ":" + blank() + kValues[below(kValues.size())] + blank();
    }
    text += "}" + blank();
    if (below(4) == 0)
      text.insert(1, "\"statusCode\":200" + std::string(text.find(':') == text.npos ? "" : ","));
    if (below(8) == 0) text[below(text.size())] = static_cast<char>(below(256) | 1);  // no NUL: above
    CheckBoth(text);
  }
}

}  // namespace hearth
