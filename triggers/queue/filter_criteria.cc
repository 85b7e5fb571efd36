#include "triggers/queue/filter_criteria.h"

#include <algorithm>

#include "runtime/base/base64.h"
#include "runtime/base/digest.h"
#include "runtime/store/system_attributes.h"

namespace hearth {
namespace {

constexpr std::string_view kFields[] = {
    "messageId",     "body",        "attributes", "messageAttributes",
    "md5OfBody",     "eventSource", "awsRegion",  "md5OfMessageAttributes",
    "eventSourceARN"};

Error Invalid(std::string_view why) {
  return {ErrorCode::kInvalidArgument, "Invalid filter pattern definition. " + std::string(why)};
}

Status CheckPlace(const std::vector<std::string>& place) {
  const bool unknown_yet = place[0] == "receiptHandle" || (place.size() > 1 && place[0] == "attributes" &&
                                                           place[1] == "ApproximateFirstReceiveTimestamp");
  if (unknown_yet) {
    return Invalid(place.back() + " is known only once a message is received, and filters look before that");
  }
  if (std::find(std::begin(kFields), std::end(kFields), place[0]) != std::end(kFields)) return Ok();
  return Invalid(
      "A record of SQS has no field \"" + place[0] +
      "\", so every message would be deleted; there are messageId, body, attributes, "
      "messageAttributes, md5OfBody, md5OfMessageAttributes, eventSource, eventSourceARN, awsRegion");
}

// Most bodies tell by their first character.
bool MayBeJson(std::string_view body) {
  const size_t first = body.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && (body[first] == '{' || body[first] == '[');
}

FilterValue AttributeValue(const MessageAttribute& attribute) {
  FilterValue value = FilterValue::Object();
  value.Add("dataType", FilterValue::String(attribute.type));
  if (attribute.type.starts_with("Binary")) {
    value.Add("binaryValue", FilterValue::String(Base64Encode(attribute.value)));
  } else {
    value.Add("stringValue", FilterValue::String(attribute.value));
  }
  return value;
}

FilterValue AttributeValues(const QueueMessage& message) {
  FilterValue all = FilterValue::Object();
  for (const auto& [name, attribute] : message.attributes) {
    if (name != kTraceHeaderAttribute) all.Add(name, AttributeValue(attribute));
  }
  return all;
}

FilterValue SystemValues(const QueueAddress& address, const QueueMessage& message,
                         FilterCriteria::Seen seen) {
  FilterValue all = FilterValue::Object();
  const uint32_t count = message.receive_count + (seen == FilterCriteria::Seen::kPeeked ? 1 : 0);
  for (auto& [name, value] : SystemAttributesOf(address, message)) {
    if (name == "ApproximateReceiveCount") value = std::to_string(count);
    all.Add(std::string(name), FilterValue::String(std::move(value)));
  }
  return all;
}

}  // namespace

Result<FilterCriteria> FilterCriteria::Compile(const std::vector<std::string>& patterns) {
  if (patterns.size() > kFiltersMax) {
    return Error{ErrorCode::kInvalidArgument, "FilterCriteria has " + std::to_string(patterns.size()) +
                                                  " filters; at most " + std::to_string(kFiltersMax) +
                                                  " are allowed"};
  }
  FilterCriteria criteria;
  for (const std::string& text : patterns) {
    if (text.size() > kPatternBytesMax) {
      return Invalid("A pattern has " + std::to_string(text.size()) + " bytes; at most " +
                     std::to_string(kPatternBytesMax) + " are allowed");
    }
    const auto document = ParseFilterValue(text);
    if (!document) return Invalid("A pattern is not JSON: " + text.substr(0, 80));
    auto pattern = FilterPattern::Compile(*document);
    if (!pattern.ok()) return Invalid(pattern.error().message);
    for (const auto& place : pattern->places()) {
      HEARTH_TRY(CheckPlace(place));
      criteria.fields_.insert(place[0]);
    }
    criteria.patterns_.push_back(std::move(*pattern));
  }
  return criteria;
}

bool FilterCriteria::Wants(const QueueAddress& address, const QueueMessage& message, Seen seen) const {
  if (wants_all()) return true;
  FilterValue record = FilterValue::Object();
  bool body_is_json = false;
  for (const std::string& field : fields_) {
    if (field == "body") {
      auto parsed = MayBeJson(message.body) ? ParseFilterValue(message.body) : std::nullopt;
      body_is_json = parsed.has_value();
      record.Add("body", parsed ? std::move(*parsed) : FilterValue::String(message.body));
    } else if (field == "messageAttributes") {
      record.Add(field, AttributeValues(message));
    } else if (field == "attributes") {
      record.Add(field, SystemValues(address, message, seen));
    } else if (field == "messageId") {
      record.Add(field, FilterValue::String(message.message_id));
    } else if (field == "md5OfBody") {
      record.Add(field, FilterValue::String(Md5Hex(message.body)));
    } else if (field == "md5OfMessageAttributes") {
      if (!message.attributes.empty()) record.Add(field, FilterValue::String(Md5OfUserAttributes(message)));
    } else if (field == "eventSource") {
      record.Add(field, FilterValue::String("aws:sqs"));
    } else if (field == "eventSourceARN") {
      record.Add(field, FilterValue::String(address.Arn()));
    } else if (field == "awsRegion") {
      record.Add(field, FilterValue::String(address.region));
    }
  }
  for (const FilterPattern& pattern : patterns_) {
    for (const FilterPattern::Alternative& one : pattern.alternatives()) {
      const bool body_fits = body_is_json ? !one.wants_whole_body : !one.wants_fields_of_body;
      if (body_fits && FilterPattern::Matches(one.root, record)) return true;
    }
  }
  return false;
}

}  // namespace hearth
