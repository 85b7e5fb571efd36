#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/back_off.h"
#include "runtime/base/log.h"
#include "runtime/base/weak_ptr.h"
#include "runtime/loop/executor.h"
#include "runtime/router/event_sink.h"
#include "runtime/store/queue_store.h"

namespace hearth {

// What a consumer and its batches work with; all outlive them.
struct QueueServices {
  Executor& executor;
  EventSink& sink;
  QueueStore& queues;
  Random& random;
  Log& log;
  std::string region;
  std::string account;
};

// How a batch ended.
struct BatchSettlement {
  enum class Kind {
    kRan,        // in the ledger; messages were deleted, or are left to come back
    kGivenBack,  // never ran for no fault of its own: messages are back, no receive was burnt
  };
  Kind kind = Kind::kRan;
  uint64_t deleted = 0;
  uint64_t failed = 0;
  uint64_t leases_lost = 0;
  std::string error;  // "" when every message was a success
};

// Leased messages on their way through one invocation.
//
// Owns:    the lease on its messages: renewed while the invocation runs and until they are deleted. Owned by
//          QueueConsumer.
// Borrows: QueueServices.
// Thread:  loop thread only.
// Failure: what cannot be deleted after kDeleteTries comes back and runs again: at least once, and said in
//          the log.
// Promise: `settled` runs once, last; the batch may be destroyed in it. No callback runs after the destructor
//          returns.
class QueueBatch final {
 public:
  struct Plan {
    std::string queue;
    seconds lease{30};               // that the messages were received with
    seconds visibility_timeout{30};  // after which failed messages come back
    bool reports_item_failures = false;
    std::vector<std::string> message_ids;
    std::vector<std::string> handles;  // in the same order
    Event event;
  };
  using OnSettled = std::function<void(BatchSettlement)>;

  // A third of the lease passes between renewals: one may fail without harm.
  static constexpr int kRenewalsPerLease = 3;
  static constexpr int kDeleteTries = 6;

  QueueBatch(QueueServices& services, Plan plan, OnSettled settled);
  void Run(std::unique_ptr<EventSink::Slot> slot);
  size_t messages() const { return plan_.handles.size(); }

 private:
  void ArmRenewal();
  void Renew();
  void OnRenewed(Result<std::vector<Status>> renewed);
  void OnOutcome(Result<Outcome> outcome);
  void OnAnswer(const std::string& answer);
  void GiveBack(std::string why);
  void FailAll(std::string why);
  void Delete();
  void OnDeleted(Result<std::vector<Status>> deleted);
  void FailRest();
  void Settle();

  // Constant after construction.
  QueueServices& services_;
  Plan plan_;
  const OnSettled settled_;

  // Mutable.
  bool renewed_ = false;
  Timer renewal_;
  Timer delete_again_;
  BackOff delete_back_off_{milliseconds(100), seconds(5)};
  std::vector<std::string> done_handles_;    // to delete
  std::vector<std::string> failed_handles_;  // to leave
  BatchSettlement settlement_;
  WeakPtrFactory<QueueBatch> weak_{this};
};

}  // namespace hearth
