#include "runtime/control/lambda_tags.h"

#include "runtime/control/lambda_reference.h"

namespace hearth {

Result<std::string> LambdaTags::FunctionOf(const ApiCall& call) const {
  HEARTH_ASSIGN(const FunctionReference reference, ParseFunctionReference(call.parameter("name")));
  if (!reference.qualifier.empty()) {
    return Error{
        ErrorCode::kInvalidArgument,
        "tags are the function's, not a version's: give its ARN without \":" + reference.qualifier + "\""};
  }
  HEARTH_TRY(ResolveFunction(registry_, reference));
  return reference.name;
}

void LambdaTags::List(const ApiCallPtr& call) const {
  const auto function = FunctionOf(*call);
  if (!function.ok()) return call->Fail(function.error());
  Json tags = Json::object();
  for (const auto& [key, value] : account_.state().TagsOf(*function)) tags[key] = value;
  call->AnswerJson(200, {{"Tags", std::move(tags)}});
}

void LambdaTags::Tag(const ApiCallPtr& call) {
  const auto function = FunctionOf(*call);
  if (!function.ok()) return call->Fail(function.error());
  const auto request = ParseJsonObject(call->body());
  if (!request.ok()) return call->Fail(request.error());
  const JsonMembers in(*request);
  Tags added;
  for (const Status& read : {in.Require("Tags"), in.Read("Tags", added)}) {
    if (!read.ok()) return call->Fail(read.error());
  }
  Tags tags = account_.state().TagsOf(*function);
  for (auto& [key, value] : added) tags[key] = std::move(value);
  const Status set = account_.SetTags(*function, tags);
  if (!set.ok()) return call->Fail(set.error());
  call->AnswerEmpty(204);
}

void LambdaTags::Untag(const ApiCallPtr& call) {
  const auto function = FunctionOf(*call);
  if (!function.ok()) return call->Fail(function.error());
  const std::vector<std::string> keys = call->queries("tagKeys");
  if (keys.empty()) return call->Fail(Error{ErrorCode::kInvalidArgument, "tagKeys is missing"});
  Tags tags = account_.state().TagsOf(*function);
  for (const std::string& key : keys) tags.erase(key);
  const Status set = account_.SetTags(*function, tags);
  if (!set.ok()) return call->Fail(set.error());
  call->AnswerEmpty(204);
}

}  // namespace hearth
