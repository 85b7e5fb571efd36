#include <algorithm>
#include <initializer_list>
#include <set>

#include <nlohmann/json.hpp>

#include "runtime/base/digest.h"
#include "triggers/bucket/bucket_settings.h"

namespace hearth {
namespace {

using nlohmann::json;

constexpr std::string_view kCreated = "s3:ObjectCreated:*";
constexpr std::string_view kCreatedPut = "s3:ObjectCreated:Put";
constexpr std::string_view kRemoved = "s3:ObjectRemoved:*";
constexpr std::string_view kRemovedDelete = "s3:ObjectRemoved:Delete";

Error Invalid(std::string_view bucket, std::string_view what) {
  return {ErrorCode::kInvalidArgument, "bucket " + std::string(bucket) + ": " + std::string(what)};
}

Status CheckFields(std::string_view bucket, const json& object,
                   std::initializer_list<std::string_view> known) {
  if (!object.is_object()) return Invalid(bucket, "a JSON object is needed, not " + object.dump());
  std::string list;
  for (std::string_view field : known) list += (list.empty() ? "" : ", ") + std::string(field);
  for (const auto& [key, value] : object.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      return Invalid(bucket, key + " is not a field; known here are " + list);
    }
  }
  return Ok();
}

Status ReadString(std::string_view bucket, const json& object, const char* field, std::string& out) {
  if (!object.contains(field) || object[field].is_null()) return Ok();
  if (!object[field].is_string()) return Invalid(bucket, std::string(field) + " must be a string");
  out = object[field].get<std::string>();
  return Ok();
}

Status ReadBool(std::string_view bucket, const json& object, const char* field, bool& out) {
  if (!object.contains(field) || object[field].is_null()) return Ok();
  if (!object[field].is_boolean()) return Invalid(bucket, std::string(field) + " must be true or false");
  out = object[field].get<bool>();
  return Ok();
}

template <class Number>
Status ReadNumber(std::string_view bucket, const json& object, const char* field, uint64_t max, Number& out) {
  if (!object.contains(field) || object[field].is_null()) return Ok();
  const json& value = object[field];
  if (!value.is_number_unsigned() || value.get<uint64_t>() > max) {
    return Invalid(bucket, std::string(field) + " must be a whole number from 0 to " + std::to_string(max) +
                               ", not " + value.dump());
  }
  out = value.get<Number>();
  return Ok();
}

Status ReadEvents(std::string_view bucket, const json& in, BucketNotification& out) {
  if (!in.contains("Events") || in["Events"].is_null()) return Ok();
  const json& events = in["Events"];
  if (!events.is_array() || events.empty()) return Invalid(bucket, "Events must be a list of event names");
  out.created = out.removed = false;
  for (const json& event : events) {
    if (event == kCreated || event == kCreatedPut) {
      out.created = true;
    } else if (event == kRemoved || event == kRemovedDelete) {
      out.removed = true;
    } else {
      return Invalid(bucket,
                     "event " + event.dump() +
                         " is not known; a folder has s3:ObjectCreated:* (each is a :Put: how a file came "
                         "cannot be told) and s3:ObjectRemoved:* (:Delete)");
    }
  }
  return Ok();
}

Status ReadFormat(std::string_view bucket, const json& in, BucketNotification& out) {
  std::string format = "S3";
  HEARTH_TRY(ReadString(bucket, in, "EventFormat", format));
  if (format != "S3" && format != "CloudEvents") {
    return Invalid(bucket, "EventFormat is S3 or CloudEvents, not " + format);
  }
  out.format = format == "S3" ? EventFormat::kS3 : EventFormat::kCloudEvents;
  return Ok();
}

Status ReadNotification(std::string_view bucket, const json& in, BucketNotification& out) {
  HEARTH_TRY(
      CheckFields(bucket, in,
                  {"Id", "FunctionName", "Events", "Prefix", "Suffix", "SizeBytesMin", "SizeBytesMax",
                   "StartFrom", "EventFormat", "MaximumRetryAttempts", "OnFailure", "AcknowledgeLoop"}));
  std::string function, start_from(NameOf(StartFrom::kBeginning));
  HEARTH_TRY(ReadString(bucket, in, "Id", out.id));
  HEARTH_TRY(ReadString(bucket, in, "FunctionName", function));
  HEARTH_TRY(ReadEvents(bucket, in, out));
  HEARTH_TRY(ReadString(bucket, in, "Prefix", out.prefix));
  HEARTH_TRY(ReadString(bucket, in, "Suffix", out.suffix));
  HEARTH_TRY(ReadNumber(bucket, in, "SizeBytesMin", UINT64_MAX, out.size_min));
  HEARTH_TRY(ReadNumber(bucket, in, "SizeBytesMax", UINT64_MAX, out.size_max));
  if (out.size_min > out.size_max) return Invalid(bucket, "SizeBytesMin is over SizeBytesMax: no file fits");
  HEARTH_TRY(ReadString(bucket, in, "StartFrom", start_from));
  auto parsed = ParseStartFrom(start_from);
  if (!parsed.ok()) return Invalid(bucket, parsed.error().message);
  out.start_from = *parsed;
  HEARTH_TRY(ReadFormat(bucket, in, out));
  HEARTH_TRY(ReadNumber(bucket, in, "MaximumRetryAttempts", kBucketRetriesMax, out.retries_max));
  HEARTH_TRY(ReadString(bucket, in, "OnFailure", out.on_failure));
  if (out.on_failure.size() > kBucketArnBytesMax) {
    return Invalid(bucket, "OnFailure has " + std::to_string(out.on_failure.size()) +
                               " bytes; an ARN has at most " + std::to_string(kBucketArnBytesMax));
  }
  HEARTH_TRY(ReadBool(bucket, in, "AcknowledgeLoop", out.acknowledges_loop));
  if (function.empty()) return Invalid(bucket, "a notification has no FunctionName");
  HEARTH_ASSIGN(FunctionReference reference, ParseFunctionReference(function));
  out.function = std::move(reference.name);
  out.qualifier = std::move(reference.qualifier);
  return Ok();
}

Status ReadIgnored(std::string_view bucket, const json& document, WatchRules& rules) {
  if (!document.contains("IgnoreNames") || document["IgnoreNames"].is_null()) return Ok();
  const json& list = document["IgnoreNames"];
  if (!list.is_array() || list.size() > kIgnorePatternsMax) {
    return Invalid(bucket, "IgnoreNames must be a list of at most " + std::to_string(kIgnorePatternsMax) +
                               " shell patterns");
  }
  rules.ignored.clear();
  for (const json& pattern : list) {
    if (!pattern.is_string() || pattern.get_ref<const std::string&>().size() > kIgnorePatternBytesMax ||
        pattern.get_ref<const std::string&>().find('/') != std::string::npos) {
      return Invalid(bucket, "IgnoreNames: " + pattern.dump() +
                                 " is not a pattern for one name, of at most " +
                                 std::to_string(kIgnorePatternBytesMax) + " bytes and without '/'");
    }
    rules.ignored.push_back(pattern.get<std::string>());
  }
  return Ok();
}

Status ReadRules(std::string_view bucket, const json& document, WatchRules& rules) {
  std::string finish = TextOf(rules.finish);
  HEARTH_TRY(ReadString(bucket, document, "Finish", finish));
  auto rule = ParseFinishRule(finish);
  if (!rule.ok()) return Invalid(bucket, rule.error().message);
  rules.finish = std::move(*rule);
  HEARTH_TRY(ReadIgnored(bucket, document, rules));
  return ReadNumber(bucket, document, "CatchUpPerSecond", kCatchUpPerSecondMax, rules.catch_up_per_s);
}

Status ReadNotifications(const json& document, BucketSettings& settings) {
  if (!document.contains("Notifications") || document["Notifications"].is_null()) return Ok();
  const json& list = document["Notifications"];
  if (!list.is_array()) return Invalid(settings.name, "Notifications must be a list");
  if (list.size() > kBucketNotificationsMax) {
    return Invalid(settings.name,
                   "has " + std::to_string(list.size()) + " notifications; at most 100 are allowed");
  }
  std::set<std::string> ids;
  for (const json& in : list) {
    BucketNotification& out = settings.notifications.emplace_back();
    HEARTH_TRY(ReadNotification(settings.name, in, out));
    if (out.id.empty()) out.id = "notification-" + std::to_string(settings.notifications.size());
    if (!ids.insert(out.id).second) return Invalid(settings.name, "two notifications have the Id " + out.id);
  }
  return Ok();
}

bool IsSha256Hex(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

Status ReadDoor(std::string_view bucket, const json& document, BucketDoorSettings& door) {
  if (!document.contains("Http") || document["Http"].is_null()) return Ok();
  const json& in = document["Http"];
  HEARTH_TRY(CheckFields(bucket, in, {"Read", "Write", "Token", "TokenSha256", "PutBytesMax"}));
  HEARTH_TRY(ReadBool(bucket, in, "Read", door.read));
  HEARTH_TRY(ReadBool(bucket, in, "Write", door.write));
  HEARTH_TRY(ReadNumber(bucket, in, "PutBytesMax", BucketDoorSettings::kPutBytesMax, door.put_bytes_max));
  std::string token;
  HEARTH_TRY(ReadString(bucket, in, "Token", token));
  HEARTH_TRY(ReadString(bucket, in, "TokenSha256", door.token_sha256));
  if (!door.token_sha256.empty() && !IsSha256Hex(door.token_sha256)) {
    return Invalid(bucket, "Http.TokenSha256 must be 64 lower-case hexadecimal digits");
  }
  if (token.empty()) return Ok();
  if (token.size() < kBucketTokenBytesMin) {
    return Invalid(bucket, "Http.Token has " + std::to_string(token.size()) + " characters; it must have " +
                               std::to_string(kBucketTokenBytesMin) +
                               " or more, so that it cannot be guessed");
  }
  const Sha256Digest digest = Sha256(token);
  door.token_sha256 = ToHex({reinterpret_cast<const char*>(digest.data()), digest.size()});
  return Ok();
}

json DoorJson(const BucketDoorSettings& door) {
  json out = {{"Read", door.read}, {"Write", door.write}, {"PutBytesMax", door.put_bytes_max}};
  if (!door.token_sha256.empty()) out["TokenSha256"] = door.token_sha256;
  return out;
}

Result<BucketSettings> ReadSettings(std::string_view name, const json& document) {
  BucketSettings settings;
  settings.name = name;
  HEARTH_TRY(CheckFields(
      name, document,
      {"Name", "Path", "Finish", "IgnoreNames", "CatchUpPerSecond", "ContentHash", "Http", "Notifications"}));
  HEARTH_TRY(ReadString(name, document, "Name", settings.name));
  if (settings.name != name) return Invalid(name, "Name says " + settings.name);
  HEARTH_TRY(ValidateBucketName(settings.name));
  HEARTH_TRY(ReadString(name, document, "Path", settings.path));
  if (settings.path.find('\0') != std::string::npos) return Invalid(name, "Path contains a NUL");
  if (!settings.path.empty() && settings.path.front() != '/') {
    return Invalid(name, "Path must be absolute, not " + settings.path);
  }
  HEARTH_TRY(ReadRules(name, document, settings.rules));
  HEARTH_TRY(ReadBool(name, document, "ContentHash", settings.content_hash));
  HEARTH_TRY(ReadDoor(name, document, settings.door));
  HEARTH_TRY(ReadNotifications(document, settings));
  return settings;
}

}  // namespace

Result<BucketSettings> ParseBucketSettings(std::string_view name, std::string_view text) {
  const json document = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded()) return Invalid(name, "the document is not JSON");
  try {
    return ReadSettings(name, document);
  } catch (const json::exception& e) {
    return Invalid(name, std::string("the document cannot be read: ") + e.what());
  }
}

