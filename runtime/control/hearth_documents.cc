#include "runtime/control/hearth_documents.h"

#include "runtime/control/lambda_reference.h"

namespace hearth {
namespace {

Json DocumentJson(const Trigger::Document& document) {
  Json out = Json::parse(document.json, nullptr, /*allow_exceptions=*/false);
  if (!out.is_object()) out = Json::object();
  Json status = Json::parse(document.status_json, nullptr, /*allow_exceptions=*/false);
  out.erase("TokenSha256");  // enough to be kept; nobody needs to read it
  out["Name"] = document.name;
  out["Status"] = status.is_object() ? std::move(status) : Json::object();
  return out;
}

}  // namespace

Status HearthDocuments::CheckFunction(const Json& holder) const {
  std::string name;
  if (!holder.is_object()) return Ok();
  HEARTH_TRY(JsonMembers(holder).Read("FunctionName", name));
  if (name.empty()) return Ok();
  HEARTH_ASSIGN(const FunctionReference reference, ParseFunctionReference(name));
  HEARTH_TRY(ResolveFunction(registry_, reference));
  return Ok();
}

Status HearthDocuments::CheckFunctions(const Json& document) const {
  HEARTH_TRY(CheckFunction(document));
  HEARTH_ASSIGN(const Json* notifications, JsonMembers(document).Array("Notifications"));
  if (!notifications) return Ok();
  for (const Json& notification : *notifications) HEARTH_TRY(CheckFunction(notification));
  return Ok();
}

void HearthDocuments::Put(const ApiCallPtr& call) {
  auto document = ParseJsonObject(call->body());
  if (!document.ok()) return call->Fail(document.error());
  // What a GET answered may be put back.
  document->erase("Name");
  document->erase("Status");
  if (const Status functions = CheckFunctions(*document); !functions.ok())
    return call->Fail(functions.error());
  trigger_.Put(call->parameter("name"), DumpJson(*document), [call](Result<Trigger::Document> put) {
    put.ok() ? call->AnswerJson(200, DocumentJson(*put)) : call->Fail(put.error());
  });
}

void HearthDocuments::Get(const ApiCallPtr& call) {
  const auto document = trigger_.Get(call->parameter("name"));
  document.ok() ? call->AnswerJson(200, DocumentJson(*document)) : call->Fail(document.error());
}

void HearthDocuments::Delete(const ApiCallPtr& call) {
  trigger_.Remove(call->parameter("name"), [call](const Status& removed) {
    removed.ok() ? call->AnswerEmpty(204) : call->Fail(removed.error());
  });
}

void HearthDocuments::List(const ApiCallPtr& call) {
  Json out = Json::array();
  for (const Trigger::Document& document : trigger_.List()) out.push_back(DocumentJson(document));
  call->AnswerJson(200, {{"Items", std::move(out)}});
}

void HearthDocuments::Command(const ApiCallPtr& call, std::string verb) {
  trigger_.Command(call->parameter("name"), std::move(verb), call->body(),
                   [call](Result<std::string> answer) {
                     if (!answer.ok()) return call->Fail(answer.error());
                     call->Answer(200, {{"content-type", "application/json"}}, std::move(answer).value());
                   });
}

}  // namespace hearth
