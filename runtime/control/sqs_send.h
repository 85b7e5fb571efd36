#pragma once

#include <memory>
#include <string>

#include "runtime/base/weak_ptr.h"
#include "runtime/control/sqs_call.h"
#include "runtime/store/queue_store.h"

namespace hearth {

// SendMessage and SendMessageBatch.
//
// Borrows: QueueStore&, outlives it.
// Thread:  loop thread.
// Limits:  a message and a batch 1 MiB with attributes (a queue may have less for a message), 10 entries a
//          batch.
// Failure: of a batch, the entries that are wrong; the others are sent. What a FIFO queue needs of every
//          message (group, deduplication id) fails the whole batch, as at SQS.
class SqsSend final {
 public:
  explicit SqsSend(QueueStore& queues) : queues_(queues) {}

  void Send(const SqsCallPtr& call);
  void SendBatch(const SqsCallPtr& call);

 private:
  struct Batch;
  void Go(const std::shared_ptr<Batch>& batch);
  void Explain(const std::shared_ptr<Batch>& batch, const Error& refused);
  void DropRefused(const std::shared_ptr<Batch>& batch, const QueueSettings& settings, const Error& refused);

  QueueStore& queues_;
  WeakPtrFactory<SqsSend> weak_{this};
};

}  // namespace hearth
