#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>

#include "runtime/base/weak_ptr.h"
#include "runtime/control/api_call.h"
#include "runtime/control/queue_figures.h"
#include "runtime/control/sqs_identity.h"
#include "runtime/loop/executor.h"

namespace hearth {

// Our own view of queues, below /_hearth/v1/queues: all of them with their numbers and rates, and a look at
// messages that leases nothing.
//
// Borrows: QueueStore&, Executor& - both outlive it.
// Thread:  loop thread.
// Limits:  kPeekMax messages.
class HearthQueues final {
 public:
  static constexpr int64_t kPeekMax = 100;
  // Rates are taken over at least this; figures of an earlier request serve while they are not too old.
  static constexpr seconds kRateSpan{1};
  static constexpr seconds kRateSpanMax{60};

  HearthQueues(QueueStore& queues, Executor& executor, SqsIdentity identity)
      : queues_(queues), executor_(executor), identity_(std::move(identity)) {}

  void List(const ApiCallPtr& call);  // ?rates=1: with rates, after a second if it has none yet
  void Peek(const ApiCallPtr& call);  // ?max=

 private:
  struct Listing;
  void TakeFigures(std::function<void(Result<QueueFigures>)> done);
  void WithRates(const std::shared_ptr<Listing>& listing);
  static void Answer(const Listing& listing);

  // Borrowed.
  QueueStore& queues_;
  Executor& executor_;
  // Constant after construction.
  const SqsIdentity identity_;
  // Mutable.
  std::optional<QueueFigures> before_;
  std::set<std::shared_ptr<Listing>> waiting_;  // for their second look
  WeakPtrFactory<HearthQueues> weak_{this};
};

}  // namespace hearth
