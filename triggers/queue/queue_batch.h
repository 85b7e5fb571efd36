#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "runtime/base/back_off.h"
#include "runtime/base/log.h"
#include "runtime/base/weak_ptr.h"
#include "runtime/loop/executor.h"
#include "runtime/router/event_sink.h"
#include "runtime/store/queue_store.h"
#include "triggers/queue/queue_event_json.h"
#include "triggers/queue/queue_mapping.h"

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
  size_t payload_bytes_max = kQueuePayloadBytesMax;
};

// How a batch ended.
struct BatchSettlement {
  enum class Kind {
    kRan,        // in the ledger; messages were deleted, or are left to come back
    kGivenBack,  // never ran for no fault of its own: messages are back, no receive was burnt
  };
  Kind kind = Kind::kRan;
  bool throttled = false;  // the first run, or one after it, was refused a worker
  uint64_t deleted = 0;
  uint64_t failed = 0;     // come back and count as received
  uint64_t returned = 0;   // come back as if they had not been received
  uint64_t exhausted = 0;  // of the failed: this was the last receive that the queue allows
  uint64_t bisections = 0;
  uint64_t leases_lost = 0;
  std::string error;  // "" when every message was a success
};

// Leased messages on their way through one invocation – or several, when a batch that failed is tried again in
// halves.
//
// Owns:    the lease on its messages: renewed while invocations run and until they are deleted. Owned by
//          QueueConsumer.
// Borrows: QueueServices.
// Thread:  loop thread only.
// States:  runs a part -> deletes what succeeded -> next part, ... -> gives back, lets go, settled.
// Limits:  kBisectionRunsMax invocations a batch.
// Failure: what cannot be deleted after kDeleteTries comes back and runs again: at least once, and said in
//          the log.
// Promise: `settled` runs once, last; the batch may be destroyed in it. No callback runs after the destructor
//          returns.
class QueueBatch final {
 public:
  struct Plan {
    QueueAddress address;
    std::string function;
    std::string qualifier;
    seconds lease{30};               // that the messages were received with
    seconds visibility_timeout{30};  // after which failed messages come back
    uint32_t receives_max = 0;       // the queue's; 0: none
    std::string dead_letter_queue;
    bool reports_item_failures = false;
    bool bisects = false;
    // FIFO: what follows a failed message in its group does not count as run.
    bool keeps_order = false;
    std::vector<QueueMessage> messages;
    std::string payload{};  // of all of them
  };
  using OnSettled = std::function<void(BatchSettlement)>;

  // A third of the lease passes between renewals; one that failed is tried again after a second.
  static constexpr int kRenewalsPerLease = 3;
  static constexpr seconds kRenewAgain{1};
  static constexpr int kDeleteTries = 6;
  // One poison message in 10,000 takes 28 runs. When most of a batch fails, something else is wrong and more runs
  // only cost.
  static constexpr uint32_t kBisectionRunsMax = 64;

  QueueBatch(QueueServices& services, Plan plan, OnSettled settled);
  void Run(std::unique_ptr<EventSink::Slot> slot);
  size_t messages() const { return plan_.messages.size(); }

 private:
  enum class Fate : uint8_t { kLeased, kDone, kDeleted, kFailed, kReturned };
  // Messages that run together, by index.
  struct Part {
    std::vector<size_t> members;
    uint32_t depth = 0;    // how often it was halved
    bool has_run = false;  // as a part of a larger one
  };

  void Deliver(std::unique_ptr<EventSink::Slot> slot, std::string payload);
  std::string EncodePart();
  void Next();
  void OnSlot(Result<std::unique_ptr<EventSink::Slot>> slot);
  void ArmRenewal(nanoseconds after);
  void Renew();
  void OnRenewed(const std::vector<size_t>& renewed, Result<std::vector<Status>> answers);
  void OnOutcome(Result<Outcome> outcome);
  void OnAnswer(const std::string& answer);
  void OnNotRun(const Error& error);
  void Split();
  void FailPart(std::string why);
  void Fail(size_t member);
  // Nothing runs again whose lease is over, nor, in a FIFO queue, what a failure holds up.
  void LeaveOut(Part& part);
  void Delete();
  void OnDeleted(const std::vector<size_t>& deleting, Result<std::vector<Status>> deleted);
  void LetGo();
  void LetFailedWait();
  void Settle();
  std::vector<size_t> WithFate(Fate fate) const;
  std::vector<std::string> HandlesOf(const std::vector<size_t>& members) const;

  // Constant after construction.
  QueueServices& services_;
  Plan plan_;
  const OnSettled settled_;

  // Mutable.
  std::vector<Fate> fates_;
  std::vector<bool> lost_;   // the lease is over: the message may be in other hands
  std::vector<Part> parts_;  // still to run, the next at the back
  Part running_;
  std::unique_ptr<EventSink::SlotWait> slot_wait_;
  std::string request_id_;  // of the last run
  std::set<std::string> blocked_groups_;
  uint32_t runs_ = 0;
  bool renewed_ = false;
  Timer renewal_;
  Timer delete_again_;
  BackOff delete_back_off_{milliseconds(100), seconds(5)};
  BatchSettlement settlement_;
  WeakPtrFactory<QueueBatch> weak_{this};
};

}  // namespace hearth
