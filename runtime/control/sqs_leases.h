#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/base/weak_ptr.h"
#include "runtime/control/sqs_call.h"
#include "runtime/store/queue_store.h"

namespace hearth {

// SQS operations on received messages: delete them, and change how long they stay hidden.
//
// Borrows: QueueStore&, outlives it.
// Thread:  loop thread.
class SqsLeases final {
 public:
  explicit SqsLeases(QueueStore& queues) : queues_(queues) {}

  void Delete(const SqsCallPtr& call);
  void DeleteBatch(const SqsCallPtr& call);
  void ChangeVisibility(const SqsCallPtr& call);
  void ChangeVisibilityBatch(const SqsCallPtr& call);

 private:
  struct Visibility;
  void ChangeNext(const std::shared_ptr<Visibility>& batch);

  QueueStore& queues_;
  WeakPtrFactory<SqsLeases> weak_{this};
};

}  // namespace hearth
