#include "runtime/control/lambda_provisioned.h"

#include <algorithm>

#include "runtime/control/lambda_function_json.h"
#include "runtime/control/lambda_page.h"
#include "runtime/control/lambda_reference.h"

namespace hearth {
namespace {

LambdaError NoConfig() {
  return {404, "ProvisionedConcurrencyConfigNotFoundException",
          "No Provisioned Concurrency Config found for this function", ""};
}

// AWS says 400 to what cannot be had.
Error AsInvalid(const Error& error) {
  const bool refused = error.code == ErrorCode::kPrecondition;
  return refused ? Error{ErrorCode::kInvalidArgument, error.message} : error;
}

}  // namespace

Result<FunctionVersionPtr> LambdaProvisioned::VersionOf(const ApiCall& call) const {
  HEARTH_ASSIGN(const FunctionReference reference,
                ReadFunctionReference(call.parameter("name"), call.query("Qualifier")));
  HEARTH_ASSIGN(const FunctionVersionPtr version, ResolveFunction(registry_, reference));
  if (reference.qualifier.empty() || version->version == "$LATEST") {
    return Error{ErrorCode::kInvalidArgument,
                 "Provisioned Concurrency Configs cannot be applied to unpublished function versions. Name a "
                 "published one, or reserve workers of $LATEST with hearth plan buy"};
  }
  return version;
}

std::vector<LambdaProvisioned::Config> LambdaProvisioned::ConfigsOf(const std::string& function) const {
  std::vector<Config> configs;
  for (const Commitment* one : account_.state().Running(clock_.WallNow())) {
    const bool ours = one->kind == CommitmentKind::kReservedStandard && one->term_hours == 0 &&
                      one->function == function && one->version != "$LATEST";
    if (!ours) continue;
    auto config = std::find_if(configs.begin(), configs.end(),
                               [&](const Config& each) { return each.version == one->version; });
    if (config == configs.end()) config = configs.insert(configs.end(), Config{one->version, 0, {}, {}, {}});
    config->requested += one->workers;
    config->modified = std::max(config->modified, one->from);
    config->commitments.push_back(one->id);
    const Held held = account_.HeldFor(*one);
    config->held.workers_ready += held.workers_ready;
    if (config->held.problem.empty()) config->held.problem = held.problem;
  }
  return configs;
}

Result<LambdaProvisioned::Config> LambdaProvisioned::ConfigOf(const FunctionVersion& version) const {
  for (Config& config : ConfigsOf(version.function)) {
    if (config.version == version.version) return std::move(config);
  }
  return Error{ErrorCode::kNotFound, ""};
}

Json LambdaProvisioned::ConfigJson(const Config& config) {
  const uint32_t ready = config.held.workers_ready;
  const bool failed = ready < config.requested && !config.held.problem.empty();
  Json json = {{"RequestedProvisionedConcurrentExecutions", config.requested},
               {"AllocatedProvisionedConcurrentExecutions", ready},
               {"AvailableProvisionedConcurrentExecutions", ready},
               {"Status", ready == config.requested ? "READY"
                          : failed                  ? "FAILED"
                                                    : "IN_PROGRESS"},
               {"LastModified", ToLambdaTimestamp(config.modified)}};
  if (failed) json["StatusReason"] = config.held.problem;
  return json;
}

// More is bought on top, in one step: what cannot be placed changes nothing. Fewer always fit.
Status LambdaProvisioned::Change(const FunctionVersion& version, uint32_t requested) {
  const auto had = ConfigOf(version);
  uint32_t there = had.ok() ? had->requested : 0;
  if (requested < there) {
    for (const std::string& id : had->commitments) HEARTH_TRY(account_.End(id));
    there = 0;
  }
  if (requested == there) return Ok();
  CommitmentOrder order;
  order.kind = CommitmentKind::kReservedStandard;
  order.function = version.function;
  order.version = version.version;
  order.workers = requested - there;
  order.memory_mib = static_cast<uint32_t>(version.settings.memory.mib());
  HEARTH_TRY(account_.Buy(order));
  return Ok();
}

void LambdaProvisioned::Put(const ApiCallPtr& call) {
  const auto version = VersionOf(*call);
  if (!version.ok()) return call->Fail(version.error());
  const auto request = ParseJsonObject(call->body());
  if (!request.ok()) return call->Fail(request.error());
  const JsonMembers in(*request);
  int64_t requested = 0;
  for (const Status& read :
       {in.Require("ProvisionedConcurrentExecutions"),
        in.Read("ProvisionedConcurrentExecutions", requested, 1, kCommitmentWorkersMax)}) {
    if (!read.ok()) return call->Fail(read.error());
  }
  const Status changed = Change(**version, static_cast<uint32_t>(requested));
  if (!changed.ok()) return call->Fail(AsInvalid(changed.error()));
  const auto config = ConfigOf(**version);
  if (!config.ok()) return call->Fail(NoConfig());
  call->AnswerJson(202, ConfigJson(*config));
}

void LambdaProvisioned::Get(const ApiCallPtr& call) const {
  if (call->query("List") == "ALL") return List(call);
  const auto version = VersionOf(*call);
  if (!version.ok()) return call->Fail(version.error());
  const auto config = ConfigOf(**version);
  if (!config.ok()) return call->Fail(NoConfig());
  call->AnswerJson(200, ConfigJson(*config));
}

void LambdaProvisioned::List(const ApiCallPtr& call) const {
  const auto reference = ReadFunctionReference(call->parameter("name"), "");
  if (!reference.ok()) return call->Fail(reference.error());
  const auto version = ResolveFunction(registry_, *reference);
  if (!version.ok()) return call->Fail(version.error());
  const std::vector<Config> configs = ConfigsOf(reference->name);
  AnswerPage(*call, "ProvisionedConcurrencyConfigs", configs.size(), [&](size_t index) {
    Json config = ConfigJson(configs[index]);
    config["FunctionArn"] = PlainArn(**version) + ":" + configs[index].version;
    return config;
  });
}

void LambdaProvisioned::Delete(const ApiCallPtr& call) {
  const auto version = VersionOf(*call);
  if (!version.ok()) return call->Fail(version.error());
  const auto config = ConfigOf(**version);
  if (!config.ok()) return call->Fail(NoConfig());
  for (const std::string& id : config->commitments) {
    if (const auto ended = account_.End(id); !ended.ok()) return call->Fail(ended.error());
  }
  call->AnswerEmpty(204);
}

}  // namespace hearth
