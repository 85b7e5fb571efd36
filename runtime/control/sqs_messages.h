#pragma once

#include "runtime/control/sqs_attributes.h"
#include "runtime/control/sqs_call.h"

namespace hearth {

// SQS operations that send messages, delete them, and change how long they stay hidden.
//
// Borrows: QueueStore&, outlives it.
// Thread:  loop thread.
// Limits:  a message and a batch 1 MiB with attributes, 10 entries a batch.
class SqsMessages final {
 public:
  explicit SqsMessages(QueueStore& queues) : queues_(queues) {}

  void Send(const SqsCallPtr& call);
  void SendBatch(const SqsCallPtr& call);
  void Delete(const SqsCallPtr& call);
  void DeleteBatch(const SqsCallPtr& call);
  void ChangeVisibility(const SqsCallPtr& call);
  void ChangeVisibilityBatch(const SqsCallPtr& call);

 private:
  struct Visibility;
  void ChangeNext(const std::shared_ptr<Visibility>& batch);

  QueueStore& queues_;
};

}  // namespace hearth
