#include <nlohmann/json.hpp>

#include "runtime/model/function.h"

namespace hearth {
namespace {

using nlohmann::json;

json EncodeLog(const LogSettings& log) {
  if (log.format == LogFormat::kText) return json::object();
  return {
      {"format", "json"}, {"application_level", log.application_level}, {"system_level", log.system_level}};
}

LogSettings DecodeLog(const json& j) {
  if (j.value("format", "text") != "json") return {};
  return {LogFormat::kJson, j.value("application_level", kJsonLogDefault.application_level),
          j.value("system_level", kJsonLogDefault.system_level)};
}

json EncodeSettings(const FunctionSettings& s) {
  json buckets = json::array();
  for (const BucketMount& mount : s.buckets)
    buckets.push_back({{"bucket", mount.bucket}, {"writable", mount.writable}});
  json layers = json::array();
  for (const LayerUse& layer : s.layers) layers.push_back({{"arn", layer.arn}, {"size", layer.size_bytes}});
  json secrets = json::array();
  for (const SecretUse& use : s.secrets) secrets.push_back({{"secret", use.secret}, {"file", use.file}});
  return {{"description", s.description},
          {"runtime", s.runtime},
          {"role", s.role},
          {"handler", s.handler},
          {"timeout_s", s.timeout.count()},
          {"memory_mib", s.memory.mib()},
          {"tmp_mib", s.tmp.mib()},
          {"isolation", static_cast<int>(s.isolation)},
          {"network", static_cast<int>(s.network)},
          {"network_ports", s.network_ports},
          {"environment", s.environment},
          {"snap_start", static_cast<int>(s.snap_start)},
          {"buckets", buckets},
          {"log", EncodeLog(s.log)},
          {"dead_letter_arn", s.dead_letter_arn},
          {"layers", layers},
          {"secrets", secrets}};
}

FunctionSettings DecodeSettings(const json& j) {
  FunctionSettings s;
  s.description = j.value("description", "");
  s.runtime = j.value("runtime", s.runtime);
  s.role = j.value("role", "");
  s.handler = j.value("handler", "");
  s.timeout = seconds(j.value("timeout_s", s.timeout.count()));
  s.memory = Bytes{j.value("memory_mib", s.memory.mib()) << 20};
  s.tmp = Bytes{j.value("tmp_mib", s.tmp.mib()) << 20};
  const int isolation = j.value("isolation", 0);
  s.isolation = isolation == 1   ? Isolation::kInvocation
                : isolation == 2 ? Isolation::kStrict
                                 : Isolation::kInstance;
  s.network = j.value("network", 0) == 1 ? Network::kEgress : Network::kNone;
  s.network_ports = j.value("network_ports", s.network_ports);
  s.environment = j.value("environment", s.environment);
  s.snap_start = j.value("snap_start", 0) == 1 ? SnapStart::kPublishedVersions : SnapStart::kNone;
  s.log = DecodeLog(j.value("log", json::object()));
  s.dead_letter_arn = j.value("dead_letter_arn", "");
  for (const json& mount : j.value("buckets", json::array())) {
    s.buckets.push_back({mount.value("bucket", ""), mount.value("writable", false)});
  }
  for (const json& layer : j.value("layers", json::array()))
    s.layers.push_back({layer.value("arn", ""), layer.value("size", uint64_t{0})});
  for (const json& use : j.value("secrets", json::array()))
    s.secrets.push_back({use.value("secret", ""), use.value("file", "")});
  return s;
}

}  // namespace

std::string EncodeFunctionJson(const FunctionVersion& v) {
  const json document = {
      {"function", v.function},
      {"version", v.version},
      {"arn", v.arn},
      {"revision_id", v.revision_id},
      {"last_modified_us", v.last_modified.time_since_epoch().count()},
      {"settings", EncodeSettings(v.settings)},
      {"code", {{"sha256", v.code.sha256_base64}, {"size", v.code.size_bytes}, {"folder", v.code.folder}}},
      {"host_uid", v.host_uid},
      {"layers_folder", v.layers_folder}};
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<FunctionVersion> DecodeFunctionJson(std::string_view text) {
  try {
    const json j = json::parse(text);
    FunctionVersion v;
    v.function = j.at("function");
    v.version = j.at("version");
    v.arn = j.at("arn");
    v.revision_id = j.at("revision_id");
    v.last_modified = WallTime(microseconds(j.at("last_modified_us").get<int64_t>()));
    v.settings = DecodeSettings(j.at("settings"));
    v.code = {j.at("code").at("sha256"), j.at("code").at("size"), j.at("code").at("folder")};
    v.host_uid = j.value("host_uid", 0U);
    v.layers_folder = j.value("layers_folder", "");
    return v;
  } catch (const json::exception& e) {
    return Error{ErrorCode::kCorrupt, std::string("stored function: ") + e.what()};
  }
}

}  // namespace hearth
