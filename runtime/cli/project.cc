#include "runtime/cli/project.h"

#include <algorithm>
#include <filesystem>

#include "runtime/cli/arguments.h"
#include "runtime/cli/exit_code.h"

namespace hearth::cli {
namespace {

// One object of the file, and where it stands.
class Part final {
 public:
  Part(const Json& value, std::string place) : value_(value), place_(std::move(place)) {}

  Status Allow(const std::vector<std::string>& members) const {
    if (!value_.is_object()) return Wrong("must be an object");
    for (const auto& [name, value] : value_.items()) {
      if (std::find(members.begin(), members.end(), name) == members.end()) {
        return UsageError(At(name) + " is not known" + Suggestion(name, members));
      }
    }
    return Ok();
  }
  Status Read(const char* member, std::string& out) const {
    if (!value_.contains(member)) return Ok();
    if (!value_[member].is_string()) return UsageError(At(member) + " must be a string");
    out = value_[member].get<std::string>();
    return Ok();
  }
  Status Read(const char* member, bool& out) const {
    if (!value_.contains(member)) return Ok();
    if (!value_[member].is_boolean()) return UsageError(At(member) + " must be true or false");
    out = value_[member].get<bool>();
    return Ok();
  }
  Status Read(const char* member, std::optional<int64_t>& out) const {
    if (!value_.contains(member)) return Ok();
    if (!value_[member].is_number_integer()) return UsageError(At(member) + " must be a whole number");
    out = value_[member].get<int64_t>();
    return Ok();
  }
  // Calls visit(NAME, Part) for each member of that object; nothing when it is absent.
  template <class Visit>
  Status Each(const char* member, Visit visit) const {
    if (!value_.contains(member)) return Ok();
    if (!value_[member].is_object()) return UsageError(At(member) + " must be an object");
    for (const auto& [name, value] : value_[member].items())
      HEARTH_TRY(visit(name, Part(value, At(member) + "." + name)));
    return Ok();
  }
  template <class Visit>
  Status EachItem(const char* member, Visit visit) const {
    if (!value_.contains(member)) return Ok();
    if (!value_[member].is_array()) return UsageError(At(member) + " must be a list");
    for (const Json& item : value_[member]) HEARTH_TRY(visit(Part(item, At(member) + "[]")));
    return Ok();
  }
  Result<std::string> Text() const {
    if (!value_.is_string()) return Wrong("must be a string");
    return value_.get<std::string>();
  }
  Error Wrong(const std::string& why) const { return UsageError(place_ + " " + why); }

 private:
  std::string At(const std::string& member) const { return place_.empty() ? member : place_ + "." + member; }

