#include "runtime/control/lambda_mappings.h"

#include <algorithm>

#include "runtime/control/lambda_page.h"
#include "runtime/control/lambda_reference.h"

namespace hearth {
namespace {

constexpr const char* kSettings[] = {
    "BatchSize",      "MaximumBatchingWindowInSeconds", "Enabled", "ScalingConfig", "FunctionResponseTypes",
    "FilterCriteria", "BisectBatchOnFunctionError"};
// Of other kinds of event sources.
constexpr const char* kOfOtherSources[] = {"StartingPosition",
                                           "StartingPositionTimestamp",
                                           "ParallelizationFactor",
                                           "TumblingWindowInSeconds",
                                           "MaximumRetryAttempts",
                                           "MaximumRecordAgeInSeconds",
                                           "DestinationConfig",
                                           "Topics",
                                           "Queues",
                                           "SourceAccessConfigurations",
                                           "SelfManagedEventSource",
                                           "SelfManagedKafkaEventSourceConfig",
                                           "AmazonManagedKafkaEventSourceConfig",
                                           "DocumentDBEventSourceConfig"};
constexpr const char* kUnsupported[] = {"KMSKeyArn", "ProvisionedPollerConfig", "MetricsConfig", "Tags"};

Error Invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

Error NoSuchMapping() { return {ErrorCode::kNotFound, "The resource you requested does not exist."}; }

// "arn:aws:sqs:us-east-1:000000000000:orders" -> "orders"
Result<std::string> QueueOfArn(const std::string& arn) {
  if (arn.starts_with("arn:aws:sqs:") && std::count(arn.begin(), arn.end(), ':') == 5) {
    return arn.substr(arn.rfind(':') + 1);
  }
  return Invalid("EventSourceArn \"" + arn +
                 "\" is not the ARN of an SQS queue (arn:aws:sqs:REGION:ACCOUNT:NAME)");
}

bool IsEmpty(const Json& value) {
  return value.is_null() || value == Json::object() || value == Json::array() || value == "";
}

// "MaximumRetryAttempts" -> "maximumRetryAttempts", as AWS's errors write it
std::string MemberName(std::string name) {
  name[0] = static_cast<char>(name[0] | 0x20);
  return name;
}

Status CopySettings(const Json& request, Json& document) {
  for (const char* member : kOfOtherSources) {
    if (!request.contains(member) || IsEmpty(request[member])) continue;
    return Invalid("Unsupported '" + MemberName(member) + "' parameter for given event source mapping type.");
  }
  for (const char* member : kUnsupported) {
    if (!request.contains(member) || IsEmpty(request[member])) continue;
    return Invalid(std::string(member) + " is not supported; leave it out");
  }
  for (const char* member : kSettings) {
    if (request.contains(member) && !request[member].is_null()) document[member] = request[member];
  }
  for (const char* member : {"ScalingConfig", "FilterCriteria"}) {
    if (document.contains(member) && document[member] == Json::object()) document.erase(member);
  }
  return Ok();
}

Json Parse(const std::string& json) { return Json::parse(json, nullptr, /*allow_exceptions=*/false); }

}  // namespace

std::string LambdaMappings::QueueArn(const std::string& queue) const {
  return "arn:aws:sqs:" + registry_.options().region + ":" + registry_.options().account + ":" + queue;
}

Json LambdaMappings::MappingJson(const Trigger::Document& document, const std::string& state) const {
  const Json kept = Parse(document.json);
  const Json status = Parse(document.status_json);
  const std::string last_error = status.value("LastError", "");
  const std::string region_and_account = registry_.options().region + ":" + registry_.options().account;
  Json out = {{"UUID", document.name},
              {"EventSourceArn", QueueArn(kept.value("Queue", ""))},
              {"EventSourceMappingArn",
               "arn:aws:lambda:" + region_and_account + ":event-source-mapping:" + document.name},
              {"FunctionArn", FunctionArn(registry_, {kept.value("FunctionName", ""), ""})},
              {"BatchSize", kept.value("BatchSize", 10)},
              {"MaximumBatchingWindowInSeconds", kept.value("MaximumBatchingWindowInSeconds", 0)},
              {"FunctionResponseTypes", kept.value("FunctionResponseTypes", Json::array())},
              {"State", state.empty() ? status.value("State", "Enabled") : state},
              {"StateTransitionReason", "USER_INITIATED"}};
  for (const char* member : {"ScalingConfig", "FilterCriteria", "BisectBatchOnFunctionError"}) {
    if (kept.contains(member)) out[member] = kept[member];
  }
  if (kept.contains("LastModified")) out["LastModified"] = kept.value("LastModified", 0.0) / 1000;
  if (state.empty()) out["HearthStatus"] = status;  // what AWS has only as metrics
  if (!last_error.empty()) out["LastProcessingResult"] = "PROBLEM: " + last_error;
  return out;
}

std::string LambdaMappings::FindDuplicate(const std::string& queue, const std::string& function) const {
  for (const Trigger::Document& document : mappings_.List()) {
    const Json kept = Parse(document.json);
    if (kept.value("Queue", "") == queue && kept.value("FunctionName", "") == function) return document.name;
  }
  return "";
}

void LambdaMappings::Put(const ApiCallPtr& call, const std::string& uuid, const Json& document,
                         std::string state) {
  mappings_.Put(uuid, DumpJson(document),
                [this, call, document, state = std::move(state)](Result<Trigger::Document> put) {
                  if (!put.ok()) return call->Fail(Explain(put.error(), document));
                  call->AnswerJson(202, MappingJson(*put, state));
                });
}

// Only now is it worth to look through all mappings, for AWS's words.
Error LambdaMappings::Explain(const Error& refused, const Json& document) const {
  if (refused.code != ErrorCode::kAlreadyExists) return refused;
  const std::string queue = document.value("Queue", "");
  const std::string function = document.value("FunctionName", "");
  return {ErrorCode::kAlreadyExists,
          "An event source mapping with SQS arn (\" " + QueueArn(queue) + " \") and function (\" " +
              function + " \") already exists. Please update or delete the existing mapping with UUID " +
              FindDuplicate(queue, function)};
}

namespace {

struct NewMapping {
  std::string queue;
  FunctionReference function;
  Json document = Json::object();
};

Result<NewMapping> ReadNewMapping(const std::string& body) {
  HEARTH_ASSIGN(const Json request, ParseJsonObject(body));
  const JsonMembers in(request);
  NewMapping made;
  std::string arn;
  std::string function;
  HEARTH_TRY(in.Require("EventSourceArn"));
  HEARTH_TRY(in.Require("FunctionName"));
  HEARTH_TRY(in.Read("EventSourceArn", arn));
  HEARTH_TRY(in.Read("FunctionName", function));
  HEARTH_ASSIGN(made.queue, QueueOfArn(arn));
  HEARTH_ASSIGN(made.function, ParseFunctionReference(function));
  HEARTH_TRY(CopySettings(request, made.document));
  return made;
}

}  // namespace

void LambdaMappings::Create(const ApiCallPtr& call) {
  auto made = ReadNewMapping(call->body());
  if (!made.ok()) return call->Fail(made.error());
  if (const auto version = ResolveFunction(registry_, made->function); !version.ok())
    return call->Fail(version.error());
  const std::string function = made->function.qualifier.empty()
                                   ? made->function.name
                                   : made->function.name + ":" + made->function.qualifier;
  Json document = std::move(made->document);
  document["Queue"] = made->queue;
  document["FunctionName"] = function;
  queues_.Describe(
      made->queue, [this, call, document = std::move(document)](const Result<QueueDescription>& queue) {
        if (!queue.ok()) {
          return call->Fail(Invalid(
              "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. "
              "SQS Error Message: The specified queue does not exist."));
        }
        Put(call, MakeUuid(random_), document, "Creating");
      });
}

void LambdaMappings::Get(const ApiCallPtr& call) {
  const auto document = mappings_.Get(call->parameter("uuid"));
  if (!document.ok()) return call->Fail(NoSuchMapping());
  call->AnswerJson(200, MappingJson(*document, ""));
}

void LambdaMappings::Update(const ApiCallPtr& call) {
  const std::string uuid = call->parameter("uuid");
  const auto old = mappings_.Get(uuid);
  if (!old.ok()) return call->Fail(NoSuchMapping());
  const auto request = ParseJsonObject(call->body());
  if (!request.ok()) return call->Fail(request.error());
  Json document = Parse(old->json);
  const bool was_enabled = document.value("Enabled", true);
  std::string function;
  Status read = CopySettings(*request, document);
  if (read.ok()) read = JsonMembers(*request).Read("FunctionName", function);
  if (!read.ok()) return call->Fail(read.error());
  if (!function.empty()) {
    const auto reference = ParseFunctionReference(function);
    if (!reference.ok()) return call->Fail(reference.error());
    if (const auto version = ResolveFunction(registry_, *reference); !version.ok())
      return call->Fail(version.error());
    document["FunctionName"] =
        reference->qualifier.empty() ? reference->name : reference->name + ":" + reference->qualifier;
  }
  const bool is_enabled = document["Enabled"] != false;
  Put(call, uuid, document, is_enabled == was_enabled ? "Updating" : is_enabled ? "Enabling" : "Disabling");
}

void LambdaMappings::Delete(const ApiCallPtr& call) {
  const std::string uuid = call->parameter("uuid");
  const auto document = mappings_.Get(uuid);
  if (!document.ok()) return call->Fail(NoSuchMapping());
  mappings_.Remove(uuid, [call, answer = MappingJson(*document, "Deleting")](const Status& removed) {
    if (!removed.ok()) return call->Fail(removed.error());
    call->AnswerJson(202, answer);
  });
}

void LambdaMappings::List(const ApiCallPtr& call) {
  const std::string arn = call->query("EventSourceArn");
  const auto wanted = ParseFunctionReference(call->query("FunctionName"));
  std::vector<Json> found;
  for (const Trigger::Document& document : mappings_.List()) {
    Json mapping = MappingJson(document, "");
    const auto of = ParseFunctionReference(Parse(document.json).value("FunctionName", ""));
    const bool other_function =
        !call->query("FunctionName").empty() && (!wanted.ok() || !of.ok() || of->name != wanted->name);
    if (other_function || (!arn.empty() && mapping["EventSourceArn"] != arn)) continue;
    found.push_back(std::move(mapping));
  }
  AnswerPage(*call, "EventSourceMappings", found.size(), [&](size_t index) { return found[index]; });
}

}  // namespace hearth
