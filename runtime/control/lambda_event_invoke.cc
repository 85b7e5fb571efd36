#include "runtime/control/lambda_event_invoke.h"

#include <utility>

#include "runtime/control/lambda_page.h"
#include "runtime/control/lambda_reference.h"

namespace hearth {
namespace {

std::string Shown(const std::string& qualifier) { return qualifier.empty() ? "$LATEST" : qualifier; }

double EpochSeconds(WallTime time) { return static_cast<double>(time.time_since_epoch().count()) / 1e6; }

Status ReadDestination(const Json& destinations, const char* which, std::string& arn) {
  HEARTH_ASSIGN(const Json* one, JsonMembers(destinations, "DestinationConfig.").Object(which));
  if (one == nullptr) return Ok();
  arn.clear();
  return JsonMembers(*one, std::string("DestinationConfig.") + which + ".").Read("Destination", arn);
}

}  // namespace

void CheckDestinations(Destination& destinations, std::vector<std::string> arns,
                       std::function<void(Status)> checked) {
  while (!arns.empty() && arns.back().empty()) arns.pop_back();
  if (arns.empty()) return checked(Ok());
  std::string arn = std::move(arns.back());
  arns.pop_back();
  destinations.Check(
      arn, [&destinations, arns = std::move(arns), checked = std::move(checked)](const Status& there) {
        if (there.ok()) return CheckDestinations(destinations, arns, checked);
        // A queue that is missing makes a bad parameter of a good path.
        const bool bad = there.error().code == ErrorCode::kNotFound;
        checked(bad ? Error{ErrorCode::kInvalidArgument, there.error().message} : there.error());
      });
}

Result<FunctionReference> LambdaEventInvoke::ReferenceOf(const ApiCall& call) const {
  HEARTH_ASSIGN(FunctionReference reference,
                ReadFunctionReference(call.parameter("name"), call.query("Qualifier")));
  HEARTH_TRY(ResolveFunction(registry_, reference));
  return reference;
}

std::string LambdaEventInvoke::QualifiedArn(const std::string& function, const std::string& qualifier) const {
  return FunctionArn(registry_, {function, Shown(qualifier)});
}

Error LambdaEventInvoke::NoConfig(const FunctionReference& reference) const {
  return {ErrorCode::kNotFound, "The function " + QualifiedArn(reference.name, reference.qualifier) +
                                    " doesn't have an EventInvokeConfig"};
}

Json LambdaEventInvoke::ConfigJson(const std::string& function, const std::string& qualifier,
                                   const EventInvokeConfig& config) const {
  const auto destination = [](const std::string& arn) {
    return arn.empty() ? Json::object() : Json{{"Destination", arn}};
  };
  Json json = {
      {"LastModified", EpochSeconds(config.modified)},
      {"FunctionArn", QualifiedArn(function, qualifier)},
      {"DestinationConfig",
       {{"OnSuccess", destination(config.on_success)}, {"OnFailure", destination(config.on_failure)}}}};
  if (config.retries_max) json["MaximumRetryAttempts"] = *config.retries_max;
  if (config.age_max) json["MaximumEventAgeInSeconds"] = config.age_max->count();
  return json;
}

Status LambdaEventInvoke::Read(const Json& request, const FunctionReference& reference,
                               EventInvokeConfig& config) const {
  const JsonMembers in(request);
  if (!in.Has("MaximumRetryAttempts") && !in.Has("MaximumEventAgeInSeconds") &&
      !in.Has("DestinationConfig")) {
    return Error{ErrorCode::kInvalidArgument,
                 "You must specify at least one of error handling or destination setting."};
  }
  int64_t number = 0;
  if (in.Has("MaximumRetryAttempts")) {
    HEARTH_TRY(in.Read("MaximumRetryAttempts", number, 0, kEventRetriesMax));
    config.retries_max = static_cast<uint32_t>(number);
  }
  if (in.Has("MaximumEventAgeInSeconds")) {
    HEARTH_TRY(in.Read("MaximumEventAgeInSeconds", number, kEventAgeMin.count(), kEventAgeMax.count()));
    config.age_max = seconds(number);
  }
  HEARTH_ASSIGN(const Json* destinations, in.Object("DestinationConfig"));
  if (destinations != nullptr) {
    HEARTH_TRY(ReadDestination(*destinations, "OnSuccess", config.on_success));
    HEARTH_TRY(ReadDestination(*destinations, "OnFailure", config.on_failure));
  }
  for (const std::string* arn : {&config.on_success, &config.on_failure}) {
    const auto named = ParseFunctionReference(*arn);
    if (arn->find(":lambda:") != std::string::npos && named.ok() && named->name == reference.name)
      return Error{ErrorCode::kInvalidArgument,
                   "You can't specify the function as a destination for itself."};
  }
  return ValidateEventInvokeConfig(config);
}

void LambdaEventInvoke::Change(const ApiCallPtr& call, const FunctionReference& reference,
                               EventInvokeConfig config) {
  const auto request = ParseJsonObject(call->body());
  if (!request.ok()) return call->Fail(request.error());
  if (const Status read = Read(*request, reference, config); !read.ok()) return call->Fail(read.error());
  config.modified = clock_.WallNow();
  CheckDestinations(destinations_, {config.on_success, config.on_failure},
                    [this, call, reference, config](const Status& there) {
                      if (!there.ok()) return call->Fail(there.error());
                      configs_.Put(reference.name, reference.qualifier, config,
                                   [this, call, reference, config](const Status& stored) {
                                     if (!stored.ok()) return call->Fail(stored.error());
                                     call->AnswerJson(
                                         200, ConfigJson(reference.name, reference.qualifier, config));
                                   });
                    });
}

void LambdaEventInvoke::Put(const ApiCallPtr& call) {
  const auto reference = ReferenceOf(*call);
  if (!reference.ok()) return call->Fail(reference.error());
  Change(call, *reference, {});
}

void LambdaEventInvoke::Update(const ApiCallPtr& call) {
  const auto reference = ReferenceOf(*call);
  if (!reference.ok()) return call->Fail(reference.error());
  const EventInvokeConfig* config = configs_.Find(reference->name, reference->qualifier);
  if (config == nullptr) return call->Fail(NoConfig(*reference));
  Change(call, *reference, *config);
}

void LambdaEventInvoke::Get(const ApiCallPtr& call) const {
  const auto reference = ReferenceOf(*call);
  if (!reference.ok()) return call->Fail(reference.error());
  const EventInvokeConfig* config = configs_.Find(reference->name, reference->qualifier);
  if (config == nullptr) return call->Fail(NoConfig(*reference));
  call->AnswerJson(200, ConfigJson(reference->name, reference->qualifier, *config));
}

void LambdaEventInvoke::List(const ApiCallPtr& call) const {
  const auto reference = ReferenceOf(*call);
  if (!reference.ok()) return call->Fail(reference.error());
  const auto configs = configs_.List(reference->name);
  AnswerPage(*call, "FunctionEventInvokeConfigs", configs.size(), [&](size_t index) {
    return ConfigJson(reference->name, configs[index].first, configs[index].second);
  });
}

void LambdaEventInvoke::Delete(const ApiCallPtr& call) {
  const auto reference = ReferenceOf(*call);
  if (!reference.ok()) return call->Fail(reference.error());
  configs_.Remove(
      reference->name, reference->qualifier, [this, call, reference = *reference](const Status& removed) {
        if (removed.ok()) return call->AnswerEmpty(204);
        call->Fail(removed.error().code == ErrorCode::kNotFound ? NoConfig(reference) : removed.error());
      });
}

}  // namespace hearth
