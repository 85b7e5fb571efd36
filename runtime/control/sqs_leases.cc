#include "runtime/control/sqs_leases.h"

#include <map>
#include <optional>
#include <utility>

#include "runtime/control/sqs_batch.h"

namespace hearth {
namespace {

constexpr int64_t kVisibilitySecondsMax = 43'200;

using Refused = std::optional<SqsError>;

Refused ReadHandle(const Json& entry, std::string& handle) {
  const JsonMembers in(entry);
  if (const Status read = in.Read("ReceiptHandle", handle); !read.ok()) return ToSqsError(read.error());
  if (handle.empty()) return SqsMissingParameter("ReceiptHandle");
  return std::nullopt;
}

Refused ReadVisibility(const Json& entry, seconds& visibility) {
  const JsonMembers in(entry);
  int64_t number = 0;
  if (!in.Has("VisibilityTimeout")) return SqsMissingParameter("VisibilityTimeout");
  if (!in.Read("VisibilityTimeout", number, 0, kVisibilitySecondsMax).ok()) {
    return SqsInvalidValue(DumpJson(entry["VisibilityTimeout"]), "VisibilityTimeout",
                           "VisibilityTimeout must be an integer between 0 and 43200");
  }
  visibility = seconds(number);
  return std::nullopt;
}

// One status for each handle that was given; a store that answers fewer has failed.
Status StatusAt(const std::vector<Status>& statuses, size_t index) {
  if (index < statuses.size()) return statuses[index];
  return Error{ErrorCode::kInternal, "the queue store answered nothing"};
}

SqsError DeleteError(const Error& error, const std::string& handle) {
  if (error.code == ErrorCode::kInvalidArgument) return ReceiptHandleIsInvalid(handle);
  // FIFO alone; a standard queue takes any handle that it once gave.
  if (error.code == ErrorCode::kNotFound)
    return SqsInvalidValue(handle, "ReceiptHandle", "The receipt handle has expired.");
  return ToSqsError(error);
}

SqsError VisibilityError(const Error& error, const std::string& handle) {
  if (error.code == ErrorCode::kInvalidArgument) return ReceiptHandleIsInvalid(handle);
  if (error.code == ErrorCode::kNotFound) return MessageNotInflight(error.message);
  if (error.code == ErrorCode::kPrecondition) {
    return SqsInvalidValue(handle, "VisibilityTimeout",
                           "Total VisibilityTimeout for the message is beyond the limit [43200 seconds].");
  }
  return ToSqsError(error);
}

}  // namespace

void SqsLeases::Delete(const SqsCallPtr& call) {
  const auto queue = call->NeedQueue();
  std::string handle;
  if (!queue) return;
  if (const Refused refused = ReadHandle(call->request(), handle)) return call->Fail(*refused);
  queues_.Delete(*queue, {handle}, [call, handle](const Result<std::vector<Status>>& statuses) {
    if (!statuses.ok()) return call->Fail(statuses.error());
    const Status deleted = StatusAt(*statuses, 0);
    deleted.ok() ? call->AnswerEmpty() : call->Fail(DeleteError(deleted.error(), handle));
  });
}

void SqsLeases::DeleteBatch(const SqsCallPtr& call) {
  const auto queue = call->NeedQueue();
  if (!queue) return;
  if (const auto refused = CheckSqsBatch(call->request())) return call->Fail(*refused);
  std::vector<std::string> handles;
  std::vector<std::string> entry_ids;
  SqsBatchAnswer answer;
  for (const Json& entry : call->request()["Entries"]) {
    std::string handle;
    if (const Refused refused = ReadHandle(entry, handle)) {
      answer.Failed(entry["Id"], *refused);
      continue;
    }
    handles.push_back(std::move(handle));
    entry_ids.push_back(entry["Id"]);
  }
  if (handles.empty()) return call->Answer(answer.json());
  queues_.Delete(*queue, handles,
                 [call, answer, handles, entry_ids](const Result<std::vector<Status>>& statuses) mutable {
                   if (!statuses.ok()) return call->Fail(statuses.error());
                   for (size_t i = 0; i < handles.size(); ++i) {
                     const Status deleted = StatusAt(*statuses, i);
                     deleted.ok() ? answer.Succeeded(entry_ids[i])
                                  : answer.Failed(entry_ids[i], DeleteError(deleted.error(), handles[i]));
                   }
                   call->Answer(answer.json());
                 });
}

void SqsLeases::ChangeVisibility(const SqsCallPtr& call) {
  const auto queue = call->NeedQueue();
  std::string handle;
  seconds visibility{0};
  if (!queue) return;
  if (const Refused refused = ReadHandle(call->request(), handle)) return call->Fail(*refused);
  if (const Refused refused = ReadVisibility(call->request(), visibility)) return call->Fail(*refused);
  queues_.ChangeVisibility(
      *queue, {handle}, visibility, [call, handle](const Result<std::vector<Status>>& statuses) {
        if (!statuses.ok()) return call->Fail(statuses.error());
        const Status changed = StatusAt(*statuses, 0);
        changed.ok() ? call->AnswerEmpty() : call->Fail(VisibilityError(changed.error(), handle));
      });
}

// Each entry may have its own time-out, and the store takes one a call: one call for each that is asked for.
struct SqsLeases::Visibility {
  struct Group {
    std::vector<std::string> entry_ids;
    std::vector<std::string> handles;
  };
  SqsCallPtr call;
  std::string queue;
  std::map<seconds, Group> groups{};
  SqsBatchAnswer answer{};
};

void SqsLeases::ChangeVisibilityBatch(const SqsCallPtr& call) {
  const auto queue = call->NeedQueue();
  if (!queue) return;
  if (const auto refused = CheckSqsBatch(call->request())) return call->Fail(*refused);
  auto batch = std::make_shared<Visibility>(Visibility{call, *queue});
  for (const Json& entry : call->request()["Entries"]) {
    std::string handle;
    seconds visibility{0};
    Refused refused = ReadHandle(entry, handle);
    if (!refused) refused = ReadVisibility(entry, visibility);
    if (refused) {
      batch->answer.Failed(entry["Id"], *refused);
      continue;
    }
    batch->groups[visibility].entry_ids.push_back(entry["Id"]);
    batch->groups[visibility].handles.push_back(std::move(handle));
  }
  ChangeNext(batch);
}

void SqsLeases::ChangeNext(const std::shared_ptr<Visibility>& batch) {
  if (batch->groups.empty()) return batch->call->Answer(batch->answer.json());
  auto node = batch->groups.extract(batch->groups.begin());
  auto group = std::make_shared<Visibility::Group>(std::move(node.mapped()));
  queues_.ChangeVisibility(batch->queue, group->handles, node.key(),
                           [weak = weak_.Get(), batch, group](const Result<std::vector<Status>>& statuses) {
                             if (!weak) return;
                             if (!statuses.ok()) return batch->call->Fail(statuses.error());
                             for (size_t i = 0; i < group->handles.size(); ++i) {
                               const Status changed = StatusAt(*statuses, i);
                               changed.ok() ? batch->answer.Succeeded(group->entry_ids[i])
                                            : batch->answer.Failed(
                                                  group->entry_ids[i],
                                                  VisibilityError(changed.error(), group->handles[i]));
                             }
                             weak->ChangeNext(batch);
                           });
}

}  // namespace hearth
