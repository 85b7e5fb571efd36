#include "triggers/queue/queue_event_json.h"

#include <unordered_set>

#include <nlohmann/json.hpp>

#include "runtime/base/base64.h"
#include "runtime/base/digest.h"
#include "runtime/base/json_depth.h"
#include "runtime/store/attributes_md5.h"

namespace hearth {
namespace {

using nlohmann::json;

constexpr std::string_view kHead = "{\"Records\":[";
constexpr std::string_view kTail = "]}";

bool IsBinary(const MessageAttribute& attribute) { return attribute.type.starts_with("Binary"); }

std::string EpochMillis(WallTime time) {
  return std::to_string(std::chrono::duration_cast<milliseconds>(time.time_since_epoch()).count());
}

json EncodeAttribute(const MessageAttribute& attribute) {
  json out = {
      {"dataType", attribute.type}, {"stringListValues", json::array()}, {"binaryListValues", json::array()}};
  if (IsBinary(attribute)) {
    out["binaryValue"] = Base64Encode(attribute.value);
  } else {
    out["stringValue"] = attribute.value;
  }
  return out;
}

json EncodeSystemAttributes(const QueueAddress& address, const QueueMessage& message) {
  json out = {{"ApproximateReceiveCount", std::to_string(message.receive_count)},
              {"SentTimestamp", EpochMillis(message.sent)},
              {"SenderId", address.account},
              {"ApproximateFirstReceiveTimestamp", EpochMillis(message.first_received)}};
  if (!message.dead_letter_source.empty()) {
    out["DeadLetterQueueSourceArn"] =
        QueueAddress{address.region, address.account, message.dead_letter_source}.Arn();
  }
  return out;
}

std::string EncodeRecord(const QueueAddress& address, const QueueMessage& message) {
  json record = {{"messageId", message.message_id},
                 {"receiptHandle", message.receipt_handle},
                 {"body", message.body},
                 {"attributes", EncodeSystemAttributes(address, message)},
                 {"messageAttributes", json::object()},
                 {"md5OfBody", Md5Hex(message.body)},
                 {"eventSource", "aws:sqs"},
                 {"eventSourceARN", address.Arn()},
                 {"awsRegion", address.region}};
  for (const auto& [name, attribute] : message.attributes) {
    record["messageAttributes"][name] = EncodeAttribute(attribute);
  }
  if (!message.attributes.empty()) record["md5OfMessageAttributes"] = Md5OfAttributes(message.attributes);
  // A body is any bytes to the store; what is not UTF-8 cannot stand in JSON and is replaced.
  return record.dump(-1, ' ', false, json::error_handler_t::replace);
}

BatchVerdict WholeBatchFailed(std::string why) { return {true, std::move(why), {}}; }

BatchVerdict JudgeItems(const json& items, std::span<const std::string> message_ids) {
  const std::unordered_set<std::string_view> in_batch(message_ids.begin(), message_ids.end());
  BatchVerdict verdict;
  for (const json& item : items) {
    if (!item.is_object() || !item.contains("itemIdentifier") || !item["itemIdentifier"].is_string()) {
      return WholeBatchFailed("an element of batchItemFailures has no itemIdentifier");
    }
    const auto& id = item["itemIdentifier"].get_ref<const std::string&>();
    if (!in_batch.contains(id)) {
      return WholeBatchFailed("itemIdentifier \"" + id + "\" is of no message in the batch");
    }
    verdict.failed.push_back(id);
  }
  return verdict;
}

}  // namespace

QueueEvent EncodeQueueEvent(const QueueAddress& address, std::span<const QueueMessage> messages,
                            size_t payload_bytes_max) {
  QueueEvent event{std::string(kHead), 0};
  for (const QueueMessage& message : messages) {
    const std::string record = EncodeRecord(address, message);
    const bool first = event.messages == 0;
    if (!first && event.payload.size() + 1 + record.size() + kTail.size() > payload_bytes_max) break;
    if (!first) event.payload += ',';
    event.payload += record;
    ++event.messages;
  }
  event.payload += kTail;
  return event;
}

BatchVerdict JudgeBatchAnswer(std::string_view answer, std::span<const std::string> message_ids) {
  if (answer.empty()) return {};  // a handler that returns nothing
  if (NestsDeeperThan(answer, kForeignJsonDepthMax)) return WholeBatchFailed("the answer is nested too deep");
  const json document = json::parse(answer, nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded()) return WholeBatchFailed("the answer is not JSON");
  if (document.is_null() || (document.is_object() && document.empty())) return {};
  if (!document.is_object() || !document.contains("batchItemFailures")) {
    return WholeBatchFailed("the answer has no batchItemFailures");
  }
  const json& items = document["batchItemFailures"];
  if (items.is_null()) return {};
  if (!items.is_array()) return WholeBatchFailed("batchItemFailures is not a list");
  return JudgeItems(items, message_ids);
}

}  // namespace hearth
