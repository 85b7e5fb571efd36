#include "runtime/control/sqs_message_attributes.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "runtime/base/base64.h"
#include "runtime/base/digest.h"
#include "runtime/store/attributes_md5.h"
#include "runtime/store/system_attributes.h"

namespace hearth {
namespace {

constexpr size_t kAttributesMax = 10;
constexpr size_t kAttributeNameBytesMax = 256;
constexpr int64_t kDelaySecondsMax = 900;
constexpr const char* kTraceHeader = "AWSTraceHeader";

constexpr const char* kSystemNames[] = {"All",
                                        "SenderId",
                                        "SentTimestamp",
                                        "ApproximateReceiveCount",
                                        "ApproximateFirstReceiveTimestamp",
                                        "SequenceNumber",
                                        "MessageDeduplicationId",
                                        "MessageGroupId",
                                        kTraceHeader,
                                        "DeadLetterQueueSourceArn"};

Error Invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

std::string EpochMillis(WallTime time) {
  return std::to_string(std::chrono::floor<milliseconds>(time).time_since_epoch().count());
}

std::string LowerCase(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

Status ValidateAttributeName(const std::string& name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  const std::string lower = LowerCase(name);
  const bool legal = !name.empty() && name.size() <= kAttributeNameBytesMax &&
                     std::all_of(name.begin(), name.end(), fits) && name.front() != '.' &&
                     name.back() != '.' && name.find("..") == name.npos && !lower.starts_with("aws.") &&
                     !lower.starts_with("amazon.");
  if (legal) return Ok();
  return Invalid("Message (user) attribute name '" + name +
                 "' is not legal: 1 to 256 letters, digits, '_', '-' and inner single '.'; \"AWS.\" and "
                 "\"Amazon.\" are reserved.");
}

bool IsNumber(const std::string& text) {
  if (text.find_first_not_of("0123456789+-.eE") != text.npos) return false;  // no "nan", no "0x10"
  char* end = nullptr;
  (void)std::strtod(text.c_str(), &end);
  return end == text.c_str() + text.size();
}

Result<MessageAttribute> ReadAttribute(const std::string& name, const Json& value) {
  if (!value.is_object()) return Invalid("Message attribute '" + name + "' must be an object");
  const JsonMembers in(value, "MessageAttributes." + name + ".");
  for (const char* list : {"StringListValues", "BinaryListValues"}) {
    HEARTH_ASSIGN(const Json* values, in.Array(list));
    if (values && !values->empty())
      return Invalid("Message attribute list values in SendMessage operation are not supported.");
  }
  MessageAttribute attribute;
  HEARTH_TRY(in.Read("DataType", attribute.type));
  const std::string base = attribute.type.substr(0, attribute.type.find('.'));
  if ((base != "String" && base != "Number" && base != "Binary") ||
      attribute.type.size() > kAttributeNameBytesMax) {
    return Invalid("The type of message (user) attribute '" + name +
                   "' is invalid. You must use only the following supported type prefixes: Binary, Number, "
                   "String.");
  }
  HEARTH_TRY(in.Read(base == "Binary" ? "BinaryValue" : "StringValue", attribute.value));
  if (attribute.value.empty()) {
    return Invalid("Message (user) attribute '" + name + "' must contain a non-empty value of type '" + base +
                   "'.");
  }
  if (base == "Binary") {
    HEARTH_ASSIGN(attribute.value, Base64Decode(attribute.value));
    return attribute;
  }
  if (!IsLegalMessageText(attribute.value))
    return Invalid("Message (user) attribute '" + name + "' has characters that XML cannot hold.");
  if (base == "Number" && !IsNumber(attribute.value))
    return Invalid("Can't cast the value of message (user) attribute '" + name + "' to a number.");
  return attribute;
}

Status ReadUserAttributes(const Json& given, SqsAttributes& out) {
  if (given.size() > kAttributesMax) {
    return Invalid("Number of message attributes [" + std::to_string(given.size()) +
                   "] exceeds the allowed maximum [" + std::to_string(kAttributesMax) + "].");
  }
  for (const auto& [name, value] : given.items()) {
    HEARTH_TRY(ValidateAttributeName(name));
    HEARTH_ASSIGN(out[name], ReadAttribute(name, value));
  }
  return Ok();
}

Status ReadSystemAttributes(const Json& given, SqsAttributes& out) {
  for (const auto& [name, value] : given.items()) {
    if (name != kTraceHeader)
      return Invalid("Message system attribute name '" + name +
                     "' is invalid. Only AWSTraceHeader can be sent.");
    HEARTH_ASSIGN(MessageAttribute header, ReadAttribute(name, value));
    if (header.type != "String") return Invalid("Message system attribute AWSTraceHeader must be a String.");
    out[kTraceHeaderAttribute] = std::move(header);
  }
  return Ok();
}

// Of group and deduplication ids: letters, digits and what ASCII has as punctuation.
Status ValidateId(const char* name, const std::string& id) {
  const bool fits = std::all_of(id.begin(), id.end(), [](char c) { return c > 0x20 && c < 0x7F; });
  if (fits && id.size() <= kGroupIdBytesMax) return Ok();
  return Invalid("Value " + id + " for parameter " + name + " is invalid. Reason: " + name +
                 " can only include alphanumeric and punctuation characters. 1 to 128 in length.");
}

Status ReadFields(const Json& entry, NewMessage& message) {
  const JsonMembers in(entry);
  int64_t delay = -1;
  HEARTH_TRY(in.Read("MessageBody", message.body));
  HEARTH_TRY(in.Read("MessageGroupId", message.group_id));
  HEARTH_TRY(in.Read("MessageDeduplicationId", message.deduplication_id));
  HEARTH_TRY(ValidateId("MessageGroupId", message.group_id));
  HEARTH_TRY(ValidateId("MessageDeduplicationId", message.deduplication_id));
  if (!in.Read("DelaySeconds", delay, 0, kDelaySecondsMax).ok()) {
    return Invalid("Value " + DumpJson(entry["DelaySeconds"]) +
                   " for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.");
  }
  message.delay = seconds(delay);
  HEARTH_ASSIGN(const Json* user, in.Object("MessageAttributes"));
  if (user) HEARTH_TRY(ReadUserAttributes(*user, message.attributes));
  HEARTH_ASSIGN(const Json* system, in.Object("MessageSystemAttributes"));
  return system ? ReadSystemAttributes(*system, message.attributes) : Ok();
}

constexpr const char* kWrongKind = "The request include parameter that is not valid for this queue type.";

std::optional<SqsError> RefusedByKind(NewMessage& message, QueueKind kind) {
  if (kind == QueueKind::kStandard) {
    if (message.deduplication_id.empty()) return std::nullopt;
    return SqsInvalidValue(message.deduplication_id, "MessageDeduplicationId", kWrongKind);
  }
  if (message.group_id.empty()) return SqsMissingParameter("MessageGroupId");
  if (message.delay > seconds(0))
    return SqsInvalidValue(std::to_string(message.delay.count()), "DelaySeconds", kWrongKind);
  message.delay = seconds(-1);  // 0 may be said, and means the queue's
  return std::nullopt;
}

SqsAttributes WithoutSystemAttributes(const SqsAttributes& attributes) {
  SqsAttributes user = attributes;
  user.erase(kTraceHeaderAttribute);
  return user;
}

SqsAttributes Select(const SqsAttributes& attributes, const std::vector<std::string>& names) {
  SqsAttributes selected;
  for (const auto& [name, attribute] : attributes) {
    if (name == kTraceHeaderAttribute) continue;
    const bool wanted =
        std::any_of(names.begin(), names.end(), [&, &attribute_name = name](const std::string& asked) {
          const bool prefix = asked.ends_with(".*");
          return asked == "All" || asked == attribute_name ||
                 (prefix && std::string_view(attribute_name)
                                .starts_with(std::string_view(asked).substr(0, asked.size() - 2)));
        });
    if (wanted) selected.emplace(name, attribute);
  }
  return selected;
}

Json AttributesJson(const SqsAttributes& attributes) {
  Json out = Json::object();
  for (const auto& [name, attribute] : attributes) {
    const bool binary = attribute.type.starts_with("Binary");
    out[name] = {
        {"DataType", attribute.type},
        {binary ? "BinaryValue" : "StringValue", binary ? Base64Encode(attribute.value) : attribute.value}};
  }
  return out;
}

Json SystemAttributesJson(const SqsIdentity& identity, const QueueMessage& message,
                          const std::vector<std::string>& names) {
  const bool all = std::find(names.begin(), names.end(), "All") != names.end();
  Json out = Json::object();
  const auto add = [&](const char* name, std::string value) {
    if (!value.empty() && (all || std::find(names.begin(), names.end(), name) != names.end()))
      out[name] = std::move(value);
  };
  if (names.empty()) return out;
  add("ApproximateFirstReceiveTimestamp", EpochMillis(message.first_received));
  add("ApproximateReceiveCount", std::to_string(message.receive_count));
  add("SenderId", identity.account);
  add("SentTimestamp", EpochMillis(message.sent));
  add("MessageGroupId", message.group_id);
  add("MessageDeduplicationId", message.deduplication_id);
  add("SequenceNumber", SequenceText(message.sequence_number));
  if (!message.dead_letter_source.empty())
    add("DeadLetterQueueSourceArn", identity.ArnOf(message.dead_letter_source));
  if (const auto header = message.attributes.find(kTraceHeaderAttribute); header != message.attributes.end())
    add(kTraceHeader, header->second.value);
  return out;
}

}  // namespace

SqsMessageRead ReadSqsMessage(const Json& entry, QueueKind kind) {
  SqsMessageRead read;
  if (const Status fields = ReadFields(entry, read.message); !fields.ok()) {
    read.refused = ToSqsError(fields.error());
  } else if (read.message.body.empty()) {
    read.refused = SqsMissingParameter("MessageBody");
  } else if (!IsLegalMessageText(read.message.body)) {
    read.refused = SqsCommonError(
        "InvalidMessageContents",
        "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to "
        "#xFFFD | #x10000 to #x10FFFF.");
  } else {
    read.refused = RefusedByKind(read.message, kind);
  }
  return read;
}

Json SentMessageJson(const NewMessage& message, const SentMessage& sent) {
  Json out = {{"MessageId", sent.message_id}, {"MD5OfMessageBody", Md5Hex(message.body)}};
  if (sent.sequence_number > 0) out["SequenceNumber"] = SequenceText(sent.sequence_number);
  if (message.attributes.empty()) return out;
  const SqsAttributes user = WithoutSystemAttributes(message.attributes);
  if (!user.empty()) out["MD5OfMessageAttributes"] = Md5OfAttributes(user);
  if (const auto header = message.attributes.find(kTraceHeaderAttribute); header != message.attributes.end())
    out["MD5OfMessageSystemAttributes"] = Md5OfAttributes({{kTraceHeader, header->second}});
  return out;
}

Status ValidateSystemNames(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (std::find(std::begin(kSystemNames), std::end(kSystemNames), name) == std::end(kSystemNames))
      return Invalid(name);
  }
  return Ok();
}

Json ReceivedMessageJson(const SqsIdentity& identity, const QueueMessage& message,
                         const ReceiveNames& names) {
  Json out = {{"MessageId", message.message_id},
              {"ReceiptHandle", message.receipt_handle},
              {"MD5OfBody", Md5Hex(message.body)},
              {"Body", message.body}};
  if (Json system = SystemAttributesJson(identity, message, names.system); !system.empty())
    out["Attributes"] = std::move(system);
  const SqsAttributes user = Select(message.attributes, names.user);
  if (!user.empty()) {
    out["MessageAttributes"] = AttributesJson(user);
    out["MD5OfMessageAttributes"] = Md5OfAttributes(user);
  }
  return out;
}

bool IsLegalMessageText(std::string_view text) {
  const bool control = std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 && c != '\t' && c != '\n' && c != '\r';
  });
  // U+FFFE and U+FFFF; surrogates are no UTF-8.
  return !control && text.find("\xEF\xBF\xBE") == text.npos && text.find("\xEF\xBF\xBF") == text.npos;
}

}  // namespace hearth
