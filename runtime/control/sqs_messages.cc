#include "runtime/control/sqs_messages.h"

#include <algorithm>
#include <set>

#include "runtime/base/digest.h"
#include "runtime/store/attributes_md5.h"

namespace hearth {
namespace {

constexpr size_t kBatchEntriesMax = 10;
constexpr size_t kEntryIdBytesMax = 80;
constexpr int64_t kDelaySecondsMax = 900;
constexpr int64_t kVisibilitySecondsMax = 43'200;

uint64_t SizeOfMessage(const NewMessage& message) {
  uint64_t size = message.body.size();
  for (const auto& [name, attribute] : message.attributes) {
    size += name.size() + attribute.type.size() + attribute.value.size();
  }
  return size;
}

SqsError MessageTooLong() {
  return SqsInvalidParameter("One or more parameters are invalid. Reason: Message must be shorter than " +
                             std::to_string(kMessageBytesMax.count) + " bytes.");
}

// Either the message, or why SQS refuses it.
struct ReadMessage {
  NewMessage message;
  std::optional<SqsError> refused;
};

Status ReadFields(const JsonMembers& in, NewMessage& message) {
  int64_t delay = -1;
  HEARTH_TRY(in.Require("MessageBody"));
  HEARTH_TRY(in.Read("MessageBody", message.body));
  HEARTH_TRY(in.Read("DelaySeconds", delay, 0, kDelaySecondsMax));
  message.delay = seconds(delay);
  HEARTH_ASSIGN(const Json* attributes, in.Object("MessageAttributes"));
  if (attributes) {
    HEARTH_ASSIGN(message.attributes, ReadMessageAttributes(*attributes));
  }
  for (const char* fifo : {"MessageGroupId", "MessageDeduplicationId"}) {
    if (in.Has(fifo)) {
      return Error{ErrorCode::kInvalidArgument,
                   std::string("The request include parameter that is not valid for this "
                               "queue type: ") +
                       fifo};
    }
  }
  return Ok();
}

ReadMessage ReadOne(const Json& entry) {
  ReadMessage read;
  if (const Status fields = ReadFields(JsonMembers(entry), read.message); !fields.ok()) {
    read.refused = ToSqsError(fields.error());
  } else if (read.message.body.empty()) {
    read.refused = {"com.amazonaws.sqs#MissingParameter", "MissingParameter",
                    "The request must contain the parameter MessageBody."};
  } else if (!IsLegalMessageBody(read.message.body)) {
    read.refused = {
        "com.amazonaws.sqs#InvalidMessageContents", "InvalidMessageContents",
        "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to "
        "#xFFFD | #x10000 to #x10FFFF."};
  } else if (SizeOfMessage(read.message) > kMessageBytesMax.count) {
    read.refused = MessageTooLong();
  }
  return read;
}

Json SentJson(const NewMessage& message, const std::string& id) {
  Json sent = {{"MessageId", id}, {"MD5OfMessageBody", Md5Hex(message.body)}};
  if (!message.attributes.empty()) sent["MD5OfMessageAttributes"] = Md5OfAttributes(message.attributes);
  return sent;
}

SqsError BatchError(const char* code, std::string message) {
  return {std::string("com.amazonaws.sqs#") + code, std::string("AWS.SimpleQueueService.") + code,
          std::move(message)};
}

Json FailedJson(const std::string& id, const SqsError& error) {
  return {{"Id", id},
          {"Code", error.query_code},
          {"Message", error.message},
          {"SenderFault", error.status < 500}};
}

bool IsEntryId(const std::string& id) {
  return !id.empty() && id.size() <= kEntryIdBytesMax && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

// What all batches share; empty: fine. Past it every entry is an object with a fitting `Id`.
std::optional<SqsError> CheckEntries(const Json& request) {
  const auto entries = JsonMembers(request).Array("Entries");
  if (!entries.ok()) return ToSqsError(entries.error());
  if (!*entries || (*entries)->empty()) {
    return BatchError("EmptyBatchRequest", "There should be at least one entry in the request.");
  }
  if ((*entries)->size() > kBatchEntriesMax) {
    return BatchError("TooManyEntriesInBatchRequest",
                      "Maximum number of entries per request are 10. You have sent " +
                          std::to_string((*entries)->size()) + ".");
  }
  std::set<std::string> ids;
  for (const Json& entry : **entries) {
    const Json* id = entry.is_object() && entry.contains("Id") ? &entry["Id"] : nullptr;
    if (!id || !id->is_string() || !IsEntryId(id->get<std::string>())) {
      return BatchError(
          "InvalidBatchEntryId",
          "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at "
          "most 80 letters long.");
    }
    if (!ids.insert(id->get<std::string>()).second) {
      return BatchError("BatchEntryIdsNotDistinct", "Id " + id->get<std::string>() + " repeated.");
    }
  }
  return std::nullopt;
}

SqsError ReceiptHandleIsInvalid() {
  return {"com.amazonaws.sqs#ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid",
          "The input receipt handle is invalid."};
}

SqsError HandleError(const Error& error) {
  if (error.code == ErrorCode::kInvalidArgument) return ReceiptHandleIsInvalid();
  if (error.code != ErrorCode::kNotFound) return ToSqsError(error);
  return {"com.amazonaws.sqs#MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight",
          "The message is not in flight: " + error.message};
}

Result<std::string> ReadHandle(const Json& entry) {
  const JsonMembers in(entry);
  std::string handle;
  HEARTH_TRY(in.Require("ReceiptHandle"));
  HEARTH_TRY(in.Read("ReceiptHandle", handle));
  return handle;
}

Result<seconds> ReadVisibility(const Json& entry) {
  const JsonMembers in(entry);
  int64_t visibility = 0;
  HEARTH_TRY(in.Require("VisibilityTimeout"));
  HEARTH_TRY(in.Read("VisibilityTimeout", visibility, 0, kVisibilitySecondsMax));
  return seconds(visibility);
}

// One status for the one handle that was given; a store that answers fewer has failed.
Status Only(const Result<std::vector<Status>>& statuses) {
  if (!statuses.ok()) return statuses.error();
  return statuses->empty() ? Status(Error{ErrorCode::kInternal, "the queue store answered nothing"})
                           : statuses->front();
}

}  // namespace

void SqsMessages::Send(const SqsCallPtr& call) {
  const auto queue = call->QueueName();
  if (!queue.ok()) return call->Fail(queue.error());
  ReadMessage read = ReadOne(call->request());
  if (read.refused) return call->Fail(*read.refused);
  queues_.Send(*queue, {read.message},
               [call, message = read.message](const Result<std::vector<SentMessage>>& sent) {
                 if (!sent.ok()) return call->Fail(sent.error());
                 call->Answer(SentJson(message, sent->front().message_id));
               });
}

void SqsMessages::SendBatch(const SqsCallPtr& call) {
  const auto queue = call->QueueName();
  if (!queue.ok()) return call->Fail(queue.error());
  if (const auto refused = CheckEntries(call->request())) return call->Fail(*refused);
  std::vector<NewMessage> messages;
  std::vector<std::string> entry_ids;
  Json answer = {{"Successful", Json::array()}};
  uint64_t size = 0;
  for (const Json& entry : call->request()["Entries"]) {
    ReadMessage read = ReadOne(entry);
    size += SizeOfMessage(read.message);
    if (read.refused) {
      answer["Failed"].push_back(FailedJson(entry["Id"], *read.refused));
      continue;
    }
    messages.push_back(std::move(read.message));
    entry_ids.push_back(entry["Id"]);
  }
  if (size > kMessageBytesMax.count) {
    return call->Fail(BatchError("BatchRequestTooLong", "Batch requests cannot be longer than " +
                                                            std::to_string(kMessageBytesMax.count) +
                                                            " bytes. You have sent " + std::to_string(size) +
                                                            " bytes."));
  }
  if (messages.empty()) return call->Answer(answer);
  auto sent = [call, answer, messages, entry_ids](const Result<std::vector<SentMessage>>& stored) mutable {
    if (!stored.ok()) return call->Fail(stored.error());
    for (size_t i = 0; i < stored->size(); ++i) {
      Json one = SentJson(messages[i], (*stored)[i].message_id);
      one["Id"] = entry_ids[i];
      answer["Successful"].push_back(std::move(one));
    }
    call->Answer(answer);
  };
  queues_.Send(*queue, messages, std::move(sent));
}

void SqsMessages::Delete(const SqsCallPtr& call) {
  const auto queue = call->QueueName();
  if (!queue.ok()) return call->Fail(queue.error());
  const auto handle = ReadHandle(call->request());
  if (!handle.ok()) return call->Fail(handle.error());
  queues_.Delete(*queue, {*handle}, [call](const Result<std::vector<Status>>& statuses) {
    if (!statuses.ok()) return call->Fail(statuses.error());
    const Status deleted = Only(statuses);
    deleted.ok() ? call->AnswerEmpty() : call->Fail(HandleError(deleted.error()));
  });
}

void SqsMessages::DeleteBatch(const SqsCallPtr& call) {
  const auto queue = call->QueueName();
  if (!queue.ok()) return call->Fail(queue.error());
  if (const auto refused = CheckEntries(call->request())) return call->Fail(*refused);
  std::vector<std::string> handles;
  std::vector<std::string> entry_ids;
  Json answer = {{"Successful", Json::array()}};
  for (const Json& entry : call->request()["Entries"]) {
    const auto handle = ReadHandle(entry);
    if (!handle.ok()) {
      answer["Failed"].push_back(FailedJson(entry["Id"], ToSqsError(handle.error())));
      continue;
    }
    handles.push_back(*handle);
    entry_ids.push_back(entry["Id"]);
  }
  if (handles.empty()) return call->Answer(answer);
  queues_.Delete(*queue, handles,
                 [call, answer, entry_ids](const Result<std::vector<Status>>& statuses) mutable {
                   if (!statuses.ok()) return call->Fail(statuses.error());
                   for (size_t i = 0; i < statuses->size() && i < entry_ids.size(); ++i) {
                     const Status& deleted = (*statuses)[i];
                     if (deleted.ok()) {
                       answer["Successful"].push_back({{"Id", entry_ids[i]}});
                     } else {
                       answer["Failed"].push_back(FailedJson(entry_ids[i], HandleError(deleted.error())));
                     }
                   }
                   call->Answer(answer);
                 });
}

void SqsMessages::ChangeVisibility(const SqsCallPtr& call) {
  const auto queue = call->QueueName();
  if (!queue.ok()) return call->Fail(queue.error());
  const auto handle = ReadHandle(call->request());
  if (!handle.ok()) return call->Fail(handle.error());
  const auto visibility = ReadVisibility(call->request());
  if (!visibility.ok()) return call->Fail(visibility.error());
  queues_.ChangeVisibility(*queue, {*handle}, *visibility,
                           [call](const Result<std::vector<Status>>& statuses) {
                             if (!statuses.ok()) return call->Fail(statuses.error());
                             const Status changed = Only(statuses);
                             changed.ok() ? call->AnswerEmpty() : call->Fail(HandleError(changed.error()));
                           });
}

// Each entry may have its own time-out, the store takes one a call: one after the other.
struct SqsMessages::Visibility {
  SqsCallPtr call;
  std::string queue;
  size_t next = 0;
  Json answer = {{"Successful", Json::array()}};

