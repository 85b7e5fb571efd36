#pragma once

#include <functional>
#include <map>
#include <string>

#include "runtime/control/sqs_leases.h"
#include "runtime/control/sqs_moves.h"
#include "runtime/control/sqs_queues.h"
#include "runtime/control/sqs_receive.h"
#include "runtime/control/sqs_send.h"

namespace hearth {

// SQS in both of its protocols, one implementation of each operation behind them: AWS JSON 1.0 (X-Amz-Target:
// AmazonSQS.OPERATION) and the older query protocol (Action=OPERATION in a form or a query string, answers in
// XML). Either at "/" or at a queue's own URL.
//
// Borrows: QueueStore&, KeyStore&, Executor& - all outlive it.
// Thread:  loop thread.
class SqsApi final {
 public:
  // `new_work` is asked before a message is taken; empty: always.
  SqsApi(QueueStore& queues, KeyStore& keys, Executor& executor, const SqsIdentity& identity,
         std::function<Status()> new_work = {});

  // Whether a request that came for "/" or "/ACCOUNT/QUEUE" is SQS's at all.
  static bool IsFor(const http::Request& request);
  void Serve(const ApiCallPtr& call);
  void OnQueueVisible(std::string_view queue) { receive_.OnVisible(queue); }

 private:
  using Operation = std::function<void(const SqsCallPtr&)>;

  Operation NewWork(Operation operation) const;
  void ServeJson(const ApiCallPtr& call);
  void ServeQuery(const ApiCallPtr& call);

  const std::function<Status()> new_work_;
  SqsQueues queues_;
  SqsSend send_;
  SqsLeases leases_;
  SqsReceive receive_;
  SqsMoves moves_;
  std::map<std::string, Operation, std::less<>> operations_;
};

}  // namespace hearth
