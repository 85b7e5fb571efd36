#include "triggers/queue/filter_criteria.h"

#include <catch2/catch.hpp>

namespace hearth {
namespace {

const QueueAddress kOrders{"us-east-1", "000000000000", "orders"};

QueueMessage Message(std::string body) {
  QueueMessage message;
  message.message_id = "11111111-2222-4333-8444-555555555555";
  message.body = std::move(body);
  message.attributes["kind"] = {"String", "order"};
  message.attributes["weight"] = {"Number", "12"};
  message.attributes["seal"] = {"Binary", std::string("\x01\x02", 2)};
  message.receive_count = 2;
  return message;
}

bool Wants(const std::vector<std::string>& patterns, const std::string& body,
           FilterCriteria::Seen seen = FilterCriteria::Seen::kReceived) {
  const auto criteria = FilterCriteria::Compile(patterns);
  INFO((criteria.ok() ? "" : criteria.error().message));
  REQUIRE(criteria.ok());
  return criteria->Wants(kOrders, Message(body), seen);
}

std::string WhyRefused(const std::vector<std::string>& patterns) {
  const auto criteria = FilterCriteria::Compile(patterns);
  REQUIRE_FALSE(criteria.ok());
  CHECK(criteria.error().code == ErrorCode::kInvalidArgument);
  return criteria.error().message;
}

TEST_CASE("without filters every message is wanted", "[queue][filter]") {
  CHECK(Wants({}, "anything"));
  CHECK(FilterCriteria::Compile({})->wants_all());
}

TEST_CASE("several filters are or'ed", "[queue][filter]") {
  const std::vector<std::string> either = {R"({"body":{"a":[1]}})", R"({"body":{"b":[2]}})"};
  CHECK(Wants(either, R"({"a":1})"));
  CHECK(Wants(either, R"({"b":2})"));
  CHECK_FALSE(Wants(either, R"({"a":2,"b":1})"));
}

// AWS's table of bodies and patterns.
TEST_CASE("body and pattern must both be JSON, or neither", "[queue][filter]") {
  const std::string fields = R"({"body":{"a":[{"exists":false}]}})";
  const std::string whole = R"({"body":[{"prefix":"Result: "}]})";
  const std::string neither = R"({"eventSource":["aws:sqs"]})";
  SECTION("JSON body") {
    CHECK(Wants({fields}, R"({"b":1})"));
    CHECK(Wants({fields}, R"( [{"b":1}])"));
    CHECK_FALSE(Wants({R"({"body":[{"anything-but":"x"}]})"}, R"({"b":1})"));
    CHECK(Wants({neither}, R"({"b":1})"));
  }
  SECTION("plain body") {
    CHECK_FALSE(Wants({fields}, "Result: 5"));
    CHECK(Wants({whole}, "Result: 5"));
    CHECK_FALSE(Wants({whole}, "Outcome: 5"));
    CHECK(Wants({neither}, "Result: 5"));
  }
  SECTION("a body that only begins like JSON is plain") {
    CHECK_FALSE(Wants({fields}, R"({"b":)"));
    CHECK(Wants({R"({"body":[{"prefix":"{"}]})"}, R"({"b":)"));
  }
  SECTION("a JSON number or string alone is plain text") {
    CHECK(Wants({R"({"body":["123"]})"}, "123"));
    CHECK_FALSE(Wants({R"({"body":[123]})"}, "123"));
    CHECK_FALSE(Wants({fields}, "123"));
  }
  SECTION("each way through $or has its own wish") {
    const std::string either = R"({"$or":[{"body":{"a":[1]}},{"body":["plain"]}]})";
    CHECK(Wants({either}, R"({"a":1})"));
    CHECK(Wants({either}, "plain"));
    CHECK_FALSE(Wants({either}, R"({"a":2})"));
  }
}

TEST_CASE("fields of the record besides the body", "[queue][filter]") {
  CHECK(Wants({R"({"messageAttributes":{"kind":{"stringValue":["order"]}}})"}, "x"));
  CHECK_FALSE(Wants({R"({"messageAttributes":{"kind":{"stringValue":["refund"]}}})"}, "x"));
  CHECK(Wants({R"({"messageAttributes":{"kind":{"dataType":["String"]}}})"}, "x"));
  CHECK(Wants({R"({"messageAttributes":{"none":{"stringValue":[{"exists":false}]}}})"}, "x"));
  // A Number travels as text, at AWS too.
  CHECK(Wants({R"({"messageAttributes":{"weight":{"stringValue":["12"]}}})"}, "x"));
  CHECK_FALSE(Wants({R"({"messageAttributes":{"weight":{"stringValue":[{"numeric":["=",12]}]}}})"}, "x"));
  CHECK(Wants({R"({"messageAttributes":{"seal":{"binaryValue":["AQI="]}}})"}, "x"));
  CHECK(Wants({R"({"eventSourceARN":[{"suffix":":orders"}]})"}, "x"));
  CHECK(Wants({R"({"awsRegion":["us-east-1"]})"}, "x"));
  CHECK(Wants({R"({"md5OfBody":["9dd4e461268c8034f5c8564e155c67a6"]})"}, "x"));
  CHECK(Wants({R"({"md5OfMessageAttributes":[{"exists":true}]})"}, "x"));
  CHECK(Wants({R"({"messageId":[{"prefix":"1111"}]})"}, "x"));
  CHECK(Wants({R"({"attributes":{"SenderId":["000000000000"]}})"}, "x"));
}

TEST_CASE("a message that was only looked at counts as received once more", "[queue][filter]") {
  const std::string third = R"({"attributes":{"ApproximateReceiveCount":["3"]}})";
  CHECK(Wants({third}, "x", FilterCriteria::Seen::kPeeked));
  CHECK_FALSE(Wants({third}, "x", FilterCriteria::Seen::kReceived));
}

TEST_CASE("criteria that are refused", "[queue][filter]") {
  CHECK(WhyRefused({"simple string"}).starts_with("Invalid filter pattern definition."));
  CHECK(WhyRefused({"null"}).starts_with("Invalid filter pattern definition."));
  CHECK(WhyRefused({R"({"eventSource":"aws:sqs"})"}).starts_with("Invalid filter pattern definition."));
  CHECK(WhyRefused({R"({"eventSource":[]})"}).starts_with("Invalid filter pattern definition."));
  CHECK_THAT(WhyRefused({R"({"Body":{"a":[1]}})"}), Catch::Contains("no field \"Body\""));
  CHECK_THAT(WhyRefused({R"({"$or":[{"body":{"a":[1]}},{"data":["x"]}]})"}), Catch::Contains("\"data\""));
  CHECK_THAT(WhyRefused({R"({"receiptHandle":["x"]})"}), Catch::Contains("receiptHandle"));
  CHECK_THAT(WhyRefused({R"({"attributes":{"ApproximateFirstReceiveTimestamp":["1"]}})"}),
             Catch::Contains("only once a message is received"));
}

TEST_CASE("filters and their size have limits", "[queue][filter]") {
  const std::string pattern = R"({"body":["x"]})";
  CHECK(FilterCriteria::Compile(std::vector<std::string>(FilterCriteria::kFiltersMax, pattern)).ok());
  CHECK_THAT(WhyRefused(std::vector<std::string>(FilterCriteria::kFiltersMax + 1, pattern)),
             Catch::Contains("at most 5"));
  const auto of_size = [](size_t bytes) {
    const std::string empty = R"({"body":[""]})";
    return empty.substr(0, 10) + std::string(bytes - empty.size(), 'x') + empty.substr(10);
  };
  REQUIRE(of_size(FilterCriteria::kPatternBytesMax).size() == FilterCriteria::kPatternBytesMax);
  CHECK(FilterCriteria::Compile({of_size(FilterCriteria::kPatternBytesMax)}).ok());
  CHECK_THAT(WhyRefused({of_size(FilterCriteria::kPatternBytesMax + 1)}), Catch::Contains("4097 bytes"));
}

}  // namespace
}  // namespace hearth
