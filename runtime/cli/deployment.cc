#include "runtime/cli/deployment.h"

#include <poll.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <sstream>
#include <tuple>

#include "runtime/base/base64.h"
#include "runtime/base/digest.h"
#include "runtime/cli/exit_code.h"
#include "runtime/cli/resources.h"
#include "runtime/cli/text_table.h"

namespace hearth::cli {
namespace {

// The daemon answers a change when it is made, so the first look finds Active; others may take their time.
constexpr int kLooks = 600;
constexpr int kLookEvery_ms = 100;

std::string Sha256Base64(const std::string& bytes) {
  const Sha256Digest digest = Sha256(bytes);
  return Base64Encode({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

Json EnvironmentOf(const Json& current) {
  const Json environment = current.value("Environment", Json::object());
  return environment.value("Variables", Json::object());
}

Json BucketsOf(const Json& current) {
  return current.value("Hearth", Json::object()).value("Buckets", Json::array());
}

void ChangeText(const Json& current, const char* member, const std::string& label, const std::string& wished,
                SettingsChange& change) {
  const std::string old = TextOf(current, member);
  if (wished.empty() || wished == old) return;
  change.request[member] = wished;
  change.changes.push_back(label + " " + old + " -> " + wished);
}

void ChangeNumber(const Json& current, const char* member, const std::string& label, const std::string& unit,
                  std::optional<int64_t> wished, SettingsChange& change) {
  if (!wished || (current.contains(member) && current[member] == *wished)) return;
  change.request[member] = *wished;
  change.changes.push_back(label + " " + TextOf(current, member) + " -> " + std::to_string(*wished) + unit);
}

// Values are not shown: they may be secrets.
void ChangeEnvironment(const Json& current, const FunctionWish& wish, SettingsChange& change) {
  Json variables = EnvironmentOf(current);
  const size_t before = change.changes.size();
  for (const auto& [name, value] : wish.environment) {
    if (variables.contains(name) && variables[name] == value) continue;
    change.changes.push_back((variables.contains(name) ? "changed " : "added ") + name);
    variables[name] = value;
  }
  for (const std::string& name : wish.environment_removed) {
    if (variables.erase(name) > 0) change.changes.push_back("removed " + name);
  }
  if (change.changes.size() > before) change.request["Environment"] = {{"Variables", variables}};
}

std::string Joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

// "arn:aws:lambda:us-east-1:000000000000:layer:fonts:1" -> "fonts:1"
std::string ShortLayer(const std::string& arn) {
  const size_t name = arn.find(":layer:");
  return name == std::string::npos ? arn : arn.substr(name + 7);
}

void ChangeLayers(const Json& current, const FunctionWish& wish, SettingsChange& change) {
  if (!wish.layers) return;
  std::vector<std::string> before, shown;
  for (const Json& layer : current.value("Layers", Json::array())) before.push_back(TextOf(layer, "Arn"));
  if (before == *wish.layers) return;
  change.request["Layers"] = *wish.layers;
  for (const std::string& arn : *wish.layers) shown.push_back(ShortLayer(arn));
  change.changes.push_back(shown.empty() ? "no layers" : "layers " + Joined(shown));
}

// One secret may be several files; a file is one secret.
Json SecretsWished(const Json& before, const FunctionWish& wish, SettingsChange& change) {
  const auto secret_of = [](const std::string& use) { return use.substr(0, use.find(':')); };
  const auto file_of = [](const std::string& use) { return use.substr(use.find(':') + 1); };
  std::vector<std::string> uses;
  for (const Json& use : before) uses.push_back(use.get<std::string>());
  for (const std::string& name : wish.secrets_removed) {
    if (std::erase_if(uses, [&](const std::string& use) { return secret_of(use) == name; }) > 0)
      change.changes.push_back("removed secret " + name);
  }
  for (const std::string& wished : wish.secrets) {
    if (std::find(uses.begin(), uses.end(), wished) != uses.end()) continue;
    std::erase_if(uses, [&](const std::string& use) { return file_of(use) == file_of(wished); });
    uses.push_back(wished);
    change.changes.push_back("secret " + wished);
  }
  return uses;
}

// "egress:443,5432" as the API has it.
void PutNetwork(const std::string& network, Json& hearth) {
  hearth["Network"] = network.substr(0, network.find(':'));
  if (!network.starts_with("egress")) return;
  Json ports = Json::array();
  for (size_t at = network.find(':'); at != std::string::npos; at = network.find(',', at + 1))
    ports.push_back(std::stoi(network.substr(at + 1)));
  hearth["NetworkPorts"] = ports;
}

// Buckets, isolation, secrets and network travel as one object.
void ChangeHearth(const Json& current, const FunctionWish& wish, SettingsChange& change) {
  Json buckets = BucketsOf(current);
  const Json before = buckets;
  for (const auto& [name, mode] : wish.buckets) {
    const bool writable = mode == "rw";
    const auto same = [&, bucket = name](const Json& one) { return TextOf(one, "Bucket") == bucket; };
    buckets.erase(std::remove_if(buckets.begin(), buckets.end(), same), buckets.end());
    if (mode != "off") buckets.push_back({{"Bucket", name}, {"Writable", writable}});
    const auto old = std::find_if(before.begin(), before.end(), same);
    const bool unchanged = mode == "off" ? old == before.end()
                                         : old != before.end() && old->value("Writable", false) == writable;
    if (!unchanged) change.changes.push_back("bucket " + name + " " + mode);
  }
  const std::string isolation = current.value("Hearth", Json::object()).value("Isolation", "instance");
  const bool isolation_changes = !wish.isolation.empty() && wish.isolation != isolation;
  if (isolation_changes) change.changes.push_back("isolation " + isolation + " -> " + wish.isolation);
  const auto in_order = [](const Json& list) {
    std::map<std::string, bool> modes;
    for (const Json& one : list) modes[TextOf(one, "Bucket")] = one.value("Writable", false);
    return modes;
  };
  Json hearth = Json::object();
  if (in_order(buckets) != in_order(before)) hearth["Buckets"] = buckets;
  if (isolation_changes) hearth["Isolation"] = wish.isolation;
  const Json secrets_before = current.value("Hearth", Json::object()).value("Secrets", Json::array());
  if (Json secrets = SecretsWished(secrets_before, wish, change); secrets != secrets_before)
    hearth["Secrets"] = std::move(secrets);
  const std::string network = NetworkOf(current);
  if (!wish.network.empty() && wish.network != network) {
    change.changes.push_back("network " + network + " -> " + wish.network);
    PutNetwork(wish.network, hearth);
  }
  if (!hearth.empty()) change.request["Hearth"] = hearth;
}

// The format and its levels travel as one object. Levels without a format are judged by the daemon, which knows what
// it is.
void ChangeLogging(const Json& current, const FunctionWish& wish, SettingsChange& change) {
  const Json logging = current.value("LoggingConfig", Json::object());
  Json wished = Json::object();
  const std::string format = wish.log_format == "json" ? "JSON" : wish.log_format == "text" ? "Text" : "";
  for (const auto& [label, member, value] :
       {std::tuple("log format", "LogFormat", format),
        std::tuple("log level", "ApplicationLogLevel", wish.log_level),
        std::tuple("system log level", "SystemLogLevel", wish.system_log_level)}) {
    const std::string old = TextOf(logging, member);
    if (value.empty() || value == old || (value == "Text" && old.empty())) continue;
    wished[member] = value;
    change.changes.push_back(std::string(label) + (old.empty() ? "" : " " + old) + " -> " + value);
  }
  if (!wished.empty()) change.request["LoggingConfig"] = wished;
}

void ChangeSnapStart(const Json& current, const FunctionWish& wish, SettingsChange& change) {
  const std::string before = current.value("SnapStart", Json::object()).value("ApplyOn", "None");
  const std::string wished = wish.snap_start == "published" ? "PublishedVersions" : "None";
  if (wish.snap_start.empty() || wished == before) return;
  change.request["SnapStart"] = {{"ApplyOn", wished}};
  change.changes.push_back("snap start " + std::string(before == "None" ? "none" : "published") + " -> " +
                           wish.snap_start);
}

// As ARNs. "none" takes all away.
Status FindLayers(const Session& session, FunctionWish& wish) {
  if (!wish.layers) return Ok();
  std::erase(*wish.layers, "none");
  for (std::string& layer : *wish.layers) {
    HEARTH_ASSIGN(layer, LayerArn(session, layer));
  }
  return Ok();
}

Result<Json> WaitUntilActive(const Session& session, const std::string& name) {
  for (int look = 0; look < kLooks; ++look) {
    HEARTH_ASSIGN(const Json answer, session.Ask("GET", FunctionPath(name)));
    const Json configuration = answer.value("Configuration", Json::object());
    const std::string state = TextOf(configuration, "State");
    const std::string update = TextOf(configuration, "LastUpdateStatus");
    if (state == "Failed" || update == "Failed") {
      return Error{ErrorCode::kBadArtefact, name + " failed: " + TextOf(configuration, "StateReason") +
                                                TextOf(configuration, "LastUpdateStatusReason")};
    }
    if (state == "Active" && update != "InProgress") return configuration;
    ::poll(nullptr, 0, kLookEvery_ms);  // this program has no loop to run meanwhile
  }
  return Error{ErrorCode::kTimedOut,
               name + " is not Active after " + std::to_string(kLooks * kLookEvery_ms / 1000) + " s"};
}

Result<Deployed> Create(const Session& session, const Package& package, const FunctionWish& wish) {
  if (wish.handler.empty()) {
    return UsageError("which library of the package handles events? say --handler libNAME.so (" + wish.name +
                      " is new)");
  }
  Json request = ChangeOf(Json::object(), wish).request;
  request["FunctionName"] = wish.name;
  request["Runtime"] = "provided.al2023";
  request["Role"] = "arn:aws:iam::000000000000:role/none";  // the API wants one; nothing reads it
  request["Code"] = {{"ZipFile", Base64Encode(package.bytes)}};
  HEARTH_TRY(session.Ask("POST", "/2015-03-31/functions", request));
  Deployed deployed{.created = true};
  HEARTH_ASSIGN(deployed.configuration, WaitUntilActive(session, wish.name));
  const Json& made = deployed.configuration;
  deployed.summary = "created " + wish.name + ": " + SizeText(package.bytes.size()) + ", handler " +
                     TextOf(made, "Handler") + ", " + TextOf(made, "MemorySize") + " MB, timeout " +
                     TextOf(made, "Timeout") + " s";
  return deployed;
}

Result<Deployed> Update(const Session& session, const Package& package, const FunctionWish& wish,
                        const Json& current) {
  SettingsChange change = ChangeOf(current, wish);
  // Code and what it needs to be loaded travel together: each alone would be judged against the other's old half.
  const bool renamed = change.request.contains("Handler");
  const bool new_code = TextOf(current, "CodeSha256") != Sha256Base64(package.bytes);
  if (new_code || renamed) {
    Json request = {{"ZipFile", Base64Encode(package.bytes)}};
    for (const char* companion : {"Handler", "Layers", "Hearth"}) {
      if (!change.request.contains(companion)) continue;
      request[companion] = change.request[companion];
      change.request.erase(companion);
    }
    HEARTH_TRY(session.Ask("PUT", FunctionPath(wish.name) + "/code", request));
    HEARTH_TRY(WaitUntilActive(session, wish.name));
    if (new_code)
      change.changes.insert(change.changes.begin(), "code (" + SizeText(package.bytes.size()) + ")");
  }
  if (!change.request.empty()) {
    HEARTH_TRY(session.Ask("PUT", FunctionPath(wish.name) + "/configuration", change.request));
  }
  Deployed deployed;
  HEARTH_ASSIGN(deployed.configuration, WaitUntilActive(session, wish.name));
  deployed.summary = change.changes.empty() ? wish.name + " is up to date"
                                            : "updated " + wish.name + ": " + Joined(change.changes);
  return deployed;
}

}  // namespace

Result<std::pair<std::string, std::string>> ParseBucketMount(const std::string& text) {
  const size_t colon = text.find(':');
  const std::string mode = colon == std::string::npos ? "ro" : text.substr(colon + 1);
  if (mode != "ro" && mode != "rw" && mode != "off") {
    return UsageError("bucket \"" + text + "\": after the colon comes rw, ro or off");
  }
  return std::pair(text.substr(0, colon), mode);
}

Result<std::string> ParseNetwork(const std::string& text) {
  constexpr const char* kShape = " is none of none, egress and egress:PORT,PORT...";
  if (text == "none" || text == "egress") return text;
  if (!text.starts_with("egress:")) return UsageError("network \"" + text + "\"" + kShape);
  std::set<uint16_t> ports;
  std::istringstream list(text.substr(text.find(':') + 1));
  for (std::string item; std::getline(list, item, ',');) {
    uint16_t port = 0;
    const auto [end, failure] = std::from_chars(item.data(), item.data() + item.size(), port);
    if (failure != std::errc() || end != item.data() + item.size() || port == 0)
      return UsageError("network \"" + text + "\": \"" + item + "\" is no port from 1 to 65535");
    ports.insert(port);
  }
  if (ports.empty()) return UsageError("network \"" + text + "\"" + kShape);
  std::string network = "egress";
  for (const uint16_t port : ports) network += (network == "egress" ? ":" : ",") + std::to_string(port);
  return network;
}

std::string NetworkOf(const Json& configuration) {
  const Json hearth = configuration.value("Hearth", Json::object());
  std::string network = hearth.value("Network", "none");
  const size_t plain = network.size();
  for (const Json& port : hearth.value("NetworkPorts", Json::array()))
    network += (network.size() == plain ? ":" : ",") + port.dump();
  return network;
}

SettingsChange ChangeOf(const Json& current, const FunctionWish& wish) {
  SettingsChange change;
  ChangeText(current, "Handler", "handler", wish.handler, change);
  ChangeNumber(current, "MemorySize", "memory", " MB", wish.memory_mib, change);
  ChangeNumber(current, "Timeout", "timeout", " s", wish.timeout_s, change);
  ChangeEnvironment(current, wish, change);
  ChangeLayers(current, wish, change);
  ChangeHearth(current, wish, change);
  ChangeLogging(current, wish, change);
  ChangeSnapStart(current, wish, change);
  return change;
}

Result<Deployed> DeployFunction(const Session& session, const Package& package, FunctionWish wish) {
  HEARTH_TRY(FindLayers(session, wish));
  if (wish.name.empty()) wish.name = package.name;
  if (wish.name.empty()) return UsageError("what shall the function be called? say --name NAME");
  const auto current = session.Ask("GET", FunctionPath(wish.name));
  if (!current.ok() && current.error().code != ErrorCode::kNotFound) return current.error();
  if (wish.handler.empty()) wish.handler = package.handler;
  if (!wish.memory_mib) wish.memory_mib = package.memory_mib;
  if (!wish.timeout_s) wish.timeout_s = package.timeout_s;
  auto deployed = current.ok()
                      ? Update(session, package, wish, current->value("Configuration", Json::object()))
                      : Create(session, package, wish);
  if (deployed.ok() || deployed.error().code == ErrorCode::kInvalidArgument) return deployed;
  return deployed.error().WithContext(wish.name);
}

}  // namespace hearth::cli
