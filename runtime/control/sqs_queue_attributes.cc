#include "runtime/control/sqs_queue_attributes.h"

#include <algorithm>
#include <charconv>

namespace hearth {
namespace {

constexpr int64_t kReceivesMax = 1000;
constexpr size_t kPolicyBytesMax = 64 << 10;
constexpr size_t kRedriveSourcesMax = 10;

// Kept as they come, and without effect here.
constexpr const char* kKept[] = {"Policy", "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds",
                                 "SqsManagedSseEnabled", "FifoThroughputLimit"};
constexpr const char* kFifoOnly[] = {"ContentBasedDeduplication", "DeduplicationScope",
                                     "FifoThroughputLimit"};
constexpr const char* kReadOnly[] = {"ApproximateNumberOfMessages",
                                     "ApproximateNumberOfMessagesDelayed",
                                     "ApproximateNumberOfMessagesNotVisible",
                                     "CreatedTimestamp",
                                     "LastModifiedTimestamp",
                                     "QueueArn"};

using Refused = std::optional<SqsError>;

template <size_t kCount>
bool IsAmong(const std::string& name, const char* const (&names)[kCount]) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

SqsError InvalidValue(const std::string& name) {
  return InvalidQueueAttribute("Invalid value for the parameter " + name + ".");
}

// A number or truth value is what people write by hand in JSON.
std::optional<std::string> TextOf(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_integer() || value.is_boolean()) return DumpJson(value);
  return std::nullopt;
}

std::optional<int64_t> NumberOf(const std::string& text) {
  int64_t number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<bool> TruthOf(const std::string& text) {
  if (text == "true" || text == "false") return text == "true";
  return std::nullopt;
}

Refused SetRedrivePolicy(const std::string& text, QueueSettings& settings) {
  if (text.empty()) {
    settings.dead_letter_queue.clear();
    settings.receives_max = 0;
    return std::nullopt;
  }
  const auto refuse = [&](const std::string& reason) {
    return SqsInvalidValue(text, "RedrivePolicy", reason);
  };
  const Json policy = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!policy.is_object()) return refuse("Redrive policy is not a valid JSON map.");
  for (const char* needed : {"deadLetterTargetArn", "maxReceiveCount"}) {
    if (!policy.contains(needed))
      return refuse(std::string("Redrive policy does not contain mandatory attribute: ") + needed + ".");
  }
  const Json& target = policy["deadLetterTargetArn"];
  const auto queue =
      target.is_string() ? SqsIdentity::QueueOf(target.get<std::string>()) : std::optional<std::string>();
  if (!queue) return refuse("Invalid value for deadLetterTargetArn.");
  const auto receives = NumberOf(TextOf(policy["maxReceiveCount"]).value_or(""));
  if (!receives || *receives < 1 || *receives > kReceivesMax) {
    return refuse("Invalid value for maxReceiveCount: " + DumpJson(policy["maxReceiveCount"]) +
                  ", valid values are from 1 to 1000 both inclusive.");
  }
  settings.dead_letter_queue = *queue;
  settings.receives_max = static_cast<uint32_t>(*receives);
  return std::nullopt;
}

Refused SetRedriveSources(const std::string& text, const Json& policy, QueueSettings& settings) {
  const auto refuse = [&](const std::string& reason) {
    return SqsInvalidValue(text, "RedriveAllowPolicy", reason);
  };
  const bool by_queue = settings.redrive_permission == RedrivePermission::kByQueue;
  const bool given = policy.contains("sourceQueueArns");
  if (by_queue != given)
    return refuse(std::string("Amazon SQS ") + (by_queue ? "needs" : "can't have") +
                  " sourceQueueArns with this redrivePermission.");
  settings.redrive_sources.clear();
  if (!given) return std::nullopt;
  const Json& arns = policy["sourceQueueArns"];
  if (!arns.is_array() || arns.empty() || arns.size() > kRedriveSourcesMax)
    return refuse("sourceQueueArns must be a list of 1 to 10 ARNs.");
  for (const Json& arn : arns) {
    const auto queue =
        arn.is_string() ? SqsIdentity::QueueOf(arn.get<std::string>()) : std::optional<std::string>();
    if (!queue) return refuse("Invalid ARN in sourceQueueArns: " + DumpJson(arn));
    settings.redrive_sources.push_back(*queue);
  }
  return std::nullopt;
}

Refused SetRedriveAllowPolicy(const std::string& text, QueueSettings& settings) {
  if (text.empty()) {
    settings.redrive_permission = RedrivePermission::kAllowAll;
    settings.redrive_sources.clear();
    return std::nullopt;
  }
  const Json policy = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  const std::string permission = policy.is_object() && policy.contains("redrivePermission")
                                     ? TextOf(policy["redrivePermission"]).value_or("")
                                     : "";
  if (permission == "allowAll") {
    settings.redrive_permission = RedrivePermission::kAllowAll;
  } else if (permission == "denyAll") {
    settings.redrive_permission = RedrivePermission::kDenyAll;
  } else if (permission == "byQueue") {
    settings.redrive_permission = RedrivePermission::kByQueue;
  } else {
    return SqsInvalidValue(text, "RedriveAllowPolicy",
                           "redrivePermission must be allowAll, denyAll or byQueue.");
  }
  return SetRedriveSources(text, policy, settings);
}

Refused SetKept(const std::string& name, const std::string& text, SqsQueueAttributes& attributes) {
  if (text.empty()) {
    attributes.kept.erase(name);
    return std::nullopt;
  }
  const bool wrong =
      (name == "SqsManagedSseEnabled" && !TruthOf(text)) ||
      (name == "KmsDataKeyReusePeriodSeconds" && !NumberOf(text)) ||
      (name == "FifoThroughputLimit" && text != "perQueue" && text != "perMessageGroupId") ||
      (name == "Policy" && (text.size() > kPolicyBytesMax || !Json::parse(text, nullptr, false).is_object()));
  if (wrong) return InvalidValue(name);
  attributes.kept[name] = text;
  return std::nullopt;
}

Refused SetFifo(const std::string& name, const std::string& text, QueueSettings& settings) {
  if (name == "DeduplicationScope") {
    if (text != "queue" && text != "messageGroup") return InvalidValue(name);
    settings.deduplication_scope =
        text == "queue" ? DeduplicationScope::kQueue : DeduplicationScope::kMessageGroup;
    return std::nullopt;
  }
  const auto truth = TruthOf(text);
  if (!truth) return InvalidValue(name);
  if (name == "ContentBasedDeduplication") {
    settings.content_based_deduplication = *truth;
  } else if (*truth != (settings.kind == QueueKind::kFifo)) {
    return InvalidQueueAttribute(
        "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.");
  }
  return std::nullopt;
}

Refused SetNumber(const std::string& name, const std::string& text, QueueSettings& settings) {
  const auto number = NumberOf(text);
  if (!number) return InvalidValue(name);
  QueueSettings changed = settings;
  if (name == "VisibilityTimeout") {
    changed.visibility_timeout = seconds(*number);
  } else if (name == "DelaySeconds") {
    changed.delay = seconds(*number);
  } else if (name == "MessageRetentionPeriod") {
    changed.retention = seconds(*number);
  } else if (name == "ReceiveMessageWaitTimeSeconds") {
    changed.receive_wait = seconds(*number);
  } else if (name == "MaximumMessageSize") {
    changed.message_bytes_max = static_cast<uint64_t>(std::max<int64_t>(0, *number));
  } else {
    return UnknownQueueAttribute(name);
  }
  // Only this one is new, so this one is wrong.
  if (ValidateQueueSettings(settings).ok() && !ValidateQueueSettings(changed).ok()) return InvalidValue(name);
  settings = changed;
  return std::nullopt;
}

std::string EpochSeconds(WallTime time) {
  return std::to_string(std::chrono::floor<seconds>(time).time_since_epoch().count());
}

std::string RedriveAllowPolicyText(const SqsIdentity& identity, const QueueSettings& settings) {
  if (settings.redrive_permission == RedrivePermission::kDenyAll)
    return DumpJson({{"redrivePermission", "denyAll"}});
  Json arns = Json::array();
  for (const std::string& queue : settings.redrive_sources) arns.push_back(identity.ArnOf(queue));
  return DumpJson({{"redrivePermission", "byQueue"}, {"sourceQueueArns", arns}});
}

std::map<std::string, std::string> AllAttributes(const SqsIdentity& identity, const QueueDescription& queue,
                                                 const QueueStatistics& statistics) {
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
  if (s.redrive_permission != RedrivePermission::kAllowAll)
    all["RedriveAllowPolicy"] = RedriveAllowPolicyText(identity, s);
  if (s.kind != QueueKind::kFifo) return all;
  all["FifoQueue"] = "true";
  all["ContentBasedDeduplication"] = s.content_based_deduplication ? "true" : "false";
  all["DeduplicationScope"] = s.deduplication_scope == DeduplicationScope::kQueue ? "queue" : "messageGroup";
  all["FifoThroughputLimit"] = "perQueue";
  return all;
}

bool IsAttribute(const std::string& name, const std::map<std::string, std::string>& shown) {
  return name == "All" || name == "RedrivePolicy" || name == "RedriveAllowPolicy" || name == "FifoQueue" ||
         IsAmong(name, kKept) || IsAmong(name, kFifoOnly) || shown.contains(name);
}

}  // namespace

