#include <string>

#include <catch2/catch.hpp>
#include <hearth/hearth.h>
#include <hearth/testing.h>

using hearth::HttpEvent;
using hearth::HttpResponse;
using hearth::json;
using hearth::S3Event;
using hearth::SqsEvent;
using hearth::testing::SampleHttpEvent;
using hearth::testing::SampleS3Event;
using hearth::testing::SampleSqsEvent;

namespace {

template <class Event>
Event Read(const json& document) {
  Event event;
  hearth::internal::Decode(hearth::internal::JsonReader(document), event);
  return event;
}

// What is wrong with a document; empty if nothing is.
template <class Event>
std::string ProblemOf(const json& document) {
  try {
    (void)Read<Event>(document);
    return {};
  } catch (const hearth::EventError& error) {
    return error.what();
  }
}

json Without(json document, const char* pointer) {
  const json::json_pointer path(pointer);
  document.at(path.parent_pointer()).erase(path.back());
  return document;
}
json With(json document, const char* pointer, json value) {
  document[json::json_pointer(pointer)] = std::move(value);
  return document;
}

}  // namespace

TEST_CASE("an HTTP event is read field for field", "[sdk][events]") {
  json document = SampleHttpEvent("PUT", "/thumbs/cat", {{"size", "big one"}}, "hello");
  document["cookies"] = {"a=1", "b=2"};
  document["pathParameters"] = {{"name", "cat"}};
  const HttpEvent event = Read<HttpEvent>(document);
  CHECK(event.version == "2.0");
  CHECK(event.method() == "PUT");
  CHECK(event.raw_path == "/thumbs/cat");
  CHECK(event.raw_query_string == "size=big+one");
  CHECK(event.query("size") == "big one");
  CHECK(event.query("colour") == std::nullopt);
  CHECK(event.path_parameter("name") == "cat");
  CHECK(event.header("user-agent") == "sample");
  CHECK(event.cookies == std::vector<std::string>{"a=1", "b=2"});
  CHECK(event.body == "hello");
  CHECK(event.request_context.time_epoch_ms == 1583348638390);
  CHECK(event.request_context.source_ip == "127.0.0.1");
}

TEST_CASE("an HTTP body of any bytes arrives decoded", "[sdk][events]") {
  const std::string bytes("\xff\0\x80", 3);
  const HttpEvent event = Read<HttpEvent>(SampleHttpEvent("POST", "/", {}, bytes));
  CHECK(event.is_base64_encoded);
  CHECK(event.body == bytes);
}

TEST_CASE("an event that is wrong is refused by JSON path", "[sdk][events]") {
  const json http = SampleHttpEvent("GET", "/");
  CHECK(ProblemOf<HttpEvent>(http).empty());
  CHECK(ProblemOf<HttpEvent>(json::array()) == "$: must be an object, is array");
  CHECK(ProblemOf<HttpEvent>(With(http, "/version", "1.0")) == "$.version: must be \"2.0\", is \"1.0\"");
  CHECK(ProblemOf<HttpEvent>(Without(http, "/requestContext/http/method")) ==
        "$.requestContext.http.method: is missing");
  CHECK(ProblemOf<HttpEvent>(With(http, "/headers/host", 1)) ==
        "$.headers.host: must be a string, is number");
  CHECK(ProblemOf<HttpEvent>(With(http, "/cookies", json::array({"a", nullptr}))) ==
        "$.cookies[1]: must be a string, is null");
  CHECK(ProblemOf<HttpEvent>(With(With(http, "/isBase64Encoded", true), "/body", "?")) ==
        "$.body: is not base64, though isBase64Encoded is true");

  const json s3 = SampleS3Event("photos", "cat.jpg");
  CHECK(ProblemOf<S3Event>(s3).empty());
  CHECK(ProblemOf<S3Event>(Without(s3, "/Records/0/s3/object/key")) ==
        "$.Records[0].s3.object.key: is missing");
  CHECK(ProblemOf<S3Event>(With(s3, "/Records/0/s3/object/size", "big")) ==
        "$.Records[0].s3.object.size: must be a whole number, is string");
  CHECK(ProblemOf<S3Event>(With(s3, "/Records/0/s3/object/size", 0x8000000000000000u)) ==
        "$.Records[0].s3.object.size: is over the range of int64");
  CHECK(ProblemOf<S3Event>(SampleSqsEvent({"x"})) ==
        "$.Records[0].eventSource: must be \"aws:s3\", is \"aws:sqs\"");

  const json sqs = SampleSqsEvent({"x"});
  CHECK(ProblemOf<SqsEvent>(sqs).empty());
  CHECK(ProblemOf<SqsEvent>(Without(sqs, "/Records/0/messageAttributes")) ==
        "$.Records[0].messageAttributes: is missing");
  CHECK(ProblemOf<SqsEvent>(With(sqs, "/Records/0/attributes/SentTimestamp", 5)) ==
        "$.Records[0].attributes.SentTimestamp: must be a string, is number");
}

