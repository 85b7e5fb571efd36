#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "triggers/queue/queue_batch.h"
#include "triggers/queue/queue_mapping.h"

namespace hearth {

// Feeds one function from one queue: slots before messages.
//
// A lane goes waits for a worker -> receives -> runs (QueueBatch) -> settled. A lane begins only while
// messages are believed visible; a receive that comes back empty drops its worker and ends the belief. A
// worker that cannot be had, and a batch that never ran, make the consumer wait (doubling, kBackOffFirst to
// kBackOffLongest) and burn no receive.
//
// Owns:    its lanes. Owned by QueueTrigger.
// Borrows: QueueServices.
// Thread:  loop thread only.
// States:  open -> closed by Close(): no lane begins; lanes in flight settle. Disabled is open, without new
//          lanes.
// Limits:  lanes <= QueueMapping::lanes_max(); of those, up to kReceivingMax wait or receive; payload <=
//          kPayloadBytesMax.
// Failure: shown in status(), retried for ever; a queue that is missing is looked for every kLookEvery.
// Promise: no callback runs after the destructor returns.
class QueueConsumer final {
 public:
  // Lambda's limit for the payload of a synchronous invocation.
  static constexpr size_t kPayloadBytesMax = 6 << 20;
  // Lanes that may wait or receive at once: doubles with each full batch, so that a backlog grows the number
  // of workers and a single message never reserves more than one.
  static constexpr size_t kReceivingMax = 4;
  // Renewals at a third of a lease must stay rare beside the store's commits.
  static constexpr seconds kLeaseMin{10};
  // The visible hook tells at once; looking is for what a hook may miss, and for changed settings of the
  // queue.
  static constexpr seconds kLookEvery{30};
  static constexpr milliseconds kBackOffFirst{100};
  static constexpr milliseconds kBackOffLongest{30'000};

  QueueConsumer(QueueServices& services, QueueMapping mapping);
  void Start();
  // Holds from the next lane on; batches that run are not touched.
  void Configure(QueueMapping mapping);
  // A message may have become visible in the queue.
  void OnVisible();
  // `idle` runs, never inside the call, once nothing is in flight.
  void Close(std::function<void()> idle);
  const QueueMapping& mapping() const { return mapping_; }
  QueueMappingStatus status() const;

 private:
  // A lane before its batch: waits for a worker, then holds it while it receives.
  struct Acquisition {
    std::unique_ptr<EventSink::SlotWait> wait;
    std::unique_ptr<EventSink::Slot> slot;
    seconds lease{0};  // that it receives with
  };

  using Acquisitions = std::map<uint64_t, Acquisition>;

  bool may_begin() const { return !closed_ && mapping_.enabled && !backing_off_; }
  void LookRegularly();
  void Look();
  void OnLooked(uint64_t belief, Result<QueueStatistics> statistics);
  void Pump();
  void Acquire();
  void OnSlot(uint64_t lane, Result<std::unique_ptr<EventSink::Slot>> slot);
  void Discard(Acquisitions::node_type lane);
  void Receive(uint64_t lane);
  void OnReceived(uint64_t lane, uint64_t belief, uint32_t asked, Result<std::vector<QueueMessage>> received);
  void Believe(const std::vector<QueueMessage>& received, uint32_t asked, uint64_t belief);
  void Begin(uint64_t lane, Acquisition acquisition, std::vector<QueueMessage> messages);
  void ReturnMessages(std::span<const QueueMessage> messages);
  void OnSettled(uint64_t lane, const BatchSettlement& settlement);
  void Wait(std::string why);
  void CheckIdle();

  // Constant after construction.
  QueueServices& services_;

  // Mutable.
  QueueMapping mapping_;
  seconds visibility_timeout_{30};  // the queue's, as last seen
  bool closed_ = false;
  bool visible_ = false;  // messages are believed to be visible
  uint64_t belief_ = 0;   // counts OnVisible(): tells whether one came while a receive was under way
  bool looking_ = false;
  bool look_again_ = false;
  size_t receiving_allowed_ = 1;
  uint64_t next_lane_ = 0;
  uint64_t returning_ = 0;  // QueueStore::Return calls under way
  bool backing_off_ = false;
  BackOff back_off_{kBackOffFirst, kBackOffLongest};
  Timer back_off_timer_;
  Timer look_timer_;
  Timer window_timer_;
  Acquisitions acquisitions_;
  std::map<uint64_t, std::unique_ptr<QueueBatch>> batches_;
  QueueMappingStatus counters_;  // and last_error
  std::function<void()> idle_;
  WeakPtrFactory<QueueConsumer> weak_{this};
};

}  // namespace hearth
