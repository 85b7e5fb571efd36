#include "triggers/http/http_answer.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

namespace hearth {
namespace {

using nlohmann::json;

const RequestId kRequest("6bc28136-aaaa-4365-b021-0ce6b2e64ab0");

HttpAnswer Answered(std::string_view payload, std::string_view type = "application/json") {
  auto answer = AnswerFromPayload(std::string(payload), type);
  REQUIRE(answer.ok());
  return std::move(answer).value();
}

std::string HeaderOf(const HttpAnswer& answer, const std::string& name) {
  std::string values;
  for (const auto& [key, value] : answer.headers) {
    if (key == name) values.append(values.empty() ? "" : "|").append(value);
  }
  return values;
}

Outcome Ended(OutcomeKind kind) {
  Outcome outcome;
  outcome.kind = kind;
  outcome.error = {"Some.Type", "a secret of the handler", ""};
  return outcome;
}

}  // namespace

TEST_CASE("object with statusCode is the response", "[trigger][http]") {
  const HttpAnswer answer = Answered(R"({"statusCode":201,"headers":{"Content-Type":"text/html","X-Count":3},
      "cookies":["a=1; Secure","b=2"],"body":"<p>hi</p>","isBase64Encoded":false})");
  CHECK(answer.status == 201);
  CHECK(answer.body == "<p>hi</p>");
  CHECK(HeaderOf(answer, "content-type") == "text/html");
  CHECK(HeaderOf(answer, "x-count") == "3");
  CHECK(HeaderOf(answer, "set-cookie") == "a=1; Secure|b=2");
}

TEST_CASE("base64 body goes out as bytes", "[trigger][http]") {
  CHECK(Answered(R"({"statusCode":200,"body":"/wD+","isBase64Encoded":true})").body ==
        std::string("\xff\x00\xfe", 3));
}

TEST_CASE("answer without statusCode is 200 with itself as the body", "[trigger][http]") {
  CHECK(Answered(R"({"hello": "world"})").body == R"({"hello": "world"})");
  CHECK(Answered("[1, 2]").body == "[1, 2]");
  CHECK(Answered("true").body == "true");
  CHECK(Answered("\"hello\"").body == "hello");  // without the quotes, as AWS does
  CHECK(Answered("[1]").status == 200);
  CHECK(HeaderOf(Answered("[1]"), "content-type") == "application/json");
}

TEST_CASE("answer that is not JSON goes out with its own type", "[trigger][http]") {
  const HttpAnswer answer = Answered("\"quoted\"", "text/plain");
  CHECK(answer.body == "\"quoted\"");
  CHECK(HeaderOf(answer, "content-type") == "text/plain");
}

TEST_CASE("answer that should be JSON and is not is refused, cut short or garbage", "[trigger][http]") {
  for (const std::string_view payload : {"", "hello", "{\"a\":", "\xff\xfe{{", "{} {}"}) {
    INFO(payload);
    CHECK_FALSE(AnswerFromPayload(std::string(payload), "application/json").ok());
    CHECK_FALSE(AnswerFromPayload(std::string(payload), "").ok());
  }
}

TEST_CASE("statusCode without headers has JSON's type", "[trigger][http]") {
  CHECK(HeaderOf(Answered(R"({"statusCode":404,"body":"{}"})"), "content-type") == "application/json");
}

// Goal: data in a handler's answer can never become headers or framing of ours.
TEST_CASE("response that HTTP cannot carry is refused", "[trigger][http]") {
  for (const char* payload :
       {R"({"statusCode":99})", R"({"statusCode":600})", R"({"statusCode":"200"})", R"({"statusCode":101})",
        R"({"statusCode":200,"headers":{"x":"a\r\nset-cookie: b"}})",
        R"({"statusCode":200,"headers":{"a b":"c"}})", R"({"statusCode":200,"headers":{"":"c"}})",
        R"({"statusCode":200,"headers":{"a":{}}})", R"({"statusCode":200,"headers":[]})",
        R"({"statusCode":200,"cookies":["a\nb"]})", R"({"statusCode":200,"cookies":"a"})",
        R"({"statusCode":200,"body":"***","isBase64Encoded":true})"}) {
    INFO(payload);
    CHECK_FALSE(AnswerFromPayload(std::string(payload), "application/json").ok());
  }
}