TEST_CASE("an S3 key is decoded and becomes a path", "[sdk][events]") {
  ::unsetenv("BUCKETS_ROOT");
  const S3Event event = Read<S3Event>(SampleS3Event("photos", "holiday 1/käse+wein 100%.jpg", 12));
  const auto& record = event.records.at(0);
  CHECK(record.object.key == "holiday+1/k%C3%A4se%2Bwein+100%25.jpg");
  CHECK(record.key() == "holiday 1/käse+wein 100%.jpg");
  CHECK(record.path() == "/mnt/buckets/photos/holiday 1/käse+wein 100%.jpg");
  CHECK(record.object.size == 12);
}

TEST_CASE("a key that would leave its bucket is refused", "[sdk][events]") {
  const std::string key =
      GENERATE(std::string("../secret"), "a/../../b", "a/..", "/etc/passwd", "", std::string("a\0b", 3));
  CHECK_THROWS_AS(Read<S3Event>(SampleS3Event("photos", key)).records.at(0).path(), hearth::EventError);
  CHECK_THROWS_AS(hearth::BucketPath("..", "a"), hearth::EventError);
  CHECK_THROWS_AS(hearth::BucketPath("a/b", "a"), hearth::EventError);
  CHECK_NOTHROW(hearth::BucketPath("photos", "a..b/..c"));
}

TEST_CASE("a key that is not percent-encoded is refused", "[sdk][events]") {
  const std::string key = GENERATE(std::string("%"), "a%4", "a%zz");
  const json document = With(SampleS3Event("photos", "x"), "/Records/0/s3/object/key", key);
  CHECK_THROWS_AS(Read<S3Event>(document).records.at(0).key(), hearth::EventError);
}

TEST_CASE("queue messages keep their attributes", "[sdk][events]") {
  json document = SampleSqsEvent({"body"});
  document["Records"][0]["attributes"]["ApproximateReceiveCount"] = "3";
  document["Records"][0]["messageAttributes"] = {
      {"colour", {{"stringValue", "blue"}, {"dataType", "String"}}},
      {"blob", {{"binaryValue", "AAE="}, {"dataType", "Binary"}}}};
  const auto message = Read<SqsEvent>(document).records.at(0);
  CHECK(message.approximate_receive_count() == 3);
  CHECK(message.message_attributes.at("colour").string_value == "blue");
  CHECK(message.message_attributes.at("blob").binary_value == std::string("\0\1", 2));
}

TEST_CASE("an HTTP response of text and of bytes", "[sdk][events]") {
  HttpResponse response = HttpResponse::Text("grüße", 404);
  response.cookies = {"a=1; Secure"};
  CHECK(hearth::internal::Encode(response) ==
        json({{"statusCode", 404},
              {"headers", {{"content-type", "text/plain; charset=utf-8"}}},
              {"cookies", {"a=1; Secure"}},
              {"body", "grüße"},
              {"isBase64Encoded", false}}));
  const json bytes = hearth::internal::Encode(HttpResponse{.body = "\xff\xd8"});
  CHECK(bytes.at("isBase64Encoded") == true);
  CHECK(bytes.at("body") == "/9g=");
}

TEST_CASE("a payload can be parsed as an event outside of a signature", "[sdk][events]") {
  const std::string payload = SampleS3Event("photos", "cat.jpg").dump();
  CHECK(hearth::ParseEvent<S3Event>(payload).records.size() == 1);
  CHECK_THROWS_AS(hearth::ParseEvent<SqsEvent>(payload), hearth::EventError);
}
