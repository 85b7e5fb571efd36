#pragma once

#include "runtime/control/sqs_attributes.h"
#include "runtime/control/sqs_call.h"

namespace hearth {

// SQS operations on queues themselves.
//
// Borrows: QueueStore&, outlives it.
// Thread:  loop thread.
class SqsQueues final {
 public:
  SqsQueues(QueueStore& queues, SqsIdentity identity) : queues_(queues), identity_(std::move(identity)) {}

  void Create(const SqsCallPtr& call);
  void Delete(const SqsCallPtr& call);
  void GetUrl(const SqsCallPtr& call);
  void List(const SqsCallPtr& call);
  void GetAttributes(const SqsCallPtr& call);
  void SetAttributes(const SqsCallPtr& call);
  void Purge(const SqsCallPtr& call);

 private:
  // With the host that the client asked for, so that it can come back.
  std::string UrlOf(SqsCall& call, const std::string& queue) const;

  QueueStore& queues_;
  const SqsIdentity identity_;
};

}  // namespace hearth
