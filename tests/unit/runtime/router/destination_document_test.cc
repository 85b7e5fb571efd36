#include "runtime/router/destination_document.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

namespace hearth {
namespace {

using nlohmann::json;

AsyncInvocation Failed() {
  AsyncInvocation invocation;
  invocation.request_id = RequestId("c0ffee00-0000-4000-8000-000000000000");
  invocation.function = "resize";
  invocation.end = EventEnd::kRetriesExhausted;
  Outcome outcome;
  outcome.kind = OutcomeKind::kFunctionError;
  outcome.executed_version = "$LATEST";
  outcome.error = {"std::runtime_error", "no such picture", ""};
  for (uint32_t attempt = 1; attempt <= 3; ++attempt) AddAttempt(invocation, attempt, outcome);
  return invocation;
}

std::string Document(const AsyncInvocation& invocation, std::string_view request, std::string_view response,
                     uint64_t bytes_max = 1 << 20) {
  return DestinationDocument(
      {invocation, "arn:aws:lambda:us-east-1:000000000000:function:resize:$LATEST", request, response},
      WallTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / 29)), bytes_max);
}

TEST_CASE("a destination's document has Lambda's members, payloads as they came", "[destination]") {
  const std::string text = Document(Failed(), R"({"b":1,"a":[2]})", R"({"errorType":"E"})");
  CHECK(text.find(R"("requestPayload":{"b":1,"a":[2]})") != std::string::npos);
  const json document = json::parse(text);
  CHECK(document["version"] == "1.0");
  CHECK(document["timestamp"] == "2026-11-29T00:00:00.000Z");
  CHECK(document["requestContext"] ==
        json({{"requestId", "c0ffee00-0000-4000-8000-000000000000"},
              {"functionArn", "arn:aws:lambda:us-east-1:000000000000:function:resize:$LATEST"},
              {"condition", "RetriesExhausted"},
              {"approximateInvokeCount", 3}}));
  CHECK(document["responseContext"] ==
        json({{"statusCode", 200}, {"executedVersion", "$LATEST"}, {"functionError", "Unhandled"}}));
  CHECK(document["responsePayload"]["errorType"] == "E");
}

TEST_CASE("a success has no functionError; what never ran has no response", "[destination]") {
  AsyncInvocation invocation = Failed();
  invocation.end = EventEnd::kSuccess;
  CHECK_FALSE(json::parse(Document(invocation, "{}", "\"ok\""))["responseContext"].contains("functionError"));
  invocation.end = EventEnd::kEventAgeExceeded;
  invocation.attempts.clear();
  const json never = json::parse(Document(invocation, "{}", ""));
  CHECK(never["requestContext"]["condition"] == "EventAgeExceeded");
  CHECK_FALSE(never.contains("responseContext"));
  CHECK_FALSE(never.contains("responsePayload"));
}

TEST_CASE("payloads that are no JSON are strings", "[destination]") {
  const json document = json::parse(Document(Failed(), "plain \"text\"", std::string(300, '[')));
  CHECK(document["requestPayload"] == "plain \"text\"");
  CHECK(document["responsePayload"] == std::string(300, '['));
}

TEST_CASE("what is too long is left out, the response first, and said", "[destination]") {
  const std::string big = "\"" + std::string(1000, 'x') + "\"";
  const std::string whole = Document(Failed(), big, big);
  CHECK_FALSE(json::parse(Document(Failed(), big, big, whole.size())).contains("hearth"));
  const json without_response = json::parse(Document(Failed(), big, big, whole.size() - 1));
  CHECK(without_response["responsePayload"].is_null());
  CHECK(without_response["requestPayload"].is_string());
  CHECK(without_response["hearth"]["omitted"] == json::array({"responsePayload"}));
  const json without_both = json::parse(Document(Failed(), big, big, 900));
  CHECK(without_both["requestPayload"].is_null());
  CHECK(without_both["hearth"]["omitted"].size() == 2);
}

TEST_CASE("a dead letter is the bare event with Lambda's three attributes", "[destination]") {
  const auto letter = DeadLetter(Failed(), "{\"key\":1}");
  CHECK(letter.body == "{\"key\":1}");
  CHECK(letter.attributes.at("RequestID").value == "c0ffee00-0000-4000-8000-000000000000");
  CHECK(letter.attributes.at("ErrorCode").type == "Number");
  CHECK(letter.attributes.at("ErrorCode").value == "200");
  CHECK(letter.attributes.at("ErrorMessage").value == "no such picture");
  AsyncInvocation off = Failed();
  off.end = EventEnd::kFunctionOff;
  CHECK(DeadLetter(off, "{}").attributes.at("ErrorCode").value == "429");
}

}  // namespace
}  // namespace hearth
