#include "runtime/control/sqs_queues.h"

#include <algorithm>

namespace hearth {
namespace {

// SQS lists at most a thousand at once.
constexpr int64_t kListMax = 1000;

// SetQueueAttributes of an attribute that is wrong has an error of its own.
SqsError AttributeError(const Error& error) {
  if (error.message.starts_with("Unknown Attribute")) {
    return {"com.amazonaws.sqs#InvalidAttributeName", "InvalidAttributeName", error.message};
  }
  if (error.code != ErrorCode::kInvalidArgument) return ToSqsError(error);
  return {"com.amazonaws.sqs#InvalidAttributeValue", "InvalidAttributeValue", error.message};
}

}  // namespace

std::string SqsQueues::UrlOf(SqsCall& call, const std::string& queue) const {
  return "http://" + std::string(call.call().header("host")) + "/" + identity_.account + "/" + queue;
}

void SqsQueues::Create(const SqsCallPtr& call) {
  std::string name;
  Status read = call->members().Require("QueueName");
  if (read.ok()) read = call->members().Read("QueueName", name);
  if (read.ok() && !ValidateQueueName(name).ok()) {
    read = Error{ErrorCode::kInvalidArgument,
                 "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"};
  }
  if (!read.ok()) return call->Fail(read.error());
  const auto attributes = call->members().Object("Attributes");
  if (!attributes.ok()) return call->Fail(attributes.error());
  QueueSettings settings;
  if (*attributes) read = ReadQueueAttributes(**attributes, settings);
  if (!read.ok()) return call->Fail(AttributeError(read.error()));
  queues_.Create(name, settings, [call, url = UrlOf(*call, name)](const Status& created) {
    if (!created.ok()) return call->Fail(created.error());
    call->Answer({{"QueueUrl", url}});
  });
}

void SqsQueues::Delete(const SqsCallPtr& call) {
  const auto queue = call->QueueName();
  if (!queue.ok()) return call->Fail(queue.error());
  queues_.Remove(*queue, [call](const Status& removed) {
    removed.ok() ? call->AnswerEmpty() : call->Fail(removed.error());
  });
}

void SqsQueues::GetUrl(const SqsCallPtr& call) {
  std::string name;
  Status read = call->members().Require("QueueName");
  if (read.ok()) read = call->members().Read("QueueName", name);
  if (!read.ok()) return call->Fail(read.error());
  queues_.Describe(name, [call, url = UrlOf(*call, name)](const Result<QueueDescription>& queue) {
    if (!queue.ok()) return call->Fail(queue.error());
    call->Answer({{"QueueUrl", url}});
  });
}

void SqsQueues::List(const SqsCallPtr& call) {
  std::string prefix;
  std::string after;  // the token is the last name of the page before
  int64_t most = kListMax;
  for (const Status& read :
       {call->members().Read("QueueNamePrefix", prefix), call->members().Read("NextToken", after),
        call->members().Read("MaxResults", most, 1, kListMax)}) {
    if (!read.ok()) return call->Fail(read.error());
  }
  queues_.List([this, call, prefix, after, most](const Result<std::vector<QueueDescription>>& queues) {
    if (!queues.ok()) return call->Fail(queues.error());
    std::vector<std::string> names;
    for (const QueueDescription& queue : *queues) {
      if (queue.name.starts_with(prefix) && queue.name > after) names.push_back(queue.name);
    }
    std::sort(names.begin(), names.end());
    Json answer = Json::object();
    const size_t shown = std::min(names.size(), static_cast<size_t>(most));
    for (size_t i = 0; i < shown; ++i) answer["QueueUrls"].push_back(UrlOf(*call, names[i]));
    if (shown < names.size()) answer["NextToken"] = names[shown - 1];
    call->Answer(answer);
  });
}

void SqsQueues::GetAttributes(const SqsCallPtr& call) {
  const auto queue = call->QueueName();
  if (!queue.ok()) return call->Fail(queue.error());
  std::vector<std::string> names;
  if (const Status read = call->members().Read("AttributeNames", names); !read.ok())
    return call->Fail(read.error());
  queues_.Describe(*queue, [this, call, names](Result<QueueDescription> described) {
    if (!described.ok()) return call->Fail(described.error());
    const std::string name = described->name;
    queues_.Statistics(name, [this, call, names, queue = std::move(described).value()](
                                 const Result<QueueStatistics>& statistics) {
      if (!statistics.ok()) return call->Fail(statistics.error());
      const auto attributes = QueueAttributesJson(identity_, queue, *statistics, names);
      if (!attributes.ok()) return call->Fail(AttributeError(attributes.error()));
      call->Answer(attributes->empty() ? Json::object() : Json{{"Attributes", *attributes}});
    });
  });
}

void SqsQueues::SetAttributes(const SqsCallPtr& call) {
  const auto queue = call->QueueName();
  if (!queue.ok()) return call->Fail(queue.error());
  const auto attributes = call->members().Object("Attributes");
  if (!attributes.ok()) return call->Fail(attributes.error());
  if (!*attributes) return call->AnswerEmpty();
  queues_.Describe(*queue, [this, call, given = **attributes](Result<QueueDescription> described) {
    if (!described.ok()) return call->Fail(described.error());
    QueueSettings settings = described->settings;
    if (const Status read = ReadQueueAttributes(given, settings); !read.ok())
      return call->Fail(AttributeError(read.error()));
    queues_.Configure(described->name, settings, [call](const Status& done) {
      done.ok() ? call->AnswerEmpty() : call->Fail(AttributeError(done.error()));
    });
  });
}

void SqsQueues::Purge(const SqsCallPtr& call) {
  const auto queue = call->QueueName();
  if (!queue.ok()) return call->Fail(queue.error());
  queues_.Purge(*queue,
                [call](const Status& done) { done.ok() ? call->AnswerEmpty() : call->Fail(done.error()); });
}

}  // namespace hearth
