#include "runtime/control/lambda_function_json.h"

#include <sys/utsname.h>

#include <set>

#include "runtime/base/base64.h"
#include "runtime/base/digest.h"
#include "runtime/model/secret.h"
#include "runtime/registry/code_folders.h"

namespace hearth {
namespace {

constexpr const char* kLogGroupPrefix = "/aws/lambda/";
constexpr int64_t kTmpMiBMin = 1, kTmpMiBMax = 10'240;

Error Invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

// Lambda's name for this machine.
std::string HostArchitecture() {
  utsname name{};
  ::uname(&name);
  return std::string_view(name.machine) == "aarch64" ? "arm64" : "x86_64";
}

// Region and runtime name one build of the runtime on AWS; here a runtime is what the daemon is.
std::string RuntimeVersionArn(const FunctionVersion& version) {
  const Sha256Digest digest = Sha256(version.settings.runtime);
  const size_t region = std::string_view("arn:aws:lambda:").size();
  return "arn:aws:lambda:" + version.arn.substr(region, version.arn.find(':', region) - region) +
         "::runtime:" + ToHex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

const char* NameOf(Isolation isolation) {
  switch (isolation) {
    case Isolation::kInstance:
      return "instance";
    case Isolation::kInvocation:
      return "invocation";
    case Isolation::kStrict:
      return "strict";
  }
  return "instance";
}

const char* NameOf(SnapStart snap_start) {
  return snap_start == SnapStart::kPublishedVersions ? "PublishedVersions" : "None";
}

Json HearthMembers(const FunctionSettings& settings) {
  Json members = Json::object();
  for (const BucketMount& mount : settings.buckets) {
    members["Buckets"].push_back({{"Bucket", mount.bucket}, {"Writable", mount.writable}});
  }
  for (const SecretUse& use : settings.secrets) members["Secrets"].push_back(TextOf(use));
  if (settings.isolation != Isolation::kInstance) members["Isolation"] = NameOf(settings.isolation);
  if (settings.network == Network::kEgress) members["Network"] = "egress";
  if (!settings.network_ports.empty()) members["NetworkPorts"] = settings.network_ports;
  return members;
}

void AddState(Json& out, ShownState state) {
  constexpr const char* kReason = "The function is being created.";
  if (state == ShownState::kJustCreated) {
    out.update({{"State", "Pending"}, {"StateReason", kReason}, {"StateReasonCode", "Creating"}});
    return;
  }
  out["State"] = "Active";
  out["LastUpdateStatus"] = state == ShownState::kActive ? "Successful" : "InProgress";
  if (state == ShownState::kActive) return;
  out.update({{"LastUpdateStatusReason", kReason}, {"LastUpdateStatusReasonCode", "Creating"}});
}

Status RefuseWhatWouldNotWork(const JsonMembers& in) {
  std::string package_type = "Zip";
  HEARTH_TRY(in.Read("PackageType", package_type));
  if (package_type != "Zip")
    return Invalid("PackageType " + package_type + " is not supported; upload a zip or a shared object");
  HEARTH_ASSIGN(const Json* file_systems, in.Array("FileSystemConfigs"));
  if (file_systems && !file_systems->empty())
    return Invalid("FileSystemConfigs are not supported; use Hearth.Buckets");
  std::vector<std::string> architectures;
  HEARTH_TRY(in.Read("Architectures", architectures));
  if (!architectures.empty() && architectures != std::vector{HostArchitecture()}) {
    return Invalid("Architectures must be [\"" + HostArchitecture() + "\"]: that is what this machine runs");
  }
  return Ok();
}

Status ReadDeadLetters(const JsonMembers& in, FunctionSettings& settings) {
  HEARTH_ASSIGN(const Json* dead_letters, in.Object("DeadLetterConfig"));
  if (!dead_letters) return Ok();
  settings.dead_letter_arn.clear();
  return JsonMembers(*dead_letters, "DeadLetterConfig.").Read("TargetArn", settings.dead_letter_arn);
}

Status ReadRuntime(const JsonMembers& in, FunctionSettings& settings) {
  HEARTH_TRY(in.Read("Runtime", settings.runtime));
  if (settings.runtime.starts_with("provided")) return Ok();
  return Invalid("Value " + settings.runtime +
                 " at 'runtime' is not supported: native handlers run as provided.al2023");
}

Status ReadSizes(const JsonMembers& in, FunctionSettings& settings) {
  int64_t timeout = settings.timeout.count();
  int64_t memory = static_cast<int64_t>(settings.memory.mib());
  int64_t tmp = static_cast<int64_t>(settings.tmp.mib());
  HEARTH_TRY(in.Read("Timeout", timeout, kTimeoutMin.count(), kTimeoutMax.count()));
  HEARTH_TRY(in.Read("MemorySize", memory, static_cast<int64_t>(kMemoryMin.mib()),
                     static_cast<int64_t>(kMemoryMax.mib())));
  HEARTH_ASSIGN(const Json* storage, in.Object("EphemeralStorage"));
  if (storage)
    HEARTH_TRY(JsonMembers(*storage, "EphemeralStorage.").Read("Size", tmp, kTmpMiBMin, kTmpMiBMax));
  HEARTH_ASSIGN(const Json* hearth, in.Object("Hearth"));
  if (hearth) HEARTH_TRY(JsonMembers(*hearth, "Hearth.").Read("TmpMiB", tmp, kTmpMiBMin, kTmpMiBMax));
  settings.timeout = seconds(timeout);
  settings.memory = Bytes{static_cast<uint64_t>(memory) << 20};
  settings.tmp = Bytes{static_cast<uint64_t>(tmp) << 20};
  return Ok();
}

const char* NameOf(LogFormat format) { return format == LogFormat::kJson ? "JSON" : "Text"; }

// Lambda's, which leaves the levels out of the text format.
Json LoggingConfigJson(const FunctionVersion& version) {
  const LogSettings& log = version.settings.log;
  Json out = {{"LogFormat", NameOf(log.format)}, {"LogGroup", kLogGroupPrefix + version.function}};
  if (log.format == LogFormat::kText) return out;
  out["ApplicationLogLevel"] = LogLevelName(log.application_level);
  out["SystemLogLevel"] = LogLevelName(log.system_level);
  return out;
}

Status ReadLogFormat(const JsonMembers& in, LogSettings& log) {
  std::string format = NameOf(log.format);
  HEARTH_TRY(in.Read("LogFormat", format));
  if (format != "Text" && format != "JSON")
    return Invalid("LoggingConfig.LogFormat \"" + format + "\" is neither \"Text\" nor \"JSON\"");
  if (format == NameOf(log.format)) return Ok();
  log = format == "JSON" ? kJsonLogDefault : LogSettings{};
  return Ok();
}

// One of `least` .. `most`, in capitals as Lambda wants it.
Status ReadLogLevel(const JsonMembers& in, const char* member, uint8_t least, uint8_t most, LogFormat format,
                    uint8_t& level) {
  if (!in.Has(member)) return Ok();
  std::string name, names;
  HEARTH_TRY(in.Read(member, name));
  if (format != LogFormat::kJson) {
    return Invalid(std::string("LoggingConfig.") + member +
                   " can be set only together with LogFormat \"JSON\": the text format has no levels");
  }
  for (uint8_t each = least; each <= most; ++each) {
    if (name == LogLevelName(each)) {
      level = each;
      return Ok();
    }
    names.append(names.empty() ? "" : ", ").append(LogLevelName(each));
  }
  return Invalid(std::string("LoggingConfig.") + member + " \"" + name + "\" is none of " + names);
}

Status ReadLogging(const JsonMembers& in, const std::string& function, LogSettings& log) {
  HEARTH_ASSIGN(const Json* logging, in.Object("LoggingConfig"));
  if (!logging) return Ok();
  const JsonMembers members(*logging, "LoggingConfig.");
  HEARTH_TRY(ReadLogFormat(members, log));
  HEARTH_TRY(
      ReadLogLevel(members, "ApplicationLogLevel", kLogTrace, kLogFatal, log.format, log.application_level));
  HEARTH_TRY(ReadLogLevel(members, "SystemLogLevel", kLogDebug, kLogWarn, log.format, log.system_level));
  const std::string own = kLogGroupPrefix + function;
  std::string group = own;
  HEARTH_TRY(members.Read("LogGroup", group));
  if (group == own) return Ok();
  return Invalid("LoggingConfig.LogGroup \"" + group +
                 "\" cannot be had: each function has a log of its own, \"" + own + "\"; leave LogGroup out");
}

// Its words for a value that it does not know are Lambda's.
Status ReadSnapStart(const JsonMembers& in, FunctionSettings& settings) {
  HEARTH_ASSIGN(const Json* snap_start, in.Object("SnapStart"));
  if (!snap_start) return Ok();
  std::string apply_on = NameOf(settings.snap_start);
  HEARTH_TRY(JsonMembers(*snap_start, "SnapStart.").Read("ApplyOn", apply_on));
  for (const SnapStart each : {SnapStart::kNone, SnapStart::kPublishedVersions}) {
    if (apply_on != NameOf(each)) continue;
    settings.snap_start = each;
    return Ok();
  }
  return Invalid("1 validation error detected: Value '" + apply_on +
                 "' at 'snapStart.applyOn' failed to satisfy constraint: Member must satisfy enum value set: "
                 "[PublishedVersions, None]");
}

Status ReadBuckets(const JsonMembers& in, FunctionSettings& settings) {
  HEARTH_ASSIGN(const Json* buckets, in.Array("Buckets"));
  if (!buckets) return Ok();
  settings.buckets.clear();
  for (const Json& one : *buckets) {
    if (!one.is_object()) return Invalid("Hearth.Buckets must be an array of {\"Bucket\", \"Writable\"}");
    BucketMount mount;
    const JsonMembers members(one, "Hearth.Buckets.");
    HEARTH_TRY(members.Require("Bucket"));
    HEARTH_TRY(members.Read("Bucket", mount.bucket));
    HEARTH_TRY(members.Read("Writable", mount.writable));
    settings.buckets.push_back(std::move(mount));
  }
  return Ok();
}

// "NAME" or "NAME:FILE" each.
Status ReadSecrets(const JsonMembers& in, FunctionSettings& settings) {
  if (!in.Has("Secrets")) return Ok();
  std::vector<std::string> names;
  HEARTH_TRY(in.Read("Secrets", names));
  settings.secrets.clear();
  for (const std::string& name : names) {
    HEARTH_ASSIGN(SecretUse use, ParseSecretUse(name));
    settings.secrets.push_back(std::move(use));
  }
  return Ok();
}

Status ReadLayers(const JsonMembers& in, FunctionSettings& settings) {
  if (!in.Has("Layers")) return Ok();
  std::vector<std::string> arns;
  HEARTH_TRY(in.Read("Layers", arns));
  settings.layers.clear();
  for (const std::string& arn : arns) settings.layers.push_back({arn, 0});
  return Ok();
}

Status ReadPorts(const JsonMembers& in, std::vector<uint16_t>& ports) {
  HEARTH_ASSIGN(const Json* list, in.Array("NetworkPorts"));
  if (!list) return Ok();
  if (list->size() > kNetworkPortsMax)
    return Invalid("Hearth.NetworkPorts has " + std::to_string(list->size()) + " ports; there may be " +
                   std::to_string(kNetworkPortsMax));
  std::set<uint16_t> in_order;
  for (const Json& port : *list) {
    if (!port.is_number_unsigned() || port.get<uint64_t>() < 1 || port.get<uint64_t>() > 65'535)
      return Invalid("Hearth.NetworkPorts must be whole numbers from 1 to 65535, and one is " + port.dump());
    in_order.insert(port.get<uint16_t>());
  }
  ports.assign(in_order.begin(), in_order.end());
  return Ok();
}

// Whether this host can is found out when the function is loaded on trial.
Status ReadNetwork(const JsonMembers& in, FunctionSettings& settings) {
  std::string network = settings.network == Network::kEgress ? "egress" : "none";
  HEARTH_TRY(in.Read("Network", network));
  if (network != "none" && network != "egress")
    return Invalid("Hearth.Network \"" + network + "\" is neither \"none\" nor \"egress\"");
  const bool was_egress = settings.network == Network::kEgress;
  settings.network = network == "egress" ? Network::kEgress : Network::kNone;
  if (was_egress && settings.network == Network::kNone) settings.network_ports.clear();
  HEARTH_TRY(ReadPorts(in, settings.network_ports));
  if (settings.network == Network::kEgress || settings.network_ports.empty()) return Ok();
  return Invalid("Hearth.NetworkPorts says where Hearth.Network \"egress\" leads, and Network is \"none\"");
}

Status ReadHearth(const JsonMembers& in, FunctionSettings& settings) {
  HEARTH_ASSIGN(const Json* hearth, in.Object("Hearth"));
  if (!hearth) return Ok();
  for (const auto& [name, value] : hearth->items()) {
    if (name == "Buckets" || name == "Isolation" || name == "Network" || name == "NetworkPorts" ||
        name == "Secrets" || name == "TmpMiB")
      continue;
    return Invalid("Hearth." + name +
                   " is unknown; there are Buckets, Isolation, Network, NetworkPorts, Secrets and TmpMiB");
  }
  const JsonMembers members(*hearth, "Hearth.");
  HEARTH_TRY(ReadBuckets(members, settings));
  HEARTH_TRY(ReadSecrets(members, settings));
  HEARTH_TRY(ReadNetwork(members, settings));
  std::string isolation = NameOf(settings.isolation);
  HEARTH_TRY(members.Read("Isolation", isolation));
  for (const Isolation each : {Isolation::kInstance, Isolation::kInvocation, Isolation::kStrict}) {
    if (isolation != NameOf(each)) continue;
    settings.isolation = each;
    return Ok();
  }
  return Invalid("Hearth.Isolation \"" + isolation +
                 "\" is none of \"instance\", \"invocation\" and \"strict\"");
}

}  // namespace

std::string PlainArn(const FunctionVersion& version) {
  const std::string suffix = ":" + version.version;
  return version.arn.ends_with(suffix) ? version.arn.substr(0, version.arn.size() - suffix.size())
                                       : version.arn;
}

Json FunctionConfigurationJson(const FunctionVersion& version, ShownState state, ShownArn arn) {
  const FunctionSettings& s = version.settings;
  Json out = {{"Architectures", {HostArchitecture()}},
              {"CodeSha256", version.code.sha256_base64},
              {"CodeSize", version.code.size_bytes},
              {"Description", s.description},
              {"EphemeralStorage", {{"Size", s.tmp.mib()}}},
              {"FunctionArn",
               arn == ShownArn::kQualified ? PlainArn(version) + ":" + version.version : PlainArn(version)},
              {"FunctionName", version.function},
              {"Handler", s.handler},
              {"LastModified", ToLambdaTimestamp(version.last_modified)},
              {"LoggingConfig", LoggingConfigJson(version)},
              {"MemorySize", s.memory.mib()},
              {"PackageType", "Zip"},
              {"RevisionId", version.revision_id},
              {"Role", s.role},
              {"Runtime", s.runtime},
              {"RuntimeVersionConfig", {{"RuntimeVersionArn", RuntimeVersionArn(version)}}},
              {"SnapStart",
               {{"ApplyOn", NameOf(s.snap_start)},
                {"OptimizationStatus", StartsFromSnapshot(version) ? "On" : "Off"}}},
              {"Timeout", s.timeout.count()},
              {"TracingConfig", {{"Mode", "PassThrough"}}},
              {"Version", version.version}};
  if (!s.environment.empty()) out["Environment"] = {{"Variables", s.environment}};
  if (!s.dead_letter_arn.empty()) out["DeadLetterConfig"] = {{"TargetArn", s.dead_letter_arn}};
  for (const LayerUse& layer : s.layers)
    out["Layers"].push_back({{"Arn", layer.arn}, {"CodeSize", layer.size_bytes}});
  if (Json hearth = HearthMembers(s); !hearth.empty()) out["Hearth"] = std::move(hearth);
  AddState(out, state);
  return out;
}

Status ReadFunctionSettings(const Json& request, const std::string& function, FunctionSettings& settings) {
  const JsonMembers in(request);
  HEARTH_TRY(RefuseWhatWouldNotWork(in));
  HEARTH_TRY(in.Read("Description", settings.description));
  HEARTH_TRY(in.Read("Role", settings.role));
  HEARTH_TRY(in.Read("Handler", settings.handler));
  HEARTH_TRY(ReadRuntime(in, settings));
  HEARTH_TRY(ReadSizes(in, settings));
  HEARTH_TRY(ReadDeadLetters(in, settings));
  HEARTH_TRY(ReadLogging(in, function, settings.log));
  HEARTH_TRY(ReadSnapStart(in, settings));
  HEARTH_ASSIGN(const Json* environment, in.Object("Environment"));
  if (environment) {
    settings.environment.clear();
    HEARTH_TRY(JsonMembers(*environment, "Environment.").Read("Variables", settings.environment));
  }
  HEARTH_TRY(ReadLayers(in, settings));
  return ReadHearth(in, settings);
}

Status ReadCodeCompanions(const Json& request, FunctionSettings& settings) {
  const JsonMembers in(request);
  std::string handler;
  HEARTH_TRY(in.Read("Handler", handler));
  if (!handler.empty()) settings.handler = handler;
  HEARTH_TRY(ReadLayers(in, settings));
  return ReadHearth(in, settings);
}

Result<std::string> ReadPackage(const Json& code) {
  const JsonMembers in(code);
  if (in.Has("S3Bucket") || in.Has("ImageUri")) {
    return Invalid(
        "the code must be given as ZipFile (base64 of a zip or of a shared object); S3Bucket and ImageUri "
        "are "
        "not supported");
  }
  HEARTH_TRY(in.Require("ZipFile"));
  std::string base64;
  HEARTH_TRY(in.Read("ZipFile", base64));
  auto package = Base64Decode(base64);
  if (!package.ok()) return package.error().WithContext("ZipFile");
  if (package->empty()) return Invalid("Uploaded file must be a non-empty zip");
  if (package->size() > kPackageBytesMax) {
    return Error{ErrorCode::kTooLarge, "Zipped size must be smaller than " +
                                           std::to_string(kPackageBytesMax) + " bytes; this is " +
                                           std::to_string(package->size())};
  }
  return package;
}

}  // namespace hearth
