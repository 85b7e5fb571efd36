#include "runtime/control/lambda_aliases.h"

#include "runtime/control/lambda_page.h"
#include "runtime/control/lambda_reference.h"

namespace hearth {
namespace {

Error Invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

// {"AdditionalVersionWeights": {"2": 0.1}}; null and {} are none.
Status ReadRouting(const JsonMembers& in, FunctionAlias& alias) {
  HEARTH_ASSIGN(const Json* routing, in.Object("RoutingConfig"));
  if (routing == nullptr) return Ok();
  alias.canary_version.clear();
  alias.canary_weight = 0;
  HEARTH_ASSIGN(const Json* weights,
                JsonMembers(*routing, "RoutingConfig.").Object("AdditionalVersionWeights"));
  if (weights == nullptr || weights->empty()) return Ok();
  if (!weights->is_object() || weights->size() > 1)
    return Invalid("Number of items in AdditionalVersionWeights cannot be greater than 1.");
  const auto one = weights->begin();
  if (!one.value().is_number())
    return Invalid("the weight of version " + one.key() + " must be a number from 0.0 to 1.0");
  alias.canary_version = one.key();
  alias.canary_weight = one.value().get<double>();
  return Ok();
}

Status ReadAlias(const Json& request, FunctionAlias& alias) {
  const JsonMembers in(request);
  HEARTH_TRY(in.Read("FunctionVersion", alias.version));
  HEARTH_TRY(in.Read("Description", alias.description));
  HEARTH_TRY(ReadRouting(in, alias));
  HEARTH_ASSIGN(const Json* ours, in.Object("Hearth"));
  if (ours == nullptr) return Ok();
  if (const auto errors = ours->find("RollbackOnErrors"); errors != ours->end()) {
    if (!errors->is_number()) return Invalid("Hearth.RollbackOnErrors must be a number from 0.0 to 1.0");
    alias.rollback_errors = errors->get<double>();
  }
  int64_t least = alias.rollback_requests_min;
  HEARTH_TRY(JsonMembers(*ours, "Hearth.").Read("RollbackMinRequests", least, 1, kRollbackRequestsMinMax));
  alias.rollback_requests_min = static_cast<uint32_t>(least);
  return Ok();
}

}  // namespace

// A function's name alone: an alias of an alias there is not.
Result<std::string> LambdaAliases::FunctionOf(const ApiCall& call) const {
  HEARTH_ASSIGN(const FunctionReference reference, ReadFunctionReference(call.parameter("name"), ""));
  HEARTH_TRY(ResolveFunction(registry_, {reference.name, ""}));
  return reference.name;
}

Json LambdaAliases::AliasJson(const std::string& function, const FunctionAlias& alias) const {
  Json json = {{"AliasArn", FunctionArn(registry_, {function, alias.name})},
               {"Name", alias.name},
               {"FunctionVersion", alias.version},
               {"Description", alias.description},
               {"RevisionId", alias.revision_id}};
  if (!alias.canary_version.empty())
    json["RoutingConfig"] = {{"AdditionalVersionWeights", {{alias.canary_version, alias.canary_weight}}}};
  Json ours = Json::object();
  if (!alias.previous_version.empty()) ours["PreviousVersion"] = alias.previous_version;
  if (alias.rollback_errors > 0) {
    ours["RollbackOnErrors"] = alias.rollback_errors;
    ours["RollbackMinRequests"] = alias.rollback_requests_min;
    ours["OnTrial"] = alias.watched_version;
  }
  if (!alias.rolled_back.empty()) ours["RolledBack"] = alias.rolled_back;
  if (!ours.empty()) json["Hearth"] = std::move(ours);
  return json;
}

Error LambdaAliases::NoAlias(const std::string& function, const std::string& alias) const {
  return {ErrorCode::kNotFound, "Cannot find alias arn: " + FunctionArn(registry_, {function, alias})};
}

AliasTable::Reply LambdaAliases::Answer(const ApiCallPtr& call, const std::string& function,
                                        int status) const {
  return [this, call, function, status](const Result<FunctionAlias>& alias) {
    if (!alias.ok()) return call->Fail(alias.error());
    call->AnswerJson(status, AliasJson(function, *alias));
  };
}

void LambdaAliases::Create(const ApiCallPtr& call) {
  const auto function = FunctionOf(*call);
  if (!function.ok()) return call->Fail(function.error());
  const auto request = ParseJsonObject(call->body());
  if (!request.ok()) return call->Fail(request.error());
  const JsonMembers in(*request);
  FunctionAlias alias;
  for (const Status& read : {in.Require("Name"), in.Read("Name", alias.name), in.Require("FunctionVersion"),
                             ReadAlias(*request, alias)}) {
    if (!read.ok()) return call->Fail(read.error());
  }
  registry_.CreateAlias(*function, std::move(alias), Answer(call, *function, 201));
}

void LambdaAliases::Get(const ApiCallPtr& call) const {
  const auto function = FunctionOf(*call);
  if (!function.ok()) return call->Fail(function.error());
  const FunctionAlias* alias = registry_.aliases().Find(*function, call->parameter("alias"));
  if (alias == nullptr) return call->Fail(NoAlias(*function, call->parameter("alias")));
  call->AnswerJson(200, AliasJson(*function, *alias));
}

void LambdaAliases::Update(const ApiCallPtr& call) {
  const auto function = FunctionOf(*call);
  if (!function.ok()) return call->Fail(function.error());
  const std::string name = call->parameter("alias");
  if (registry_.aliases().Find(*function, name) == nullptr) return call->Fail(NoAlias(*function, name));
  const auto request = ParseJsonObject(call->body());
  if (!request.ok()) return call->Fail(request.error());
  std::string revision_id;
  if (const Status read = JsonMembers(*request).Read("RevisionId", revision_id); !read.ok())
    return call->Fail(read.error());
  registry_.UpdateAlias(
      *function, name, revision_id.empty() ? std::nullopt : std::optional(revision_id),
      [&](FunctionAlias& alias) { return ReadAlias(*request, alias); }, Answer(call, *function, 200));
}

// As at Lambda, one that is not there is no error.
void LambdaAliases::Delete(const ApiCallPtr& call) {
  const auto function = FunctionOf(*call);
  if (!function.ok()) return call->Fail(function.error());
  const std::string name = call->parameter("alias");
  registry_.RemoveAlias(*function, name, [this, call, function = *function, name](const Status& removed) {
    if (!removed.ok() && removed.error().code != ErrorCode::kNotFound) return call->Fail(removed.error());
    configs_.Forget(function, name);
    call->AnswerEmpty(204);
  });
}

void LambdaAliases::List(const ApiCallPtr& call) const {
  const auto function = FunctionOf(*call);
  if (!function.ok()) return call->Fail(function.error());
  const std::string version = call->query("FunctionVersion");
  std::vector<FunctionAlias> aliases = registry_.aliases().List(*function);
  std::erase_if(aliases, [&](const FunctionAlias& alias) {
    return !version.empty() && alias.version != version && alias.canary_version != version;
  });
  AnswerPage(*call, "Aliases", aliases.size(),
             [&](size_t index) { return AliasJson(*function, aliases[index]); });
}

}  // namespace hearth
