#pragma once

#include <functional>
#include <map>
#include <string>

#include "runtime/control/sqs_messages.h"
#include "runtime/control/sqs_queues.h"
#include "runtime/control/sqs_receive.h"

namespace hearth {

// SQS's JSON protocol: POST / with X-Amz-Target: AmazonSQS.OPERATION.
//
// Borrows: QueueStore&, Executor& - both outlive it.
// Thread:  loop thread.
class SqsApi final {
 public:
  SqsApi(QueueStore& queues, Executor& executor, SqsIdentity identity);

  void Serve(const ApiCallPtr& call);
  void OnQueueVisible(std::string_view queue) { receive_.OnVisible(queue); }

 private:
  SqsQueues queues_;
  SqsMessages messages_;
  SqsReceive receive_;
  std::map<std::string, std::function<void(const SqsCallPtr&)>, std::less<>> operations_;
};

}  // namespace hearth
