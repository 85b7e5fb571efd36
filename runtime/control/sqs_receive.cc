#include "runtime/control/sqs_receive.h"

#include <algorithm>

#include "runtime/base/digest.h"
#include "runtime/store/attributes_md5.h"

namespace hearth {
namespace {

constexpr int64_t kMessagesMax = 10;
constexpr int64_t kWaitSecondsMax = 20;
constexpr int64_t kVisibilitySecondsMax = 43'200;

Error OutOfRange(const char* name, const Json& value, int64_t least, int64_t most) {
  return {ErrorCode::kInvalidArgument, "Value " + DumpJson(value) + " for parameter " + name +
                                           " is invalid. Reason: Must be between " + std::to_string(least) +
                                           " and " + std::to_string(most) + ", if provided."};
}

Status ReadInRange(const Json& request, const char* name, int64_t& out, int64_t least, int64_t most) {
  if (JsonMembers(request).Read(name, out, least, most).ok()) return Ok();
  return OutOfRange(name, request[name], least, most);
}

}  // namespace

struct SqsReceive::Poll {
  SqsCallPtr call;
  std::string queue;
  uint32_t count = 1;
  seconds visibility{-1};
  seconds wait{-1};  // -1: the queue's
  std::vector<std::string> system_names;
  std::vector<std::string> attribute_names;
  bool over = false;  // time is up, answered, or the client has gone
  Timer timer;
};

Result<SqsReceive::PollPtr> SqsReceive::Read(const SqsCallPtr& call) const {
  auto poll = std::make_shared<Poll>();
  poll->call = call;
  HEARTH_ASSIGN(poll->queue, call->QueueName());
  int64_t count = 1;
  int64_t visibility = -1;
  int64_t wait = -1;
  const Json& request = call->request();
  HEARTH_TRY(ReadInRange(request, "MaxNumberOfMessages", count, 1, kMessagesMax));
  HEARTH_TRY(ReadInRange(request, "VisibilityTimeout", visibility, 0, kVisibilitySecondsMax));
  HEARTH_TRY(ReadInRange(request, "WaitTimeSeconds", wait, 0, kWaitSecondsMax));
  HEARTH_TRY(call->members().Read("AttributeNames", poll->system_names));
  HEARTH_TRY(call->members().Read("MessageSystemAttributeNames", poll->system_names));
  HEARTH_TRY(call->members().Read("MessageAttributeNames", poll->attribute_names));
  poll->count = static_cast<uint32_t>(count);
  poll->visibility = seconds(visibility);
  poll->wait = seconds(wait);
  return poll;
}

void SqsReceive::Receive(const SqsCallPtr& call) {
  auto read = Read(call);
  if (!read.ok()) return call->Fail(read.error());
  PollPtr poll = std::move(read).value();
  if (poll->wait >= seconds(0)) return Start(poll);
  queues_.Describe(poll->queue, [weak = weak_.Get(), poll](const Result<QueueDescription>& queue) {
    if (!weak) return;
    if (!queue.ok()) return poll->call->Fail(queue.error());
    poll->wait = queue->settings.receive_wait;
    weak->Start(poll);
  });
}

void SqsReceive::Ask(const PollPtr& poll, std::function<void(Result<std::vector<QueueMessage>>)> reply) {
  queues_.Receive(poll->queue, {.count = poll->count, .visibility = poll->visibility}, std::move(reply));
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
  for (const QueueMessage& message : messages) {
    Json one = {{"MessageId", message.message_id},
                {"ReceiptHandle", message.receipt_handle},
                {"MD5OfBody", Md5Hex(message.body)},
                {"Body", message.body}};
    if (Json system = SystemAttributesJson(identity_, message, poll->system_names); !system.empty())
      one["Attributes"] = system;
    const auto attributes = SelectMessageAttributes(message.attributes, poll->attribute_names);
    if (!attributes.empty()) {
      one["MessageAttributes"] = MessageAttributesJson(attributes);
      one["MD5OfMessageAttributes"] = Md5OfAttributes(attributes);
    }
    answer["Messages"].push_back(std::move(one));
  }
  poll->call->Answer(answer);
}

size_t SqsReceive::polls_waiting() const {
  size_t waiting = 0;
  for (const auto& [queue, line] : lines_) waiting += line.polls.size();
  return waiting;
}

}  // namespace hearth
