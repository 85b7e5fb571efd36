#include "runtime/control/sqs_api.h"

namespace hearth {
namespace {

constexpr std::string_view kTargetPrefix = "AmazonSQS.";

}  // namespace

SqsApi::SqsApi(QueueStore& queues, Executor& executor, SqsIdentity identity)
    : queues_(queues, identity), messages_(queues), receive_(queues, executor, identity) {
  operations_ = {
      {"CreateQueue", [this](const SqsCallPtr& call) { queues_.Create(call); }},
      {"DeleteQueue", [this](const SqsCallPtr& call) { queues_.Delete(call); }},
      {"GetQueueUrl", [this](const SqsCallPtr& call) { queues_.GetUrl(call); }},
      {"ListQueues", [this](const SqsCallPtr& call) { queues_.List(call); }},
      {"GetQueueAttributes", [this](const SqsCallPtr& call) { queues_.GetAttributes(call); }},
      {"SetQueueAttributes", [this](const SqsCallPtr& call) { queues_.SetAttributes(call); }},
      {"PurgeQueue", [this](const SqsCallPtr& call) { queues_.Purge(call); }},
      {"SendMessage", [this](const SqsCallPtr& call) { messages_.Send(call); }},
      {"SendMessageBatch", [this](const SqsCallPtr& call) { messages_.SendBatch(call); }},
      {"ReceiveMessage", [this](const SqsCallPtr& call) { receive_.Receive(call); }},
      {"DeleteMessage", [this](const SqsCallPtr& call) { messages_.Delete(call); }},
      {"DeleteMessageBatch", [this](const SqsCallPtr& call) { messages_.DeleteBatch(call); }},
      {"ChangeMessageVisibility", [this](const SqsCallPtr& call) { messages_.ChangeVisibility(call); }},
      {"ChangeMessageVisibilityBatch",
       [this](const SqsCallPtr& call) { messages_.ChangeVisibilityBatch(call); }},
  };
}

void SqsApi::Serve(const ApiCallPtr& call) {
  const std::string_view target = call->header("x-amz-target");
  const auto refuse = [&](const SqsError& error) { SqsCall(call, Json::object()).Fail(error); };
  if (target.empty()) {
    return refuse(
        {"com.amazonaws.sqs#UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation",
         "POST / needs X-Amz-Target: AmazonSQS.OPERATION; the old query protocol is not supported yet"});
  }
  const auto operation = target.starts_with(kTargetPrefix)
                             ? operations_.find(target.substr(kTargetPrefix.size()))
                             : operations_.end();
  if (operation == operations_.end()) {
    return refuse({"com.amazonaws.sqs#UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation",
                   "The operation " + std::string(target) + " is not supported."});
  }
  auto request = ParseJsonObject(call->body());
  if (!request.ok()) {
    return refuse({"com.amazon.coral.service#SerializationException", "SerializationException",
                   request.error().message});
  }
  operation->second(std::make_shared<SqsCall>(call, std::move(request).value()));
}

}  // namespace hearth