std::string EncodeBucketSettings(const BucketSettings& settings) {
  json notifications = json::array();
  for (const BucketNotification& n : settings.notifications) {
    json events = json::array();
    if (n.created) events.push_back(kCreated);
    if (n.removed) events.push_back(kRemoved);
    json one = {{"Id", n.id},
                {"FunctionName", n.Target()},
                {"Events", std::move(events)},
                {"Prefix", n.prefix},
                {"Suffix", n.suffix},
                {"StartFrom", NameOf(n.start_from)},
                {"EventFormat", n.format == EventFormat::kS3 ? "S3" : "CloudEvents"},
                {"MaximumRetryAttempts", n.retries_max}};
    if (n.size_min > 0) one["SizeBytesMin"] = n.size_min;
    if (n.size_max < UINT64_MAX) one["SizeBytesMax"] = n.size_max;
    if (!n.on_failure.empty()) one["OnFailure"] = n.on_failure;
    if (n.acknowledges_loop) one["AcknowledgeLoop"] = true;
    notifications.push_back(std::move(one));
  }
  const json document = {{"Name", settings.name},
                         {"Path", settings.path},
                         {"Finish", TextOf(settings.rules.finish)},
                         {"IgnoreNames", settings.rules.ignored},
                         {"CatchUpPerSecond", settings.rules.catch_up_per_s},
                         {"ContentHash", settings.content_hash},
                         {"Http", DoorJson(settings.door)},
                         {"Notifications", notifications}};
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<StartFrom> ParseStartFrom(std::string_view text) {
  for (const StartFrom known : {StartFrom::kBeginning, StartFrom::kNow, StartFrom::kCheckpoint}) {
    if (text == NameOf(known)) return known;
  }
  return Error{ErrorCode::kInvalidArgument,
               "StartFrom is Beginning, Now or Checkpoint, not " + std::string(text)};
}

std::string_view NameOf(StartFrom start_from) {
  switch (start_from) {
    case StartFrom::kBeginning:
      return "Beginning";
    case StartFrom::kNow:
      return "Now";
    case StartFrom::kCheckpoint:
      return "Checkpoint";
  }
  return "Unknown";
}

}  // namespace hearth
