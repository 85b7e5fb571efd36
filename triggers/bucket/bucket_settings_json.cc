#include <algorithm>
#include <initializer_list>
#include <set>

#include <nlohmann/json.hpp>

#include "triggers/bucket/bucket_settings.h"

namespace hearth {
namespace {

using nlohmann::json;

constexpr std::string_view kCreated = "s3:ObjectCreated:*";
constexpr std::string_view kCreatedPut = "s3:ObjectCreated:Put";

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

Status CheckEvents(std::string_view bucket, const json& notification) {
  if (!notification.contains("Events")) return Ok();
  const json& events = notification["Events"];
  if (!events.is_array() || events.empty()) return Invalid(bucket, "Events must be a list of event names");
  for (const json& event : events) {
    if (event == kCreated || event == kCreatedPut) continue;
    return Invalid(bucket,
                   "event " + event.dump() + " is not known; this version has s3:ObjectCreated:* (and :Put)");
  }
  return Ok();
}

Status ReadNotification(std::string_view bucket, const json& in, BucketNotification& out) {
  HEARTH_TRY(
      CheckFields(bucket, in, {"Id", "FunctionName", "Events", "Prefix", "Suffix", "AcknowledgeLoop"}));
  std::string function;
  HEARTH_TRY(ReadString(bucket, in, "Id", out.id));
  HEARTH_TRY(ReadString(bucket, in, "FunctionName", function));
  HEARTH_TRY(ReadString(bucket, in, "Prefix", out.prefix));
  HEARTH_TRY(ReadString(bucket, in, "Suffix", out.suffix));
  HEARTH_TRY(CheckEvents(bucket, in));
  if (function.empty()) return Invalid(bucket, "a notification has no FunctionName");
  HEARTH_ASSIGN(FunctionReference reference, ParseFunctionReference(function));
  out.function = std::move(reference.name);
  out.qualifier = std::move(reference.qualifier);
  if (!in.contains("AcknowledgeLoop")) return Ok();
  if (!in["AcknowledgeLoop"].is_boolean()) return Invalid(bucket, "AcknowledgeLoop must be true or false");
  out.acknowledges_loop = in["AcknowledgeLoop"].get<bool>();
  return Ok();
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

Result<BucketSettings> ReadSettings(std::string_view name, const json& document) {
  BucketSettings settings;
  settings.name = name;
  HEARTH_TRY(CheckFields(name, document, {"Name", "Path", "Notifications"}));
  HEARTH_TRY(ReadString(name, document, "Name", settings.name));
  if (settings.name != name) return Invalid(name, "Name says " + settings.name);
  HEARTH_TRY(ValidateBucketName(settings.name));
  HEARTH_TRY(ReadString(name, document, "Path", settings.path));
  if (settings.path.find('\0') != std::string::npos) return Invalid(name, "Path contains a NUL");
  if (!settings.path.empty() && settings.path.front() != '/') {
    return Invalid(name, "Path must be absolute, not " + settings.path);
  }
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
    json one = {{"Id", n.id},
                {"FunctionName", n.Target()},
                {"Events", {kCreated}},
                {"Prefix", n.prefix},
                {"Suffix", n.suffix}};
    if (n.acknowledges_loop) one["AcknowledgeLoop"] = true;
    notifications.push_back(std::move(one));
  }
  const json document = {{"Name", settings.name}, {"Path", settings.path}, {"Notifications", notifications}};
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace hearth