// A bug once: the daemon's stack overflowed while it wrote such a value.
TEST_CASE("response nested as deeply as a handler likes is refused", "[trigger][http]") {
  const auto nested = [](size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); };
  const std::string place = GENERATE(R"({"statusCode":200,"body":)", R"({"statusCode":)",
                                     R"({"statusCode":200,"headers":{"x":0},"multiValueHeaders":)");
  const auto deep = AnswerFromPayload(place + nested(1'000'000) + "}", "application/json");
  REQUIRE_FALSE(deep.ok());
  CHECK(deep.error().message.find("nested") != std::string::npos);
  CHECK(Answered(R"({"statusCode":200,"body":)" + nested(100) + "}").body == nested(100));
}

TEST_CASE("headers of the connection are not a handler's to set", "[trigger][http]") {
  const HttpAnswer answer = Answered(
      R"({"statusCode":200,"headers":{"Content-Length":"999","Transfer-Encoding":"chunked","Connection":"close"}})");
  REQUIRE(answer.headers.size() == 1);
  CHECK(answer.headers[0].name == "content-type");
}

TEST_CASE("each end of an invocation has its status", "[trigger][http]") {
  const std::vector<std::pair<OutcomeKind, int>> statuses = {
      {OutcomeKind::kFunctionError, 502}, {OutcomeKind::kCrash, 502},
      {OutcomeKind::kOutOfMemory, 502},   {OutcomeKind::kInitError, 502},
      {OutcomeKind::kTimeout, 504},       {OutcomeKind::kInitTimeout, 504},
      {OutcomeKind::kThrottled, 429},     {OutcomeKind::kPlatformFault, 503},
      {OutcomeKind::kCancelled, 503}};
  for (const auto& [kind, status] : statuses) {
    INFO(NameOf(kind));
    const HttpAnswer answer = AnswerFromOutcome(Ended(kind), kRequest);
    CHECK(answer.status == status);
    const json body = json::parse(answer.body);
    CHECK(body["errorType"] == "Some.Type");
    CHECK(body["requestId"] == kRequest.text());
    CHECK(answer.body.find("secret") == std::string::npos);
  }
}

TEST_CASE("handler error reads as on AWS", "[trigger][http]") {
  CHECK(json::parse(AnswerFromOutcome(Ended(OutcomeKind::kFunctionError), kRequest).body)["message"] ==
        "Internal Server Error");
}

TEST_CASE("response that cannot be sent is 502 and says why", "[trigger][http]") {
  Outcome outcome;
  outcome.kind = OutcomeKind::kSuccess;
  outcome.payload = R"({"statusCode":700})";
  const HttpAnswer answer = AnswerFromOutcome(outcome, kRequest);
  CHECK(answer.status == 502);
  CHECK(json::parse(answer.body)["errorType"] == "Runtime.InvalidHttpResponse");
  CHECK(answer.body.find("700") != std::string::npos);
}

TEST_CASE("each reason that nothing ran has its status", "[trigger][http]") {
  const std::vector<std::pair<ErrorCode, int>> statuses = {
      {ErrorCode::kNotFound, 404}, {ErrorCode::kTooLarge, 413},    {ErrorCode::kThrottled, 429},
      {ErrorCode::kTimedOut, 504}, {ErrorCode::kUnavailable, 503}, {ErrorCode::kInternal, 500}};
  for (const auto& [code, status] : statuses) {
    INFO(NameOf(code));
    const HttpAnswer answer = AnswerFromError({code, "because"}, kRequest);
    CHECK(answer.status == status);
    CHECK(json::parse(answer.body)["message"] == "because");
    CHECK((HeaderOf(answer, "retry-after") != "") == (status == 429 || status == 503));
  }
}

}  // namespace hearth
