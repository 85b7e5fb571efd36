#include "runtime/control/sqs_moves.h"

#include <algorithm>
#include <optional>

namespace hearth {
namespace {

constexpr int64_t kPerSecondMax = 500;
constexpr int64_t kTasksMax = 10;

SqsError NoSuchQueueOf(const char* parameter) {
  return SqsResourceNotFound(std::string("The resource that you specified for the ") + parameter +
                             " parameter doesn't exist.");
}

// The queue that an ARN member names; nothing, and the call has failed, when it names none.
std::optional<std::string> QueueOfArn(const SqsCallPtr& call, const char* member) {
  const auto arn = call->NeedText(member);
  if (!arn) return std::nullopt;
  auto queue = SqsIdentity::QueueOf(*arn);
  if (!queue)
    call->Fail(SqsInvalidParameter("You must use this format to specify the " + std::string(member) +
                                   ": arn:<partition>:<service>:<region>:<account-id>:<resource-id>"));
  return queue;
}

}  // namespace

const char* NameOf(MoveTask::State state) {
  switch (state) {
    case MoveTask::State::kRunning:
      return "RUNNING";
    case MoveTask::State::kCompleted:
      return "COMPLETED";
    case MoveTask::State::kCancelling:
      return "CANCELLING";
    case MoveTask::State::kCancelled:
      return "CANCELLED";
    case MoveTask::State::kFailed:
      return "FAILED";
  }
  return "FAILED";
}

void SqsMoves::Start(const SqsCallPtr& call) {
  const auto source = QueueOfArn(call, "SourceArn");
  if (!source) return;
  std::string destination;
  if (call->members().Has("DestinationArn")) {
    const auto queue = QueueOfArn(call, "DestinationArn");
    if (!queue) return;
    destination = *queue;
  }
  int64_t per_second = 0;
  if (!call->members().Read("MaxNumberOfMessagesPerSecond", per_second, 1, kPerSecondMax).ok()) {
    return call->Fail(SqsInvalidValue(DumpJson(call->request()["MaxNumberOfMessagesPerSecond"]),
                                      "MaxNumberOfMessagesPerSecond",
                                      "You must enter a number that's between 1 and 500."));
  }
  queues_.List([weak = weak_.Get(), call, source = *source, destination,
                per_second](const Result<std::vector<QueueDescription>>& queues) {
    if (!weak) return;
    if (!queues.ok()) return call->Fail(queues.error());
    const auto exists = [&](const std::string& name) {
      return std::any_of(queues->begin(), queues->end(),
                         [&](const QueueDescription& queue) { return queue.name == name; });
    };
    if (!exists(source)) return call->Fail(NoSuchQueueOf("SourceArn"));
    if (!destination.empty() && !exists(destination)) return call->Fail(NoSuchQueueOf("DestinationArn"));
    const bool is_dead_letter_queue = std::any_of(
        queues->begin(), queues->end(),
        [&](const QueueDescription& queue) { return queue.settings.dead_letter_queue == source; });
    if (!is_dead_letter_queue)
      return call->Fail(SqsInvalidParameter("Source queue must be configured as a Dead Letter Queue."));
    weak->StartChecked(call, source, destination, static_cast<uint32_t>(per_second));
  });
}

void SqsMoves::StartChecked(const SqsCallPtr& call, const std::string& source, const std::string& destination,
                            uint32_t per_second_max) {
  queues_.StartMove(source, destination, per_second_max, [call](const Result<std::string>& handle) {
    if (handle.ok()) return call->Answer({{"TaskHandle", *handle}});
    if (handle.error().code != ErrorCode::kConflict) return call->Fail(handle.error());
    call->Fail(SqsInvalidParameter(
        "There is already a task running. Only one active task is allowed for a source queue arn at a given "
        "time."));
  });
}

Json SqsMoves::TaskJson(const MoveTask& task) const {
  Json out = {
      {"Status", NameOf(task.state)},
      {"SourceArn", identity_.ArnOf(task.source)},
      {"ApproximateNumberOfMessagesMoved", task.moved},
      {"ApproximateNumberOfMessagesToMove", task.to_move},
      {"StartedTimestamp", std::chrono::floor<milliseconds>(task.started).time_since_epoch().count()}};
  // As at SQS: a task that has ended cannot be cancelled, and gives no handle.
  if (task.state == MoveTask::State::kRunning) out["TaskHandle"] = task.handle;
  if (!task.destination.empty()) out["DestinationArn"] = identity_.ArnOf(task.destination);
  if (task.per_second_max > 0) out["MaxNumberOfMessagesPerSecond"] = task.per_second_max;
  if (!task.failure.empty()) out["FailureReason"] = task.failure;
  return out;
}

void SqsMoves::List(const SqsCallPtr& call) {
  const auto source = QueueOfArn(call, "SourceArn");
  if (!source) return;
  int64_t most = 1;
  if (!call->members().Read("MaxResults", most, 1, kTasksMax).ok()) {
    return call->Fail(SqsInvalidParameter(
        "Value for parameter MaxResults is invalid. Reason: You must enter a number that's between 1 and "
        "10."));
  }
  queues_.ListMoves(*source, [weak = weak_.Get(), call, most](const Result<std::vector<MoveTask>>& tasks) {
    if (!weak) return;
    if (!tasks.ok() && tasks.error().code == ErrorCode::kNotFound)
      return call->Fail(NoSuchQueueOf("SourceArn"));
    if (!tasks.ok()) return call->Fail(tasks.error());
    Json results = Json::array();
    for (const MoveTask& task : *tasks) {
      if (results.size() < static_cast<size_t>(most)) results.push_back(weak->TaskJson(task));
    }
    call->Answer(results.empty() ? Json::object() : Json{{"Results", std::move(results)}});
  });
}

void SqsMoves::Cancel(const SqsCallPtr& call) {
  const auto handle = call->NeedText("TaskHandle");
  if (!handle) return;
  queues_.CancelMove(*handle, [call](const Result<uint64_t>& moved) {
    if (moved.ok()) return call->Answer({{"ApproximateNumberOfMessagesMoved", *moved}});
    if (moved.error().code == ErrorCode::kNotFound)
      return call->Fail(SqsResourceNotFound("Task does not exist."));
    if (moved.error().code == ErrorCode::kInvalidArgument)
      return call->Fail(SqsInvalidParameter("Value for parameter TaskHandle is invalid."));
    call->Fail(moved.error());
  });
}

}  // namespace hearth
