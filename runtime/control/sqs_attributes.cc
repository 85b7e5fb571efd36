#include "runtime/control/sqs_attributes.h"

#include <algorithm>
#include <charconv>

#include "runtime/base/base64.h"

namespace hearth {
namespace {

constexpr size_t kAttributesMax = 10;
constexpr size_t kAttributeNameBytesMax = 256;
constexpr int64_t kReceivesMax = 1000;

// Set by tools on every queue; here they change nothing, and are not shown.
constexpr const char* kWithoutEffect[] = {"Policy", "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds",
                                          "SqsManagedSseEnabled", "RedriveAllowPolicy"};

Error Invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

Result<int64_t> ReadNumber(const std::string& name, const Json& value) {
  // SQS's attributes are strings; a number is what people write by hand.
  if (value.is_number_integer()) return value.get<int64_t>();
  int64_t number = 0;
  const std::string text = value.is_string() ? value.get<std::string>() : "";
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || failed != std::errc() || end != text.data() + text.size()) {
    return Invalid("Invalid value for the parameter " + name + ".");
  }
  return number;
}

Status ReadRedrivePolicy(const Json& value, QueueSettings& settings) {
  const Error refused =
      Invalid("Value " + DumpJson(value) +
              " for parameter RedrivePolicy is invalid. Reason: it must be a JSON string with "
              "deadLetterTargetArn and maxReceiveCount from 1 to 1000.");
  if (value == "") {
    settings.dead_letter_queue.clear();
    settings.receives_max = 0;
    return Ok();
  }
  if (!value.is_string()) return refused;
  const Json policy = Json::parse(value.get<std::string>(), nullptr, /*allow_exceptions=*/false);
  if (!policy.is_object() || !policy.contains("deadLetterTargetArn") || !policy.contains("maxReceiveCount"))
    return refused;
  const Json& target = policy["deadLetterTargetArn"];
  const auto receives = ReadNumber("maxReceiveCount", policy["maxReceiveCount"]);
  if (!target.is_string() || !receives.ok() || *receives < 1 || *receives > kReceivesMax) return refused;
  const auto arn = target.get<std::string>();
  if (!arn.starts_with("arn:aws:sqs:") || arn.ends_with(':')) return refused;
  settings.dead_letter_queue = arn.substr(arn.rfind(':') + 1);
  settings.receives_max = static_cast<uint32_t>(*receives);
  return Ok();
}

Status ReadQueueAttribute(const std::string& name, const Json& value, QueueSettings& settings) {
  if (name == "RedrivePolicy") return ReadRedrivePolicy(value, settings);
  if (std::find(std::begin(kWithoutEffect), std::end(kWithoutEffect), name) != std::end(kWithoutEffect))
    return Ok();
  if (name == "FifoQueue" && (value == "false" || value == false)) return Ok();
  if (name == "FifoQueue" || name == "ContentBasedDeduplication" || name == "DeduplicationScope" ||
      name == "FifoThroughputLimit") {
    return Invalid("Attribute " + name + " is not supported yet: there are only standard queues");
  }
  HEARTH_ASSIGN(const int64_t number, ReadNumber(name, value));
  if (name == "VisibilityTimeout") {
    settings.visibility_timeout = seconds(number);
  } else if (name == "DelaySeconds") {
    settings.delay = seconds(number);
  } else if (name == "MessageRetentionPeriod") {
    settings.retention = seconds(number);
  } else if (name == "ReceiveMessageWaitTimeSeconds") {
    settings.receive_wait = seconds(number);
  } else if (name == "MaximumMessageSize") {
    settings.message_bytes_max = static_cast<uint64_t>(std::max<int64_t>(0, number));
  } else {
    return Invalid("Unknown Attribute " + name + ".");
  }
  return Ok();
}

std::string EpochSeconds(WallTime time) {
  return std::to_string(std::chrono::floor<seconds>(time).time_since_epoch().count());
}

std::string EpochMillis(WallTime time) {
  return std::to_string(std::chrono::floor<milliseconds>(time).time_since_epoch().count());
}

bool Asks(const std::vector<std::string>& names, const std::string& name) {
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& one) { return one == "All" || one == name; });
}

Status ValidateAttributeName(const std::string& name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  const bool legal = !name.empty() && name.size() <= kAttributeNameBytesMax &&
                     std::all_of(name.begin(), name.end(), fits) && name.front() != '.' && name.back() != '.';
  if (legal) return Ok();
  return Invalid("Message (user) attribute name '" + name +
                 "' is not legal: 1 to 256 letters, digits, '_', '-' and inner '.'.");
}

