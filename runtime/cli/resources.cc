#include "runtime/cli/resources.h"

#include <algorithm>
#include <cctype>

#include "runtime/base/ids.h"
#include "runtime/base/random.h"
#include "runtime/cli/exit_code.h"
#include "runtime/cli/text_table.h"

namespace hearth::cli {
namespace {

constexpr const char* kMappings = "/2015-03-31/event-source-mappings";
// 128 bits, well over what the daemon asks for.
constexpr size_t kTokenDigits = 32;

Json MappingSettings(const QueueConnection& connection) {
  Json settings = {{"FunctionResponseTypes", Json::array()}};
  if (!connection.whole_batch) settings["FunctionResponseTypes"].push_back("ReportBatchItemFailures");
  if (connection.bisect) settings["BisectBatchOnFunctionError"] = true;
  for (const std::string& pattern : connection.filters)
    settings["FilterCriteria"]["Filters"].push_back({{"Pattern", pattern}});
  if (connection.batch_size) settings["BatchSize"] = *connection.batch_size;
  if (connection.window_s) settings["MaximumBatchingWindowInSeconds"] = *connection.window_s;
  if (connection.workers_max) settings["ScalingConfig"] = {{"MaximumConcurrency", *connection.workers_max}};
  return settings;
}

bool SameFilter(const Json& notification, const BucketNotify& notify) {
  return TextOf(notification, "FunctionName") == notify.function &&
         TextOf(notification, "Prefix") == notify.prefix && TextOf(notification, "Suffix") == notify.suffix;
}

void AddNotification(Json& list, const BucketNotify& notify) {
  const auto same =
      std::find_if(list.begin(), list.end(), [&](const Json& one) { return SameFilter(one, notify); });
  Json wanted = NotificationOf(notify);
  if (same == list.end()) {
    // No Id: the daemon numbers those without, so none may clash with one that is kept.
    for (Json& one : list) one.erase("Id");
    list.push_back(std::move(wanted));
  } else {
    same->update(wanted);
  }
}

}  // namespace

Json NotificationOf(const BucketNotify& notify) {
  Json wanted = {{"FunctionName", notify.function}, {"Prefix", notify.prefix}, {"Suffix", notify.suffix}};
  wanted.update(notify.more);
  if (notify.acknowledge_loop) wanted["AcknowledgeLoop"] = true;
  return wanted;
}

Result<std::string> QueueArn(const Session& session, const std::string& queue) {
  HEARTH_ASSIGN(const Json info, session.Ask("GET", "/_hearth/v1/info"));
  return "arn:aws:sqs:" + TextOf(info, "region") + ":" + TextOf(info, "account") + ":" + queue;
}

Result<std::string> DestinationArn(const Session& session, const std::string& flag, const std::string& word) {
  if (word == "none") return std::string();
  if (word.starts_with("arn:")) return word;
  if (word.starts_with("queue:")) return QueueArn(session, word.substr(6));
  if (word.starts_with("function:")) {
    HEARTH_ASSIGN(const Json info, session.Ask("GET", "/_hearth/v1/info"));
    return "arn:aws:lambda:" + TextOf(info, "region") + ":" + TextOf(info, "account") + ":" + word;
  }
  return UsageError(flag + " \"" + word + "\" is neither queue:NAME, function:NAME, an ARN nor none");
}

Result<Json> FindMapping(const Session& session, const std::string& queue, const std::string& function) {
  HEARTH_ASSIGN(const std::string arn, QueueArn(session, queue));
  HEARTH_ASSIGN(const Json page,
                session.Ask("GET", std::string(kMappings) + "/?EventSourceArn=" + PercentEncode(arn) +
                                       "&FunctionName=" + PercentEncode(function)));
  const Json& found = page.value("EventSourceMappings", Json::array());
  if (found.empty()) {
    return Error{ErrorCode::kNotFound, "queue " + queue + " is not connected to function " + function};
  }
  return found[0];
}

Result<Json> ConnectQueue(const Session& session, const QueueConnection& connection) {
  HEARTH_ASSIGN(const std::string arn, QueueArn(session, connection.queue));
  Json request = MappingSettings(connection);
  request["FunctionName"] = connection.function;
  const auto existing = FindMapping(session, connection.queue, connection.function);
  if (existing.ok()) {
    return session.Ask("PUT", std::string(kMappings) + "/" + PercentEncode(TextOf(*existing, "UUID")),
                       request);
  }
  if (existing.error().code != ErrorCode::kNotFound) return existing.error();
  request["EventSourceArn"] = arn;
  return session.Ask("POST", kMappings, request);
}

Result<Json> PutBucket(const Session& session, const BucketChange& change) {
  const std::string target = "/_hearth/v1/buckets/" + PercentEncode(change.name);
  auto document = session.Ask("GET", target);
  if (!document.ok() && document.error().code != ErrorCode::kNotFound) return document.error();
  Json wanted = document.ok() ? std::move(document).value() : Json::object();
  wanted.erase("Status");
  if (!change.path.empty()) wanted["Path"] = change.path;
  wanted.update(change.more);
  if (!wanted.contains("Notifications")) wanted["Notifications"] = Json::array();
  for (const BucketNotify& notify : change.notify) AddNotification(wanted["Notifications"], notify);
  return session.Ask("PUT", target, wanted);
}

Result<UrlMade> GiveUrl(const Session& session, const std::string& function, UrlAccess access) {
  const std::string target = "/2021-10-31/functions/" + PercentEncode(function) + "/url";
  UrlMade made;
  const auto existing = session.Ask("GET", target);
  if (existing.ok() && access == UrlAccess::kUnchanged) {
    made.config = *existing;
    return made;
  }
  if (!existing.ok() && existing.error().code != ErrorCode::kNotFound) return existing.error();
  Json request = {{"AuthType", access == UrlAccess::kToken ? "TOKEN" : "NONE"}};
  if (access == UrlAccess::kToken) {
    SystemRandom random;
    made.token = MakeHex(random, kTokenDigits);
    request["Token"] = made.token;
  }
  HEARTH_ASSIGN(made.config, session.Ask(existing.ok() ? "PUT" : "POST", target, request));
  return made;
}

std::string NameOfRoute(const std::string& route) {
  std::string name;
  for (const char c : route) {
    if (std::isalnum(static_cast<unsigned char>(c))) {
      name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
  }
  while (name.ends_with('-')) name.pop_back();
  return name;
}

Result<Json> PutRoute(const Session& session, const std::string& route, const std::string& function,
                      const std::string& name, const std::string& token) {
  const std::string whole = route.starts_with('/') ? "ANY " + route : route;
  Json request = {
      {"Route", whole}, {"FunctionName", function}, {"AuthType", token.empty() ? "NONE" : "TOKEN"}};
  if (!token.empty()) request["Token"] = token;
  const std::string called = name.empty() ? NameOfRoute(whole) : name;
  return session.Ask("PUT", "/_hearth/v1/routes/" + PercentEncode(called), request);
}

std::vector<std::string> MountWarningsOf(const Json& answer, const std::string& function) {
  std::vector<std::string> warnings;
  for (const Json& one : answer.value("unusable_mounts", Json::array())) {
    if (TextOf(one, "function") == function) warnings.push_back(TextOf(one, "warning"));
  }
  return warnings;
}

void NoteMountWarnings(const Session& session, const std::string& function) {
  const auto answer = session.Ask("GET", "/_hearth/v1/workers");
  if (!answer.ok()) return;
  for (const Json& chosen : answer->value("chosen_isolations", Json::array())) {
    if (TextOf(chosen, "function") == function)
      session.Note("isolation is " + TextOf(chosen, "isolation") + ": " + Printable(TextOf(chosen, "why")));
  }
  for (const std::string& warning : MountWarningsOf(*answer, function))
    session.Note("warning: " + Printable(warning));
}

}  // namespace hearth::cli
