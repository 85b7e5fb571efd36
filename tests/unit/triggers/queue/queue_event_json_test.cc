#include "triggers/queue/queue_event_json.h"

#include <catch2/catch.hpp>
#include <hearth/sqs_event.h>
#include <nlohmann/json.hpp>

namespace hearth {
namespace {

const QueueAddress kAddress{"us-east-1", "000000000000", "orders"};

QueueMessage AMessage() {
  QueueMessage message;
  message.message_id = "id-1";
  message.receipt_handle = "handle-1";
  message.body = "{\"order\":7}";
  message.receive_count = 3;
  message.sent = WallTime(std::chrono::milliseconds(1523232000000));
  message.first_received = WallTime(std::chrono::milliseconds(1523232000001));
  return message;
}

TEST_CASE("a batch is what the SDK decodes", "[queue]") {
  QueueMessage message = AMessage();
  message.attributes["k"] = {"String", "v"};
  message.attributes["raw"] = {"Binary", std::string("\0\xff", 2)};
  const QueueEvent event = EncodeQueueEvent(kAddress, std::vector{message}, 1 << 20);
  const auto document = nlohmann::json::parse(event.payload);
  SqsEvent decoded;
  internal::Decode(internal::JsonReader(document), decoded);
  REQUIRE(decoded.records.size() == 1);
  const SqsMessage& record = decoded.records[0];
  CHECK(record.message_id == "id-1");
  CHECK(record.receipt_handle == "handle-1");
  CHECK(record.body == "{\"order\":7}");
  CHECK(record.md5_of_body.size() == 32);
  CHECK(record.approximate_receive_count() == 3);
  CHECK(record.attributes.at("SentTimestamp") == "1523232000000");
  CHECK(record.event_source_arn == "arn:aws:sqs:us-east-1:000000000000:orders");
  CHECK(record.message_attributes.at("k").string_value == "v");
  CHECK(record.message_attributes.at("raw").binary_value == std::string("\0\xff", 2));
}

TEST_CASE("a body that is not UTF-8 still makes an event", "[queue]") {
  QueueMessage message = AMessage();
  message.body = "caf\xe9";
  const QueueEvent event = EncodeQueueEvent(kAddress, std::vector{message}, 1 << 20);
  CHECK(nlohmann::json::accept(event.payload));
}

TEST_CASE("a message over the limit goes alone", "[queue]") {
  QueueMessage big = AMessage();
  big.body = std::string(5000, 'x');
  const std::vector<QueueMessage> messages{big, AMessage()};
  CHECK(EncodeQueueEvent(kAddress, messages, 1000).messages == 1);
  CHECK(EncodeQueueEvent(kAddress, messages, 100'000).messages == 2);
}

TEST_CASE("a payload may be exactly at the limit", "[queue]") {
  const std::vector<QueueMessage> messages{AMessage(), AMessage()};
  const size_t whole = EncodeQueueEvent(kAddress, messages, 1 << 20).payload.size();
  CHECK(EncodeQueueEvent(kAddress, messages, whole).messages == 2);
  CHECK(EncodeQueueEvent(kAddress, messages, whole - 1).messages == 1);
}

TEST_CASE("answers that mean that every message succeeded", "[queue]") {
  const std::vector<std::string> ids{"a", "b"};
  for (const char* answer :
       {"", "null", "{}", R"({"batchItemFailures":[]})", R"({"batchItemFailures":null})"}) {
    INFO(answer);
    const BatchVerdict verdict = JudgeBatchAnswer(answer, ids);
    CHECK_FALSE(verdict.whole_batch_failed);
    CHECK(verdict.failed.empty());
  }
}

TEST_CASE("answers that fail the whole batch", "[queue]") {
  const std::vector<std::string> ids{"a", "b"};
  for (const char* answer : {"{", "\"ok\"", "[]", R"({"foo":"notvalid"})", R"({"batchItemFailures":{}})",
                             R"({"batchItemFailures":[{"itemIdentifier":""}]})",
                             R"({"batchItemFailures":[{"itemIdentifier":null}]})",
                             R"({"batchItemFailures":[{"foo":"a"}]})", R"({"batchItemFailures":["a"]})",
                             R"({"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"c"}]})"}) {
    INFO(answer);
    const BatchVerdict verdict = JudgeBatchAnswer(answer, ids);
    CHECK(verdict.whole_batch_failed);
    CHECK_FALSE(verdict.why.empty());
  }
}

TEST_CASE("an answer that names messages fails those", "[queue]") {
  const std::vector<std::string> ids{"a", "b", "c"};
  const auto verdict = JudgeBatchAnswer(R"({"batchItemFailures":[{"itemIdentifier":"b"}]})", ids);
  CHECK_FALSE(verdict.whole_batch_failed);
  CHECK(verdict.failed == std::vector<std::string>{"b"});
}

}  // namespace
}  // namespace hearth