  const Json& value_;
  const std::string place_;
};

Status ReadFunction(const std::string& name, const Part& part, Project& project) {
  HEARTH_TRY(part.Allow({"environment", "buckets", "isolation", "layers", "log_format", "log_level",
                         "network", "secrets", "snap_start", "system_log_level", "url"}));
  Project::Function& function = project.functions[name];
  function.wish.name = name;
  HEARTH_TRY(part.Each("environment", [&](const std::string& variable, const Part& value) -> Status {
    HEARTH_ASSIGN(function.wish.environment[variable], value.Text());
    return Ok();
  }));
  HEARTH_TRY(part.EachItem("buckets", [&](const Part& item) -> Status {
    HEARTH_ASSIGN(const std::string text, item.Text());
    HEARTH_ASSIGN(auto mount, ParseBucketMount(text));
    function.wish.buckets.push_back(std::move(mount));
    return Ok();
  }));
  HEARTH_TRY(part.Read("isolation", function.wish.isolation));
  HEARTH_TRY(part.Read("snap_start", function.wish.snap_start));
  HEARTH_TRY(part.Read("log_format", function.wish.log_format));
  HEARTH_TRY(part.Read("log_level", function.wish.log_level));
  HEARTH_TRY(part.Read("system_log_level", function.wish.system_log_level));
  HEARTH_TRY(part.EachItem("layers", [&](const Part& item) -> Status {
    if (!function.wish.layers) function.wish.layers.emplace();
    HEARTH_ASSIGN(function.wish.layers->emplace_back(), item.Text());
    return Ok();
  }));
  HEARTH_TRY(part.EachItem("secrets", [&](const Part& item) -> Status {
    HEARTH_ASSIGN(function.wish.secrets.emplace_back(), item.Text());
    return Ok();
  }));
  HEARTH_TRY(part.Read("network", function.wish.network));
  if (!function.wish.network.empty()) {
    HEARTH_ASSIGN(function.wish.network, ParseNetwork(function.wish.network));
  }
  return part.Read("url", function.url);
}

Status ReadNotify(const Part& part, BucketChange& bucket) {
  HEARTH_TRY(part.Allow({"function", "prefix", "suffix", "acknowledge_loop"}));
  BucketNotify notify;
  HEARTH_TRY(part.Read("function", notify.function));
  HEARTH_TRY(part.Read("prefix", notify.prefix));
  HEARTH_TRY(part.Read("suffix", notify.suffix));
  HEARTH_TRY(part.Read("acknowledge_loop", notify.acknowledge_loop));
  if (notify.function.empty()) return part.Wrong("needs a \"function\"");
  bucket.notify.push_back(std::move(notify));
  return Ok();
}

Status ReadBucket(const std::string& name, const Part& part, const std::string& folder, Project& project) {
  HEARTH_TRY(part.Allow({"path", "notify"}));
  BucketChange bucket{.name = name};
  HEARTH_TRY(part.Read("path", bucket.path));
  if (!bucket.path.empty()) {
    const std::filesystem::path root = std::filesystem::absolute(folder);
    bucket.path = (root / bucket.path).lexically_normal().string();
  }
  HEARTH_TRY(part.EachItem("notify", [&](const Part& item) { return ReadNotify(item, bucket); }));
  project.buckets.push_back(std::move(bucket));
  return Ok();
}

Status ReadQueue(const std::string& name, const Part& part, Project& project) {
  HEARTH_TRY(part.Allow({"function", "batch_size", "window_s", "whole_batch"}));
  project.queues.push_back(name);
  QueueConnection connection{.queue = name, .function = ""};
  HEARTH_TRY(part.Read("function", connection.function));
  HEARTH_TRY(part.Read("batch_size", connection.batch_size));
  HEARTH_TRY(part.Read("window_s", connection.window_s));
  HEARTH_TRY(part.Read("whole_batch", connection.whole_batch));
  if (!connection.function.empty()) project.connections.push_back(std::move(connection));
  return Ok();
}

}  // namespace

Result<Project> ParseProject(const std::string& text, const std::string& folder) {
  const auto json = ParseJson(text, kProjectFile);
  if (!json.ok()) return UsageError(json.error().message);
  const Part all(*json, "");
  if (!json->is_object()) return UsageError(std::string(kProjectFile) + " is not a JSON object");
  HEARTH_TRY(all.Allow({"functions", "buckets", "queues", "routes"}));
  Project project;
  HEARTH_TRY(all.Each("functions", [&](const std::string& name, const Part& part) {
    return ReadFunction(name, part, project);
  }));
  HEARTH_TRY(all.Each("buckets", [&](const std::string& name, const Part& part) {
    return ReadBucket(name, part, folder, project);
  }));
  HEARTH_TRY(all.Each(
      "queues", [&](const std::string& name, const Part& part) { return ReadQueue(name, part, project); }));
  HEARTH_TRY(all.Each("routes", [&](const std::string& route, const Part& part) -> Status {
    HEARTH_ASSIGN(project.routes[route], part.Text());
    return Ok();
  }));
  return project;
}

}  // namespace hearth::cli
