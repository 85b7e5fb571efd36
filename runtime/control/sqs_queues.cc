#include "runtime/control/sqs_queues.h"

#include <algorithm>
#include <utility>

#include "runtime/control/sqs_policy.h"

namespace hearth {
namespace {

// SQS lists at most a thousand at once.
constexpr int64_t kListMax = 1000;
constexpr size_t kTagKeyBytesMax = 128;
constexpr size_t kTagValueBytesMax = 256;

std::optional<SqsError> ReadTags(const SqsCall& call, const char* member,
                                 std::map<std::string, std::string>& tags) {
  if (const Status read = call.members().Read(member, tags); !read.ok()) return ToSqsError(read.error());
  for (const auto& [key, value] : tags) {
    if (key.empty() || key.size() > kTagKeyBytesMax || key.starts_with("aws:"))
      return SqsInvalidValue(key, "TagKey", "a key has 1 to 128 bytes and does not begin with aws:");
    if (value.size() > kTagValueBytesMax)
      return SqsInvalidValue(key, "Tags", "the value of a tag has at most 256 bytes");
  }
  return std::nullopt;
}

SqsError IllegalName(bool fifo) {
  if (!fifo) {
    return SqsInvalidParameter(
        "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length");
  }
  return SqsInvalidParameter(
      "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end "
      "with .fifo suffix and be 1 to 80 in length.");
}

// The refusals of Configure and Create that are about the redrive policy come without their parameter.
SqsError SettingsError(const Error& error) {
  if (error.code != ErrorCode::kInvalidArgument && error.code != ErrorCode::kNotFound)
    return ToSqsError(error);
  return SqsInvalidParameter(error.message);
}

}  // namespace

void SqsQueues::Look(const SqsCallPtr& call, const std::string& queue, std::function<void(Known)> then) {
  queues_.Describe(queue, [weak = weak_.Get(), call, then = std::move(then)](Result<QueueDescription> found) {
    if (!weak) return;
    if (!found.ok()) return call->Fail(found.error());
    weak->kept_.Load(*found, [weak, call, then, queue = *found](Result<SqsKeptAttributes::Attributes> kept) {
      if (!weak) return;
      if (!kept.ok()) return call->Fail(kept.error());
      then({queue, std::move(kept).value()});
    });
  });
}

struct SqsQueues::Creation {
  SqsCallPtr call;
  std::string name;
  Json attributes = Json::object();
  std::map<std::string, std::string> tags{};
  SqsQueueAttributes wanted{};
};

void SqsQueues::Create(const SqsCallPtr& call) {
  const auto name = call->NeedText("QueueName");
  if (!name) return;
  auto creation = std::make_shared<Creation>(Creation{call, *name});
  const auto attributes = call->members().Object("Attributes");
  if (!attributes.ok()) return call->Fail(attributes.error());
  if (*attributes) creation->attributes = **attributes;
  // Either is what the operation's own model says, depending on whose.
  for (const char* member : {"tags", "Tags"}) {
    if (const auto refused = ReadTags(*call, member, creation->tags)) return call->Fail(*refused);
  }
  const bool fifo = creation->attributes.value("FifoQueue", Json()) == "true" ||
                    creation->attributes.value("FifoQueue", Json()) == true;
  if (!ValidateQueueName(*name).ok() || fifo != name->ends_with(".fifo"))
    return call->Fail(IllegalName(fifo));
  creation->wanted.settings.kind = fifo ? QueueKind::kFifo : QueueKind::kStandard;
  if (const auto refused = SetSqsQueueAttributes(creation->attributes, creation->wanted))
    return call->Fail(*refused);
  queues_.Describe(*name, [weak = weak_.Get(), creation](const Result<QueueDescription>& found) {
    if (!weak) return;
    if (!found.ok() && found.error().code == ErrorCode::kNotFound) return weak->CreateNew(creation);
    if (!found.ok()) return creation->call->Fail(found.error());
    weak->Look(creation->call, creation->name,
               [weak, creation](const Known& known) { weak->CompareExisting(creation, known); });
  });
}

// SQS compares those attributes that were given, and no other.
void SqsQueues::CompareExisting(const std::shared_ptr<Creation>& creation, const Known& known) {
  const SqsQueueAttributes existing{known.queue.settings, known.kept};
  for (const auto& [name, value] : creation->attributes.items()) {
    SqsQueueAttributes changed = existing;
    const auto refused = SetSqsQueueAttribute(name, value, changed);
    if (!refused && changed == existing) continue;
    return creation->call->Fail(
        Error{ErrorCode::kAlreadyExists,
              "A queue already exists with the same name and a different value for attribute " + name});
  }
  Finish(creation, known.queue);
}

void SqsQueues::CreateNew(const std::shared_ptr<Creation>& creation) {
  queues_.Create(
      creation->name, creation->wanted.settings, [weak = weak_.Get(), creation](const Status& created) {
        if (!weak) return;
        if (!created.ok() && created.error().code == ErrorCode::kAlreadyExists)
          return creation->call->Fail(created.error());
        if (!created.ok()) return creation->call->Fail(SettingsError(created.error()));
        weak->queues_.Describe(creation->name, [weak, creation](const Result<QueueDescription>& queue) {
          if (!weak) return;
          if (!queue.ok()) return creation->call->Fail(queue.error());
          if (creation->wanted.kept.empty()) return weak->Finish(creation, *queue);
          weak->kept_.Save(*queue, creation->wanted.kept,
                           [weak, creation, queue = *queue](const Status& kept) {
                             if (!weak) return;
                             kept.ok() ? weak->Finish(creation, queue) : creation->call->Fail(kept.error());
                           });
        });
      });
}

void SqsQueues::Finish(const std::shared_ptr<Creation>& creation, const QueueDescription& queue) {
  const Json answer = {{"QueueUrl", creation->call->UrlOf(identity_.account, queue.name)}};
  if (creation->tags.empty()) return creation->call->Answer(answer);
  queues_.Tag(queue.name, creation->tags, {}, [creation, answer](const Status& tagged) {
    tagged.ok() ? creation->call->Answer(answer) : creation->call->Fail(tagged.error());
  });
}

void SqsQueues::Delete(const SqsCallPtr& call, std::function<void(const std::string& queue)> removed) {
  const auto queue = call->NeedQueue();
  if (!queue) return;
  queues_.Remove(
      *queue, [weak = weak_.Get(), call, queue = *queue, removed = std::move(removed)](const Status& done) {
        if (!weak) return;
        if (!done.ok()) return call->Fail(done.error());
        removed(queue);
        weak->kept_.Forget(queue, [call](const Status& forgotten) { call->AnswerStatus(forgotten); });
      });
}

void SqsQueues::GetUrl(const SqsCallPtr& call) {
  const auto name = call->NeedText("QueueName");
  if (!name) return;
  queues_.Describe(
      *name, [call, url = call->UrlOf(identity_.account, *name)](const Result<QueueDescription>& queue) {
        if (!queue.ok()) return call->Fail(queue.error());
        call->Answer({{"QueueUrl", url}});
      });
}

void SqsQueues::AnswerPage(const SqsCallPtr& call, const char* member,
                           std::function<bool(const QueueDescription&)> wanted) {
  std::string after;  // the token is the last name of the page before
  int64_t most = kListMax;
  for (const Status& read :
       {call->members().Read("NextToken", after), call->members().Read("MaxResults", most, 1, kListMax)}) {
    if (!read.ok()) return call->Fail(read.error());
  }
  queues_.List([account = identity_.account, call, member, wanted = std::move(wanted), after,
                most](const Result<std::vector<QueueDescription>>& queues) {
    if (!queues.ok()) return call->Fail(queues.error());
    std::vector<std::string> names;
    for (const QueueDescription& queue : *queues) {
      if (queue.name > after && wanted(queue)) names.push_back(queue.name);
    }
    std::sort(names.begin(), names.end());
    Json answer = Json::object();
    const size_t shown = std::min(names.size(), static_cast<size_t>(most));
    for (size_t i = 0; i < shown; ++i) answer[member].push_back(call->UrlOf(account, names[i]));
    if (shown < names.size()) answer["NextToken"] = names[shown - 1];
    call->Answer(answer);
  });
}

void SqsQueues::List(const SqsCallPtr& call) {
  std::string prefix;
  if (const Status read = call->members().Read("QueueNamePrefix", prefix); !read.ok())
    return call->Fail(read.error());
  AnswerPage(call, "QueueUrls",
             [prefix](const QueueDescription& queue) { return queue.name.starts_with(prefix); });
}

void SqsQueues::ListDeadLetterSources(const SqsCallPtr& call) {
  const auto queue = call->NeedQueue();
  if (!queue) return;
  queues_.Describe(*queue, [weak = weak_.Get(), call](const Result<QueueDescription>& found) {
    if (!weak) return;
    if (!found.ok()) return call->Fail(found.error());
    weak->AnswerPage(call, "queueUrls", [name = found->name](const QueueDescription& source) {
      return source.settings.dead_letter_queue == name;
    });
  });
}

void SqsQueues::GetAttributes(const SqsCallPtr& call) {
  const auto queue = call->NeedQueue();
  if (!queue) return;
  std::vector<std::string> names;
  if (const Status read = call->members().Read("AttributeNames", names); !read.ok())
    return call->Fail(read.error());
  Look(call, *queue, [this, call, names](const Known& known) {
    queues_.Statistics(known.queue.name,
                       [weak = weak_.Get(), call, names, known](const Result<QueueStatistics>& statistics) {
                         if (!weak) return;
                         if (!statistics.ok()) return call->Fail(statistics.error());
                         const SqsAttributesShown shown = ShowSqsQueueAttributes(
                             weak->identity_, known.queue, known.kept, *statistics, names);
                         if (shown.refused) return call->Fail(*shown.refused);
                         call->Answer(shown.json.empty() ? Json::object() : Json{{"Attributes", shown.json}});
                       });
  });
}

void SqsQueues::Store(const SqsCallPtr& call, const Known& known, const SqsQueueAttributes& changed) {
  const auto save = [weak = weak_.Get(), call, known, kept = changed.kept] {
    if (!weak) return;
    if (kept == known.kept) return call->AnswerEmpty();
    weak->kept_.Save(known.queue, kept, [call](const Status& saved) { call->AnswerStatus(saved); });
  };
  if (changed.settings == known.queue.settings) return save();
  queues_.Configure(known.queue.name, changed.settings, [call, save](const Status& configured) {
    configured.ok() ? save() : call->Fail(SettingsError(configured.error()));
  });
}

void SqsQueues::ChangeAttributes(const SqsCallPtr& call, const Change& change) {
  const auto queue = call->NeedQueue();
  if (!queue) return;
  Look(call, *queue, [this, call, change](const Known& known) {
    SqsQueueAttributes changed{known.queue.settings, known.kept};
    if (const auto refused = change(changed)) return call->Fail(*refused);
    Store(call, known, changed);
  });
}

void SqsQueues::SetAttributes(const SqsCallPtr& call) {
  const auto attributes = call->members().Object("Attributes");
  if (!attributes.ok()) return call->Fail(attributes.error());
  const Json given = *attributes ? **attributes : Json::object();
  ChangeAttributes(call,
                   [given](SqsQueueAttributes& changed) { return SetSqsQueueAttributes(given, changed); });
}

void SqsQueues::AddPermission(const SqsCallPtr& call) {
  const auto queue = call->NeedQueue();
  if (!queue) return;
  const auto label = call->NeedText("Label");
  if (!label) return;
  SqsPermission permission{*label, identity_.ArnOf(*queue), {}, {}};
  for (const Status& read : {call->members().Read("AWSAccountIds", permission.accounts),
                             call->members().Read("Actions", permission.actions)}) {
    if (!read.ok()) return call->Fail(read.error());
  }
  ChangeAttributes(call, [permission](SqsQueueAttributes& changed) {
    return AddSqsPermission(permission, changed.kept["Policy"]);
  });
}

void SqsQueues::RemovePermission(const SqsCallPtr& call) {
  const auto label = call->NeedText("Label");
  if (!label) return;
  ChangeAttributes(call, [label = *label](SqsQueueAttributes& changed) {
    std::string policy = changed.kept["Policy"];
    const auto refused = RemoveSqsPermission(label, policy);
    policy.empty() ? void(changed.kept.erase("Policy")) : void(changed.kept["Policy"] = policy);
    return refused;
  });
}

// A purge is done when it is answered, so a second one has to wait for the first alone and not 60 s.
void SqsQueues::Purge(const SqsCallPtr& call) {
  const auto queue = call->NeedQueue();
  if (!queue) return;
  if (!purging_.insert(*queue).second) {
    return call->Fail(SqsPrefixedError(
        "PurgeQueueInProgress", "Another PurgeQueue operation on " + *queue + " is still in progress.", 403));
  }
  queues_.Purge(*queue, [weak = weak_.Get(), call, queue = *queue](const Status& done) {
    if (weak) weak->purging_.erase(queue);
    call->AnswerStatus(done);
  });
}

void SqsQueues::Tag(const SqsCallPtr& call) {
  const auto queue = call->NeedQueue();
  if (!queue) return;
  std::map<std::string, std::string> tags;
  if (const auto refused = ReadTags(*call, "Tags", tags)) return call->Fail(*refused);
  if (tags.empty()) return call->Fail(SqsMissingParameter("Tags"));
  queues_.Tag(*queue, tags, {}, [call](const Status& done) { call->AnswerStatus(done); });
}

void SqsQueues::Untag(const SqsCallPtr& call) {
  const auto queue = call->NeedQueue();
  if (!queue) return;
  std::vector<std::string> keys;
  if (const Status read = call->members().Read("TagKeys", keys); !read.ok()) return call->Fail(read.error());
  if (keys.empty()) return call->Fail(SqsMissingParameter("TagKeys"));
  queues_.Tag(*queue, {}, keys, [call](const Status& done) { call->AnswerStatus(done); });
}

void SqsQueues::ListTags(const SqsCallPtr& call) {
  const auto queue = call->NeedQueue();
  if (!queue) return;
  queues_.Describe(*queue, [call](const Result<QueueDescription>& found) {
    if (!found.ok()) return call->Fail(found.error());
    call->Answer(found->tags.empty() ? Json::object() : Json{{"Tags", found->tags}});
  });
}

}  // namespace hearth
