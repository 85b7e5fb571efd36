#include "runtime/control/sqs_receive.h"

#include <algorithm>

namespace hearth {
namespace {

constexpr int64_t kMessagesMax = 10;
constexpr int64_t kWaitSecondsMax = 20;
constexpr int64_t kVisibilitySecondsMax = 43'200;

using Refused = std::optional<SqsError>;

Refused ReadInRange(const Json& request, const char* name, int64_t& out, int64_t least, int64_t most) {
  if (JsonMembers(request).Read(name, out, least, most).ok()) return std::nullopt;
  return SqsInvalidValue(
      DumpJson(request[name]), name,
      "Must be between " + std::to_string(least) + " and " + std::to_string(most) + ", if provided.");
}

Refused ReadNames(const Json& request, ReceiveNames& names) {
  const JsonMembers in(request);
  // The older name of the same thing; clients send the one, the other, or both.
  for (const char* member : {"MessageSystemAttributeNames", "AttributeNames"}) {
    std::vector<std::string> asked;
    if (const Status read = in.Read(member, asked); !read.ok()) return ToSqsError(read.error());
    names.system.insert(names.system.end(), asked.begin(), asked.end());
  }
  if (const Status known = ValidateSystemNames(names.system); !known.ok())
    return UnknownQueueAttribute(known.error().message);
  if (const Status read = in.Read("MessageAttributeNames", names.user); !read.ok())
    return ToSqsError(read.error());
  return std::nullopt;
}

Refused ReadAttemptId(const Json& request, const std::string& queue, std::string& attempt_id) {
  if (const Status read = JsonMembers(request).Read("ReceiveRequestAttemptId", attempt_id); !read.ok())
    return ToSqsError(read.error());
  if (!attempt_id.empty() && !queue.ends_with(".fifo")) {
    return SqsInvalidValue(attempt_id, "ReceiveRequestAttemptId",
                           "The request include parameter that is not valid for this queue type.");
  }
  if (attempt_id.size() <= kReceiveAttemptIdBytesMax) return std::nullopt;
  return SqsInvalidValue(
      attempt_id, "ReceiveRequestAttemptId",
      "ReceiveRequestAttemptId can only include alphanumeric and punctuation characters. 1 "
      "to 128 in length.");
}

}  // namespace

struct SqsReceive::Poll {
  SqsCallPtr call;
  std::string queue;
  ReceiveRequest request;
  seconds wait{-1};  // -1: the queue's
  ReceiveNames names;
  bool over = false;  // time is up, answered, or the client has gone
  Timer timer;
};

SqsReceive::PollPtr SqsReceive::Read(const SqsCallPtr& call) const {
  const auto queue = call->NeedQueue();
  if (!queue) return nullptr;
  auto poll = std::make_shared<Poll>();
  poll->call = call;
  poll->queue = *queue;
  int64_t count = 1;
  int64_t visibility = -1;
  int64_t wait = -1;
  const Json& request = call->request();
  for (const Refused& refused :
       {ReadInRange(request, "MaxNumberOfMessages", count, 1, kMessagesMax),
        ReadInRange(request, "VisibilityTimeout", visibility, 0, kVisibilitySecondsMax),
        ReadInRange(request, "WaitTimeSeconds", wait, 0, kWaitSecondsMax), ReadNames(request, poll->names),
        ReadAttemptId(request, *queue, poll->request.attempt_id)}) {
    if (!refused) continue;
    call->Fail(*refused);
    return nullptr;
  }
  poll->request.count = static_cast<uint32_t>(count);
  poll->request.visibility = seconds(visibility);
  poll->wait = seconds(wait);
  return poll;
}

void SqsReceive::Receive(const SqsCallPtr& call) {
  const PollPtr poll = Read(call);
  if (!poll) return;
  if (poll->wait >= seconds(0)) return Start(poll);
  queues_.Describe(poll->queue, [weak = weak_.Get(), poll](const Result<QueueDescription>& queue) {
    if (!weak) return;
    if (!queue.ok()) return poll->call->Fail(queue.error());
    poll->wait = queue->settings.receive_wait;
    weak->Start(poll);
  });
}

void SqsReceive::Ask(const PollPtr& poll, std::function<void(Result<std::vector<QueueMessage>>)> reply) {
  queues_.Receive(poll->queue, poll->request, std::move(reply));
}

void SqsReceive::Start(const PollPtr& poll) {
  Ask(poll, [weak = weak_.Get(), poll](Result<std::vector<QueueMessage>> messages) {
    if (!weak) return;
    if (!messages.ok()) return poll->call->Fail(messages.error());
    const bool may_wait = messages->empty() && poll->wait > seconds(0) && weak->polls_waiting() < kPollsMax;
    may_wait ? weak->Wait(poll) : weak->Answer(poll, *messages);
  });
}

void SqsReceive::Wait(const PollPtr& poll) {
  lines_[poll->queue].polls.push_back(poll);
  poll->timer = executor_.After(poll->wait, [weak = weak_.Get(), poll_weak = std::weak_ptr<Poll>(poll)] {
    const PollPtr ended = poll_weak.lock();
    if (!weak || !ended || ended->over) return;
    weak->Leave(ended);
    weak->Answer(ended, {});
  });
  poll->call->call().responder().OnClientGone([weak = weak_.Get(), poll_weak = std::weak_ptr<Poll>(poll)] {
    const PollPtr left = poll_weak.lock();
    if (weak && left) weak->Leave(left);
  });
  // Between the receive that found nothing and now something may have come.
  OnVisible(poll->queue);
}

void SqsReceive::Leave(const PollPtr& poll) {
  poll->over = true;
  const auto line = lines_.find(poll->queue);
  if (line == lines_.end()) return;
  std::erase(line->second.polls, poll);
  if (line->second.polls.empty() && !line->second.asking) lines_.erase(line);
}

void SqsReceive::OnVisible(std::string_view queue) {
  const auto line = lines_.find(queue);
  if (line == lines_.end()) return;
  line->second.visible = true;
  ServeLine(line->first);
}

void SqsReceive::ServeLine(const std::string& queue) {
  const auto found = lines_.find(queue);
  if (found == lines_.end() || found->second.asking) return;
  Line& line = found->second;
  if (line.polls.empty()) {
    lines_.erase(found);
    return;
  }
  if (!std::exchange(line.visible, false)) return;
  line.asking = true;
  Ask(line.polls.front(), [weak = weak_.Get(), name = queue,
                           poll = line.polls.front()](Result<std::vector<QueueMessage>> messages) {
    if (weak) weak->OnLineAsked(name, poll, std::move(messages));
  });
}

void SqsReceive::OnLineAsked(const std::string& queue, const PollPtr& poll,
                             Result<std::vector<QueueMessage>> messages) {
  Line& line = lines_[queue];
  line.asking = false;
  if (!messages.ok()) {
    // What this one was told of is still there, or gone, for the next in line.
    line.visible = true;
    if (!poll->over) poll->call->Fail(messages.error());
    Leave(poll);
  } else if (!messages->empty()) {
    // There may be more for the next in line.
    line.visible = true;
    Answer(poll, *messages);
    Leave(poll);
  }
  ServeLine(queue);
}

void SqsReceive::Answer(const PollPtr& poll, const std::vector<QueueMessage>& messages) {
  if (poll->call->call().responder().client_gone() || (poll->over && !messages.empty())) {
    std::vector<std::string> handles;
    for (const QueueMessage& message : messages) handles.push_back(message.receipt_handle);
    if (!handles.empty())
      queues_.Return(poll->queue, std::move(handles), [](const Result<std::vector<Status>>&) {});
    return;
  }
  poll->over = true;
  Json answer = Json::object();
  for (const QueueMessage& message : messages)
    answer["Messages"].push_back(ReceivedMessageJson(identity_, message, poll->names));
  poll->call->Answer(answer);
}

size_t SqsReceive::polls_waiting() const {
  size_t waiting = 0;
  for (const auto& [queue, line] : lines_) waiting += line.polls.size();
  return waiting;
}

}  // namespace hearth
