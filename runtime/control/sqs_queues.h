#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "runtime/base/weak_ptr.h"
#include "runtime/control/sqs_call.h"
#include "runtime/control/sqs_kept_attributes.h"
#include "runtime/control/sqs_queue_attributes.h"

namespace hearth {

// SQS operations on queues themselves.
//
// Borrows: QueueStore&, KeyStore&; they outlive it.
// Thread:  loop thread.
class SqsQueues final {
 public:
  SqsQueues(QueueStore& queues, KeyStore& keys, SqsIdentity identity)
      : queues_(queues), kept_(keys), identity_(std::move(identity)) {}

  void Create(const SqsCallPtr& call);
  // `removed` runs before the answer.
  void Delete(const SqsCallPtr& call, std::function<void(const std::string& queue)> removed);
  void GetUrl(const SqsCallPtr& call);
  void List(const SqsCallPtr& call);
  void ListDeadLetterSources(const SqsCallPtr& call);
  void GetAttributes(const SqsCallPtr& call);
  void SetAttributes(const SqsCallPtr& call);
  void AddPermission(const SqsCallPtr& call);
  void RemovePermission(const SqsCallPtr& call);
  void Purge(const SqsCallPtr& call);
  void Tag(const SqsCallPtr& call);
  void Untag(const SqsCallPtr& call);
  void ListTags(const SqsCallPtr& call);

 private:
  struct Creation;
  struct Known {
    QueueDescription queue;
    SqsKeptAttributes::Attributes kept;
  };
  using Change = std::function<std::optional<SqsError>(SqsQueueAttributes&)>;

  // The queue and what is kept for it; a call that fails is answered.
  void Look(const SqsCallPtr& call, const std::string& queue, std::function<void(Known)> then);
  void CompareExisting(const std::shared_ptr<Creation>& creation, const Known& known);
  void CreateNew(const std::shared_ptr<Creation>& creation);
  void Finish(const std::shared_ptr<Creation>& creation, const QueueDescription& queue);
  void ChangeAttributes(const SqsCallPtr& call, const Change& change);
  void Store(const SqsCallPtr& call, const Known& known, const SqsQueueAttributes& changed);
  void AnswerPage(const SqsCallPtr& call, const char* member,
                  std::function<bool(const QueueDescription&)> wanted);

  // Borrowed.
  QueueStore& queues_;
  SqsKeptAttributes kept_;
  // Constant after construction.
  const SqsIdentity identity_;
  // Mutable.
  std::set<std::string> purging_;
  WeakPtrFactory<SqsQueues> weak_{this};
};

}  // namespace hearth
