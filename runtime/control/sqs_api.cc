#include "runtime/control/sqs_api.h"

#include "runtime/control/form_fields.h"
#include "runtime/control/sqs_query_request.h"

namespace hearth {
namespace {

constexpr std::string_view kTargetPrefix = "AmazonSQS.";
constexpr std::string_view kVersion = "2012-11-05";
constexpr std::string_view kFormType = "application/x-www-form-urlencoded";

bool IsForm(const http::Request& request) {
  return http::EqualIgnoringCase(request.headers.Get("content-type").substr(0, kFormType.size()), kFormType);
}

void Refuse(const ApiCallPtr& call, SqsProtocol protocol, const SqsError& error) {
  SqsCall(call, protocol, "", Json::object()).Fail(error);
}

// The query string's and, of a form, the body's; clients send either or both.
Result<std::vector<FormField>> FieldsOf(const ApiCallPtr& call) {
  HEARTH_ASSIGN(std::vector<FormField> fields, ParseForm(call->request().raw_query));
  HEARTH_ASSIGN(std::vector<FormField> more, ParseForm(call->body()));
  if (fields.size() + more.size() > kFormFieldsMax)
    return Error{ErrorCode::kInvalidArgument,
                 "the request has over " + std::to_string(kFormFieldsMax) + " parameters"};
  fields.insert(fields.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  return fields;
}

}  // namespace

SqsApi::SqsApi(QueueStore& queues, KeyStore& keys, Executor& executor, const SqsIdentity& identity,
               std::function<Status()> new_work)
    : new_work_(std::move(new_work)),
      queues_(queues, keys, identity),
      send_(queues),
      leases_(queues),
      receive_(queues, executor, identity),
      moves_(queues, identity) {
  operations_ = {
      {"CreateQueue", [this](const SqsCallPtr& call) { queues_.Create(call); }},
      {"DeleteQueue",
       [this](const SqsCallPtr& call) {
         queues_.Delete(call, [this](const std::string& queue) { receive_.OnRemoved(queue); });
       }},
      {"GetQueueUrl", [this](const SqsCallPtr& call) { queues_.GetUrl(call); }},
      {"ListQueues", [this](const SqsCallPtr& call) { queues_.List(call); }},
      {"ListDeadLetterSourceQueues", [this](const SqsCallPtr& call) { queues_.ListDeadLetterSources(call); }},
      {"GetQueueAttributes", [this](const SqsCallPtr& call) { queues_.GetAttributes(call); }},
      {"SetQueueAttributes", [this](const SqsCallPtr& call) { queues_.SetAttributes(call); }},
      {"AddPermission", [this](const SqsCallPtr& call) { queues_.AddPermission(call); }},
      {"RemovePermission", [this](const SqsCallPtr& call) { queues_.RemovePermission(call); }},
      {"PurgeQueue", [this](const SqsCallPtr& call) { queues_.Purge(call); }},
      {"TagQueue", [this](const SqsCallPtr& call) { queues_.Tag(call); }},
      {"UntagQueue", [this](const SqsCallPtr& call) { queues_.Untag(call); }},
      {"ListQueueTags", [this](const SqsCallPtr& call) { queues_.ListTags(call); }},
      {"SendMessage", NewWork([this](const SqsCallPtr& call) { send_.Send(call); })},
      {"SendMessageBatch", NewWork([this](const SqsCallPtr& call) { send_.SendBatch(call); })},
      {"ReceiveMessage", [this](const SqsCallPtr& call) { receive_.Receive(call); }},
      {"DeleteMessage", [this](const SqsCallPtr& call) { leases_.Delete(call); }},
      {"DeleteMessageBatch", [this](const SqsCallPtr& call) { leases_.DeleteBatch(call); }},
      {"ChangeMessageVisibility", [this](const SqsCallPtr& call) { leases_.ChangeVisibility(call); }},
      {"ChangeMessageVisibilityBatch",
       [this](const SqsCallPtr& call) { leases_.ChangeVisibilityBatch(call); }},
      {"StartMessageMoveTask", [this](const SqsCallPtr& call) { moves_.Start(call); }},
      {"ListMessageMoveTasks", [this](const SqsCallPtr& call) { moves_.List(call); }},
      {"CancelMessageMoveTask", [this](const SqsCallPtr& call) { moves_.Cancel(call); }},
  };
}

// What is stored needs room on the disk.
SqsApi::Operation SqsApi::NewWork(Operation operation) const {
  return [this, operation = std::move(operation)](const SqsCallPtr& call) {
    const Status taken = new_work_ ? new_work_() : Ok();
    taken.ok() ? operation(call) : call->Fail(taken.error());
  };
}

bool SqsApi::IsFor(const http::Request& request) {
  if (request.method != "GET" && request.method != "POST") return false;  // HEAD is routed as GET is
  if (request.headers.Find("x-amz-target")) return true;
  if (request.method == "POST" && IsForm(request)) return true;
  return ("&" + request.raw_query).find("&Action=") != std::string::npos;
}

void SqsApi::Serve(const ApiCallPtr& call) {
  call->request().headers.Find("x-amz-target") ? ServeJson(call) : ServeQuery(call);
}

void SqsApi::ServeJson(const ApiCallPtr& call) {
  const std::string_view target = call->header("x-amz-target");
  const auto operation = target.starts_with(kTargetPrefix)
                             ? operations_.find(target.substr(kTargetPrefix.size()))
                             : operations_.end();
  if (operation == operations_.end()) {
    return Refuse(call, SqsProtocol::kJson,
                  SqsUnsupported("The operation " + std::string(target) + " is not supported."));
  }
  auto request = ParseJsonObject(call->body());
  if (!request.ok()) {
    return Refuse(call, SqsProtocol::kJson,
                  {"com.amazon.coral.service#SerializationException", "SerializationException",
                   request.error().message});
  }
  operation->second(
      std::make_shared<SqsCall>(call, SqsProtocol::kJson, operation->first, std::move(request).value()));
}

void SqsApi::ServeQuery(const ApiCallPtr& call) {
  const auto refuse = [&](const SqsError& error) { Refuse(call, SqsProtocol::kQuery, error); };
  const auto fields = FieldsOf(call);
  if (!fields.ok()) return refuse(SqsCommonError("MalformedQueryString", fields.error().message));
  auto query = ReadSqsQuery(*fields);
  if (!query.ok()) return refuse(SqsInvalidParameter(query.error().message));
  if (query->action.empty()) {
    return refuse(SqsCommonError("MissingAction",
                                 "The request must contain the parameter Action (or, for the JSON protocol, "
                                 "the header X-Amz-Target: AmazonSQS.OPERATION)."));
  }
  if (!query->version.empty() && query->version != kVersion) {
    return refuse(SqsCommonError("NoSuchVersion", "Version " + query->version +
                                                      " is not served here: of AWS's query protocols, "
                                                      "this port speaks SQS's (2012-11-05)."));
  }
  const auto operation = operations_.find(query->action);
  if (operation == operations_.end()) {
    return refuse(
        SqsCommonError("InvalidAction", "The action " + query->action + " is not valid for this endpoint."));
  }
  operation->second(
      std::make_shared<SqsCall>(call, SqsProtocol::kQuery, operation->first, std::move(query->request)));
}

}  // namespace hearth
