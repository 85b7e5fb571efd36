#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "triggers/queue/concurrency_window.h"
#include "triggers/queue/queue_batch.h"
#include "triggers/queue/queue_mapping.h"
#include "triggers/queue/queue_scout.h"

namespace hearth {

// Feeds one function from one queue: slots before messages.
//
// A lane goes waits for a worker -> receives -> runs (QueueBatch) -> settled. A lane begins only when the scout
// knows of something to receive; a receive that comes back empty drops its worker. One lane at a time waits for a
// worker: mappings that share a function take turns, whatever their backlogs. A worker that cannot be had, and a
// batch that never ran, make the consumer wait (doubling, kBackOffFirst to kBackOffLongest) or until another of its
// batches has run, and burn no receive.
//
// Owns:    its lanes. Owned by QueueTrigger.
// Borrows: QueueServices.
// Thread:  loop thread only.
// States:  open -> closed by Close(): no lane begins; lanes in flight settle. Disabled is open, without new
//          lanes.
// Limits:  lanes <= ConcurrencyWindow::allowed() <= QueueMapping::lanes_max(); of those, up to kReceivingMax wait
//          or receive; payload <= QueueServices::payload_bytes_max.
// Failure: shown in status(), retried for ever; a queue that is missing is looked for every kLookEvery.
// Promise: no callback runs after the destructor returns.
class QueueConsumer final {
 public:
  // Receives and deletes share the store's commits: as many as run by default. With four, a backlog took 2.5 times
  // as long (docs/benchmarks.md). How many of them there are is the scout's to allow, by what it has seen.
  static constexpr size_t kReceivingMax = kMappingConcurrencyDefault;
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
    seconds lease{0};    // that it receives with
    uint64_t epoch = 0;  // of the concurrency window
  };
  struct Lane {
    std::unique_ptr<QueueBatch> batch;
    uint64_t epoch = 0;
  };
  using Acquisitions = std::map<uint64_t, Acquisition>;

  bool may_begin() const { return !closed_ && mapping_.enabled && !backing_off_; }
  bool waits_for_worker() const;
  void Watch();
  void LookRegularly();
  void OnDescribed(const Result<QueueDescription>& queue);
  void DropWaiting();
  void Pump();
  void Acquire();
  void OnSlot(uint64_t lane, Result<std::unique_ptr<EventSink::Slot>> slot);
  void Drop(Acquisitions::node_type lane);
  void Receive(uint64_t lane);
  void OnReceived(uint64_t lane, uint64_t belief, uint32_t asked, Result<std::vector<QueueMessage>> received);
  void DeleteUnwanted(std::vector<QueueMessage>& messages);
  void Begin(uint64_t lane, Acquisition acquisition, std::vector<QueueMessage> messages);
  void ReturnMessages(std::span<const QueueMessage> messages);
  void OnSettled(uint64_t lane, const BatchSettlement& settlement);
  void Wait(std::string why);
  void EndWait();
  void CheckIdle();

  // Constant after construction.
  QueueServices& services_;

  // Mutable.
  QueueMapping mapping_;
  std::shared_ptr<const FilterCriteria> criteria_;
  QueueSettings queue_settings_;  // as last seen
  bool closed_ = false;
  uint64_t next_lane_ = 0;
  uint32_t messages_asked_;     // fewer than a batch when so many did not fit into a payload
  uint64_t calls_pending_ = 0;  // QueueStore calls under way that no lane holds
  bool backing_off_ = false;
  BackOff back_off_{kBackOffFirst, kBackOffLongest};
  Timer back_off_timer_;
  Timer look_timer_;
  ConcurrencyWindow window_;
  QueueScout scout_;
  Acquisitions acquisitions_;
  std::map<uint64_t, Lane> batches_;
  QueueMappingStatus counters_;  // and last_error
  std::function<void()> idle_;
  WeakPtrFactory<QueueConsumer> weak_{this};
};

}  // namespace hearth