Refused SetSqsQueueAttribute(const std::string& name, const Json& value, SqsQueueAttributes& attributes) {
  const auto text = TextOf(value);
  if (!text) return InvalidValue(name);
  if (IsAmong(name, kReadOnly)) return UnknownQueueAttribute(name);
  if (IsAmong(name, kFifoOnly) && attributes.settings.kind != QueueKind::kFifo)
    return UnknownQueueAttribute(name);
  if (name == "RedrivePolicy") return SetRedrivePolicy(*text, attributes.settings);
  if (name == "RedriveAllowPolicy") return SetRedriveAllowPolicy(*text, attributes.settings);
  if (IsAmong(name, kKept)) return SetKept(name, *text, attributes);
  if (name == "FifoQueue" || name == "ContentBasedDeduplication" || name == "DeduplicationScope")
    return SetFifo(name, *text, attributes.settings);
  return SetNumber(name, *text, attributes.settings);
}

Refused SetSqsQueueAttributes(const Json& given, SqsQueueAttributes& attributes) {
  for (const auto& [name, value] : given.items()) {
    if (const Refused refused = SetSqsQueueAttribute(name, value, attributes)) return refused;
  }
  const auto limit = attributes.kept.find("FifoThroughputLimit");
  if (limit != attributes.kept.end() && limit->second == "perMessageGroupId" &&
      attributes.settings.deduplication_scope != DeduplicationScope::kMessageGroup) {
    return InvalidQueueAttribute(
        "The perMessageGroupId value is allowed only when the value for DeduplicationScope is messageGroup.");
  }
  if (const Status valid = ValidateQueueSettings(attributes.settings); !valid.ok())
    return InvalidQueueAttribute(valid.error().message);
  return std::nullopt;
}

SqsAttributesShown ShowSqsQueueAttributes(const SqsIdentity& identity, const QueueDescription& queue,
                                          const std::map<std::string, std::string>& kept,
                                          const QueueStatistics& statistics,
                                          const std::vector<std::string>& names) {
  std::map<std::string, std::string> all = AllAttributes(identity, queue, statistics);
  for (const auto& [name, value] : kept) all[name] = value;
  SqsAttributesShown shown;
  for (const std::string& name : names) {
    if (!IsAttribute(name, all)) shown.refused = UnknownQueueAttribute(name);
  }
  for (const auto& [name, value] : all) {
    const bool asked = std::any_of(
        names.begin(), names.end(),
        [&, &attribute = name](const std::string& one) { return one == "All" || one == attribute; });
    if (asked) shown.json[name] = value;
  }
  return shown;
}

}  // namespace hearth
