#include "runtime/control/sqs_send.h"

#include <utility>
#include <vector>

#include "runtime/control/sqs_batch.h"
#include "runtime/control/sqs_message_attributes.h"

namespace hearth {
namespace {

constexpr const char* kSingle = "";  // the entry of a SendMessage

QueueKind KindOf(const std::string& queue) {
  return queue.ends_with(".fifo") ? QueueKind::kFifo : QueueKind::kStandard;
}

SqsError MessageTooLong(uint64_t most) {
  return SqsInvalidParameter("One or more parameters are invalid. Reason: Message must be shorter than " +
                             std::to_string(most) + " bytes.");
}

bool LacksDeduplication(const NewMessage& message, const QueueSettings& settings) {
  return settings.kind == QueueKind::kFifo && !settings.content_based_deduplication &&
         message.deduplication_id.empty();
}

SqsError NoDeduplication() {
  return SqsInvalidParameter(
      "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided "
      "explicitly");
}

// What the store refuses of one message, in SQS's words.
std::optional<SqsError> RefusedBySettings(const NewMessage& message, const QueueSettings& settings) {
  if (SizeOf(message) > settings.message_bytes_max) return MessageTooLong(settings.message_bytes_max);
  const Status valid = ValidateMessages({message}, settings);
  if (valid.ok()) return std::nullopt;
  return ToSqsError(valid.error());
}

}  // namespace

struct SqsSend::Batch {
  SqsCallPtr call;
  std::string queue;
  std::vector<std::string> entry_ids;
  std::vector<NewMessage> messages;
  SqsBatchAnswer answer{};

  bool is_single() const { return entry_ids.size() == 1 && entry_ids.front() == kSingle; }
  void Refuse(const std::string& entry_id, const SqsError& error) {
    entry_id == kSingle ? call->Fail(error) : answer.Failed(entry_id, error);
  }
};

void SqsSend::Send(const SqsCallPtr& call) {
  const auto queue = call->NeedQueue();
  if (!queue) return;
  SqsMessageRead read = ReadSqsMessage(call->request(), KindOf(*queue));
  if (!read.refused && SizeOf(read.message) > kMessageBytesMax.count)
    read.refused = MessageTooLong(kMessageBytesMax.count);
  if (read.refused) return call->Fail(*read.refused);
  auto batch = std::make_shared<Batch>(Batch{call, *queue, {kSingle}, {}});
  batch->messages.push_back(std::move(read.message));
  Go(batch);
}

void SqsSend::SendBatch(const SqsCallPtr& call) {
  const auto queue = call->NeedQueue();
  if (!queue) return;
  if (const auto refused = CheckSqsBatch(call->request())) return call->Fail(*refused);
  auto batch = std::make_shared<Batch>(Batch{call, *queue, {}, {}});
  uint64_t size = 0;
  for (const Json& entry : call->request()["Entries"]) {
    SqsMessageRead read = ReadSqsMessage(entry, KindOf(*queue));
    size += SizeOf(read.message);
    const auto& id = entry["Id"].get_ref<const std::string&>();
    if (read.refused) {
      // SQS fails the whole batch for this one, with another code than for a message alone.
      if (KindOf(*queue) == QueueKind::kFifo && read.message.group_id.empty() && !read.message.body.empty())
        return call->Fail(SqsInvalidParameter(read.refused->message));
      batch->answer.Failed(id, *read.refused);
      continue;
    }
    batch->messages.push_back(std::move(read.message));
    batch->entry_ids.push_back(id);
  }
  if (size > kMessageBytesMax.count) {
    return call->Fail(SqsPrefixedError("BatchRequestTooLong", "Batch requests cannot be longer than " +
                                                                  std::to_string(kMessageBytesMax.count) +
                                                                  " bytes. You have sent " +
                                                                  std::to_string(size) + " bytes."));
  }
  Go(batch);
}

void SqsSend::Go(const std::shared_ptr<Batch>& batch) {
  if (batch->messages.empty()) return batch->call->Answer(batch->answer.json());
  queues_.Send(batch->queue, batch->messages,
               [weak = weak_.Get(), batch](const Result<std::vector<SentMessage>>& sent) {
                 if (!weak) return;
                 if (!sent.ok()) return weak->Explain(batch, sent.error());
                 if (batch->is_single())
                   return batch->call->Answer(SentMessageJson(batch->messages.front(), sent->front()));
                 for (size_t i = 0; i < sent->size(); ++i)
                   batch->answer.Succeeded(batch->entry_ids[i],
                                           SentMessageJson(batch->messages[i], (*sent)[i]));
                 batch->call->Answer(batch->answer.json());
               });
}

// The store takes all or none, and says not which was wrong: the queue's settings tell.
void SqsSend::Explain(const std::shared_ptr<Batch>& batch, const Error& refused) {
  if (refused.code != ErrorCode::kInvalidArgument && refused.code != ErrorCode::kTooLarge)
    return batch->call->Fail(refused);
  queues_.Describe(batch->queue, [weak = weak_.Get(), batch, refused](const Result<QueueDescription>& queue) {
    if (!weak) return;
    if (!queue.ok()) return batch->call->Fail(queue.error());
    weak->DropRefused(batch, queue->settings, refused);
  });
}

void SqsSend::DropRefused(const std::shared_ptr<Batch>& batch, const QueueSettings& settings,
                          const Error& refused) {
  std::vector<std::string> ids = std::exchange(batch->entry_ids, {});
  std::vector<NewMessage> messages = std::exchange(batch->messages, {});
  for (size_t i = 0; i < messages.size(); ++i) {
    if (LacksDeduplication(messages[i], settings)) return batch->call->Fail(NoDeduplication());
    if (const auto error = RefusedBySettings(messages[i], settings)) {
      batch->Refuse(ids[i], *error);
      if (ids[i] == kSingle) return;
      continue;
    }
    batch->entry_ids.push_back(std::move(ids[i]));
    batch->messages.push_back(std::move(messages[i]));
  }
  // Nothing found: asking again would go round in circles.
  if (batch->messages.size() == messages.size()) return batch->call->Fail(refused);
  Go(batch);
}

}  // namespace hearth
