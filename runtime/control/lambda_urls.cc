#include "runtime/control/lambda_urls.h"

#include "runtime/control/lambda_page.h"
#include "runtime/control/lambda_reference.h"

namespace hearth {
namespace {

// What a caller may say of a URL; the rest of the document is the trigger's own.
constexpr const char* kMembers[] = {"AuthType", "Cors", "InvokeMode", "OnClientGone", "Token", "TokenSha256"};

Result<Json> ReadMembers(const std::string& body, Json document) {
  HEARTH_ASSIGN(const Json request, ParseJsonObject(body));
  for (const char* member : kMembers) {
    if (request.contains(member)) document[member] = request[member];
  }
  // Another way to say who may come in replaces the old token.
  if (request.contains("Token") || request.value("AuthType", Json()) == "NONE") document.erase("TokenSha256");
  return document;
}

}  // namespace

// The document's name: FUNCTION or FUNCTION:QUALIFIER, as the trigger has it.
Result<std::string> LambdaUrls::NameOf(const ApiCall& call) const {
  HEARTH_ASSIGN(const FunctionReference reference,
                ReadFunctionReference(call.parameter("name"), call.query("Qualifier")));
  HEARTH_TRY(ResolveFunction(registry_, reference));
  return reference.qualifier.empty() ? reference.name : reference.name + ":" + reference.qualifier;
}

Json LambdaUrls::ConfigJson(const Trigger::Document& document) const {
  const Json kept = Json::parse(document.json, nullptr, /*allow_exceptions=*/false);
  const Json status = Json::parse(document.status_json, nullptr, /*allow_exceptions=*/false);
  const auto created = kept.value("CreationTime", std::string());
  Json out = {{"AuthType", kept.value("AuthType", "NONE")},
              {"CreationTime", created},
              {"FunctionArn", FunctionArn(registry_, {document.name, ""})},
              {"FunctionUrl", status.value("FunctionUrl", "")},
              {"InvokeMode", kept.value("InvokeMode", "BUFFERED")},
              {"LastModifiedTime", created},
              {"Hearth", {{"PathUrl", status.value("PathUrl", "")}}}};
  out["Hearth"]["OnClientGone"] = kept.value("OnClientGone", "FINISH");
  if (kept.contains("Cors")) out["Cors"] = kept["Cors"];
  return out;
}

void LambdaUrls::Put(const ApiCallPtr& call, const std::string& name, const Json& document, int status) {
  urls_.Put(name, DumpJson(document), [this, call, status](Result<Trigger::Document> put) {
    if (!put.ok()) return call->Fail(put.error());
    call->AnswerJson(status, ConfigJson(*put));
  });
}

void LambdaUrls::Create(const ApiCallPtr& call) {
  const auto name = NameOf(*call);
  if (!name.ok()) return call->Fail(name.error());
  if (urls_.Get(*name).ok()) {
    return call->Fail(Error{
        ErrorCode::kAlreadyExists,
        "Failed to create function url config for [functionArn = " + FunctionArn(registry_, {*name, ""}) +
            "]. Error message:  FunctionUrlConfig exists for this Lambda function"});
  }
  auto document = ReadMembers(call->body(), {{"FunctionName", *name}});
  if (!document.ok()) return call->Fail(document.error());
  if (!document->contains("AuthType"))
    return call->Fail(Error{ErrorCode::kInvalidArgument, "AuthType is missing"});
  Put(call, *name, *document, 201);
}

void LambdaUrls::Get(const ApiCallPtr& call) {
  const auto name = NameOf(*call);
  if (!name.ok()) return call->Fail(name.error());
  const auto document = urls_.Get(*name);
  if (!document.ok())
    return call->Fail(Error{ErrorCode::kNotFound, "The resource you requested does not exist."});
  call->AnswerJson(200, ConfigJson(*document));
}

void LambdaUrls::Update(const ApiCallPtr& call) {
  const auto name = NameOf(*call);
  if (!name.ok()) return call->Fail(name.error());
  const auto old = urls_.Get(*name);
  if (!old.ok()) return call->Fail(Error{ErrorCode::kNotFound, "The resource you requested does not exist."});
  auto document = ReadMembers(call->body(), Json::parse(old->json, nullptr, /*allow_exceptions=*/false));
  if (!document.ok()) return call->Fail(document.error());
  Put(call, *name, *document, 200);
}

void LambdaUrls::Delete(const ApiCallPtr& call) {
  const auto name = NameOf(*call);
  if (!name.ok()) return call->Fail(name.error());
  urls_.Remove(*name, [call](const Status& removed) {
    if (removed.ok()) return call->AnswerEmpty(204);
    if (removed.error().code != ErrorCode::kNotFound) return call->Fail(removed.error());
    call->Fail(Error{ErrorCode::kNotFound, "The resource you requested does not exist."});
  });
}

void LambdaUrls::List(const ApiCallPtr& call) {
  const auto reference = ReadFunctionReference(call->parameter("name"), "");
  if (!reference.ok()) return call->Fail(reference.error());
  std::vector<Trigger::Document> of_function;
  for (Trigger::Document& document : urls_.List()) {
    if (document.name == reference->name || document.name.starts_with(reference->name + ":")) {
      of_function.push_back(std::move(document));
    }
  }
  AnswerPage(*call, "FunctionUrlConfigs", of_function.size(),
             [&](size_t index) { return ConfigJson(of_function[index]); });
}

}  // namespace hearth
