#include "triggers/queue/queue_event_json.h"

#include <unordered_set>
#include <utility>

#include <nlohmann/json.hpp>

#include "runtime/base/base64.h"
#include "runtime/base/digest.h"
#include "runtime/base/json_depth.h"
#include "runtime/base/json_text.h"
#include "runtime/store/attributes_md5.h"
#include "runtime/store/system_attributes.h"

namespace hearth {
namespace {

using nlohmann::json;

constexpr std::string_view kHead = "{\"Records\":[";
constexpr std::string_view kTail = "]}";

std::string EpochMillis(WallTime time) {
  return std::to_string(std::chrono::duration_cast<milliseconds>(time.time_since_epoch()).count());
}

// AWS's order. Values are plain text: nothing in them needs escaping but what AppendJsonString does.
template <class Visit>
void VisitSystemAttributes(const QueueAddress& address, const QueueMessage& message, const Visit& visit) {
  visit("ApproximateReceiveCount", std::to_string(message.receive_count));
  visit("SentTimestamp", EpochMillis(message.sent));
  visit("SenderId", address.account);
  visit("ApproximateFirstReceiveTimestamp", EpochMillis(message.first_received));
  if (!message.dead_letter_source.empty()) {
    visit("DeadLetterQueueSourceArn",
          QueueAddress{address.region, address.account, message.dead_letter_source}.Arn());
  }
  if (message.sequence_number > 0) visit("SequenceNumber", SequenceText(message.sequence_number));
  if (!message.group_id.empty()) visit("MessageGroupId", message.group_id);
  if (!message.deduplication_id.empty()) visit("MessageDeduplicationId", message.deduplication_id);
  if (const auto header = message.attributes.find(kTraceHeaderAttribute); header != message.attributes.end())
    visit("AWSTraceHeader", header->second.value);
}

void AppendMember(std::string& out, std::string_view name, std::string_view value) {
  out += ",\"";
  out += name;
  out += "\":";
  AppendJsonString(out, value);
}

void AppendAttribute(std::string& out, const std::string& name, const MessageAttribute& attribute) {
  AppendJsonString(out, name);
  if (attribute.type.starts_with("Binary")) {
    out += ":{\"binaryValue\":";
    AppendJsonString(out, Base64Encode(attribute.value));
  } else {
    out += ":{\"stringValue\":";
    AppendJsonString(out, attribute.value);
  }
  AppendMember(out, "dataType", attribute.type);
  out += ",\"stringListValues\":[],\"binaryListValues\":[]}";
}

// Written by hand: a tree of small objects for each of thousands of messages a second is what costs.
void AppendRecord(std::string& out, const QueueAddress& address, const std::string& arn,
                  const QueueMessage& message) {
  out += "{\"messageId\":";
  AppendJsonString(out, message.message_id);
  AppendMember(out, "receiptHandle", message.receipt_handle);
  AppendMember(out, "body", message.body);
  out += ",\"attributes\":{";
  bool first = true;
  VisitSystemAttributes(address, message, [&](std::string_view name, std::string_view value) {
    if (!std::exchange(first, false)) out += ',';
    out += '"';
    out += name;
    out += "\":";
    AppendJsonString(out, value);
  });
  out += "},\"messageAttributes\":{";
  first = true;
  for (const auto& [name, attribute] : message.attributes) {
    if (name == kTraceHeaderAttribute) continue;
    if (!std::exchange(first, false)) out += ',';
    AppendAttribute(out, name, attribute);
  }
  out += '}';
  if (!first) AppendMember(out, "md5OfMessageAttributes", Md5OfUserAttributes(message));
  AppendMember(out, "md5OfBody", Md5Hex(message.body));
  AppendMember(out, "eventSource", "aws:sqs");
  AppendMember(out, "eventSourceARN", arn);
  AppendMember(out, "awsRegion", address.region);
  out += '}';
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

std::string Md5OfUserAttributes(const QueueMessage& message) {
  if (!message.attributes.contains(kTraceHeaderAttribute)) return Md5OfAttributes(message.attributes);
  auto user = message.attributes;
  user.erase(kTraceHeaderAttribute);
  return Md5OfAttributes(user);
}

std::vector<std::pair<std::string_view, std::string>> SystemAttributesOf(const QueueAddress& address,
                                                                         const QueueMessage& message) {
  std::vector<std::pair<std::string_view, std::string>> all;
  VisitSystemAttributes(address, message, [&](std::string_view name, std::string value) {
    all.emplace_back(name, std::move(value));
  });
  return all;
}

QueueEvent EncodeQueueEvent(const QueueAddress& address, std::span<const QueueMessage> messages,
                            size_t payload_bytes_max) {
  QueueEvent event{std::string(kHead), 0};
  const std::string arn = address.Arn();
  for (const QueueMessage& message : messages) {
    const size_t before = event.payload.size();
    const bool first = event.messages == 0;
    if (!first) event.payload += ',';
    AppendRecord(event.payload, address, arn, message);
    if (!first && event.payload.size() + kTail.size() > payload_bytes_max) {
      event.payload.resize(before);
      break;
    }
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
