#pragma once

#include <string>

#include "runtime/base/weak_ptr.h"
#include "runtime/control/sqs_call.h"
#include "runtime/control/sqs_identity.h"
#include "runtime/store/queue_store.h"

namespace hearth {

// SQS's message move tasks: dead letters on their way back.
//
// Borrows: QueueStore&, outlives it.
// Thread:  loop thread.
class SqsMoves final {
 public:
  SqsMoves(QueueStore& queues, SqsIdentity identity) : queues_(queues), identity_(std::move(identity)) {}

  void Start(const SqsCallPtr& call);
  void List(const SqsCallPtr& call);
  void Cancel(const SqsCallPtr& call);

 private:
  void StartChecked(const SqsCallPtr& call, const std::string& source, const std::string& destination,
                    uint32_t per_second_max);
  Json TaskJson(const MoveTask& task) const;

  QueueStore& queues_;
  const SqsIdentity identity_;
  WeakPtrFactory<SqsMoves> weak_{this};
};

// "RUNNING"
const char* NameOf(MoveTask::State state);

}  // namespace hearth