Result<MessageAttribute> ReadMessageAttribute(const std::string& name, const Json& value) {
  HEARTH_TRY(ValidateAttributeName(name));
  if (!value.is_object()) return Invalid("Message attribute '" + name + "' must be an object");
  const JsonMembers in(value, "MessageAttributes." + name + ".");
  MessageAttribute attribute;
  HEARTH_TRY(in.Read("DataType", attribute.type));
  const std::string base = attribute.type.substr(0, attribute.type.find('.'));
  if (base != "String" && base != "Number" && base != "Binary") {
    return Invalid(
        "The type of message (user) attribute '" + name +
        "' is invalid. You must use only the following supported type prefixes: Binary, Number, String.");
  }
  HEARTH_TRY(in.Read(base == "Binary" ? "BinaryValue" : "StringValue", attribute.value));
  if (attribute.value.empty()) {
    return Invalid("Message (user) attribute '" + name + "' must contain a non-empty value of type '" + base +
                   "'.");
  }
  if (base == "Binary") {
    HEARTH_ASSIGN(attribute.value, Base64Decode(attribute.value));
  }
  return attribute;
}

}  // namespace

Status ReadQueueAttributes(const Json& attributes, QueueSettings& settings) {
  for (const auto& [name, value] : attributes.items()) HEARTH_TRY(ReadQueueAttribute(name, value, settings));
  return ValidateQueueSettings(settings);
}

Result<Json> QueueAttributesJson(const SqsIdentity& identity, const QueueDescription& queue,
                                 const QueueStatistics& statistics, const std::vector<std::string>& names) {
  const QueueSettings& s = queue.settings;
  std::map<std::string, std::string> all = {
      {"ApproximateNumberOfMessages", std::to_string(statistics.visible)},
      {"ApproximateNumberOfMessagesDelayed", std::to_string(statistics.delayed)},
      {"ApproximateNumberOfMessagesNotVisible", std::to_string(statistics.in_flight)},
      {"CreatedTimestamp", EpochSeconds(queue.created)},
      {"DelaySeconds", std::to_string(s.delay.count())},
      {"LastModifiedTimestamp", EpochSeconds(queue.modified)},
      {"MaximumMessageSize", std::to_string(s.message_bytes_max)},
      {"MessageRetentionPeriod", std::to_string(s.retention.count())},
      {"QueueArn", identity.ArnOf(queue.name)},
      {"ReceiveMessageWaitTimeSeconds", std::to_string(s.receive_wait.count())},
      {"SqsManagedSseEnabled", "false"},
      {"VisibilityTimeout", std::to_string(s.visibility_timeout.count())}};
  if (!s.dead_letter_queue.empty()) {
    all["RedrivePolicy"] = DumpJson(
        {{"deadLetterTargetArn", identity.ArnOf(s.dead_letter_queue)}, {"maxReceiveCount", s.receives_max}});
  }
  Json out = Json::object();
  for (const std::string& name : names) {
    const bool known = name == "All" || name == "Policy" || name == "RedrivePolicy" ||
                       name == "RedriveAllowPolicy" || name.starts_with("Kms") || name.starts_with("Fifo") ||
                       name == "ContentBasedDeduplication" || all.contains(name);
    if (!known) return Invalid("Unknown Attribute " + name + ".");
  }
  for (const auto& [name, value] : all) {
    if (Asks(names, name)) out[name] = value;
  }
  return out;
}

Result<std::map<std::string, MessageAttribute>> ReadMessageAttributes(const Json& attributes) {
  std::map<std::string, MessageAttribute> read;
  for (const auto& [name, value] : attributes.items()) {
    HEARTH_ASSIGN(read[name], ReadMessageAttribute(name, value));
  }
  if (read.size() > kAttributesMax) {
    return Invalid("Number of message attributes [" + std::to_string(read.size()) +
                   "] exceeds the allowed maximum [" + std::to_string(kAttributesMax) + "].");
  }
  return read;
}

std::map<std::string, MessageAttribute> SelectMessageAttributes(
    const std::map<std::string, MessageAttribute>& attributes, const std::vector<std::string>& names) {
  std::map<std::string, MessageAttribute> selected;
  for (const auto& [name, attribute] : attributes) {
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

Json MessageAttributesJson(const std::map<std::string, MessageAttribute>& attributes) {
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
  std::map<std::string, std::string> all = {
      {"ApproximateFirstReceiveTimestamp", EpochMillis(message.first_received)},
      {"ApproximateReceiveCount", std::to_string(message.receive_count)},
      {"SenderId", identity.account},
      {"SentTimestamp", EpochMillis(message.sent)}};
  if (!message.dead_letter_source.empty())
    all["DeadLetterQueueSourceArn"] = identity.ArnOf(message.dead_letter_source);
  Json out = Json::object();
  for (const auto& [name, value] : all) {
    if (Asks(names, name)) out[name] = value;
  }
  return out;
}

bool IsLegalMessageBody(std::string_view body) {
  const bool control = std::any_of(body.begin(), body.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 && c != '\t' && c != '\n' && c != '\r';
  });
  // U+FFFE and U+FFFF; what is not UTF-8 or a surrogate, the JSON parser has refused.
  return !control && body.find("\xEF\xBF\xBE") == body.npos && body.find("\xEF\xBF\xBF") == body.npos;
}

}  // namespace hearth