  void Settle(const std::string& id, const std::optional<SqsError>& failed) {
    if (failed) {
      answer["Failed"].push_back(FailedJson(id, *failed));
    } else {
      answer["Successful"].push_back({{"Id", id}});
    }
  }
};

void SqsMessages::ChangeVisibilityBatch(const SqsCallPtr& call) {
  const auto queue = call->QueueName();
  if (!queue.ok()) return call->Fail(queue.error());
  if (const auto refused = CheckEntries(call->request())) return call->Fail(*refused);
  auto batch = std::make_shared<Visibility>();
  batch->call = call;
  batch->queue = *queue;
  ChangeNext(batch);
}

void SqsMessages::ChangeNext(const std::shared_ptr<Visibility>& batch) {
  const Json& entries = batch->call->request()["Entries"];
  while (batch->next < entries.size()) {
    const Json& entry = entries[batch->next++];
    const auto handle = ReadHandle(entry);
    const auto visibility = ReadVisibility(entry);
    if (!handle.ok() || !visibility.ok()) {
      batch->Settle(entry["Id"], ToSqsError(handle.ok() ? visibility.error() : handle.error()));
      continue;
    }
    return queues_.ChangeVisibility(
        batch->queue, {*handle}, *visibility,
        [this, batch, id = entry["Id"].get<std::string>()](const Result<std::vector<Status>>& statuses) {
          if (!statuses.ok()) return batch->call->Fail(statuses.error());
          const Status changed = Only(statuses);
          batch->Settle(id, changed.ok() ? std::nullopt : std::optional(HandleError(changed.error())));
          ChangeNext(batch);
        });
  }
  batch->call->Answer(batch->answer);
}

}  // namespace hearth
