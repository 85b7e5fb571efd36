#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/weak_ptr.h"
#include "runtime/loop/executor.h"
#include "triggers/queue/filter_criteria.h"
#include "triggers/queue/queue_batch.h"
#include "triggers/queue/queue_mapping.h"

namespace hearth {

// Knows whether a mapping's queue has a batch to receive, without receiving anything: what waits for company in a
// batching window, or is not wanted, costs neither a lease nor a worker.
//
// A plain mapping believes: a message was sent, or the last receive was full. With a window, a filter or a FIFO
// queue it looks (Peek), and says how many batches are there. What a filter does not want is deleted by the look.
//
// Owns:    its timers. Owned by QueueConsumer.
// Borrows: QueueServices.
// Thread:  loop thread only.
// Limits:  a look reads kPeekMin messages or a batch, up to the store's kReceiveBytesMax; in an open window it
//          reads them at most once in kPeekSpacing, and only if they could end the window.
// Promise: no callback runs after the destructor returns.
class QueueScout final {
 public:
  static constexpr uint32_t kPeekMin = 500;
  static constexpr milliseconds kPeekSpacing{100};
  // So many messages of the largest size make a full payload: below there is no need to read their sizes.
  static constexpr uint64_t kMayFillPayload = kQueuePayloadBytesMax / kMessageBytesMax.count;

  struct Hooks {
    std::function<void()> ready;                  // a lane may begin
    std::function<void(std::string why)> failed;  // looked again when told to
  };
  QueueScout(QueueServices& services, Hooks hooks);

  // From now on for this mapping; forgets what it saw.
  void Watch(const QueueMapping& mapping, std::shared_ptr<const FilterCriteria> criteria);
  void Stop();

  // A message may have become visible.
  void OnVisible();
  void Look();

  bool ready() const { return watching_ && (looks_first() ? ready_ > 0 : visible_); }
  // How many lanes may receive at once for what is known now: a single message must not reserve two workers.
  size_t receiving_max(size_t most) const {
    return looks_first() ? most : std::min(most, receiving_allowed_);
  }
  // A lane begins / ends without a receive / has received. `belief` is belief() from when it asked.
  void Claim();
  void Unclaim();
  // The queue was found empty while a lane waited for its worker.
  bool still_worthwhile() const { return looks_first() || visible_; }
  uint64_t belief() const { return belief_; }
  void OnReceived(uint64_t belief, size_t messages, bool full);
  void OnThrottled() { receiving_allowed_ = 1; }

  uint64_t filtered() const { return filtered_; }
  uint64_t peeks() const { return peeks_; }

 private:
  // By one look.
  struct Seen {
    uint64_t wanted = 0;
    uint64_t bytes = 0;  // of those, in the payload
    uint64_t groups = 0;
    bool discarded = false;  // some were not wanted
    bool more = false;       // the look did not reach the end
  };

  bool looks_first() const { return mapping_.window > seconds(0) || filters() || mapping_.fifo(); }
  bool filters() const { return criteria_ && !criteria_->wants_all(); }
  bool window_open() const { return mapping_.window > seconds(0) && !window_over_; }
  void LookIfDue();
  void OnStatistics(uint64_t watch, uint64_t belief, const Result<QueueStatistics>& statistics);
  void Consider(uint64_t visible);
  void ArmWindow();
  void Peek();
  void OnPeeked(uint64_t watch, uint32_t asked, const Result<std::vector<QueueMessage>>& messages);
  void OnDiscarded(uint64_t watch, const Seen& seen, const Result<uint64_t>& discarded);
  void Decide(const Seen& seen);
  void BecomeReady(uint64_t batches);

  // Constant after construction.
  QueueServices& services_;
  const Hooks hooks_;

  // Mutable.
  QueueMapping mapping_;
  QueueAddress address_;
  std::shared_ptr<const FilterCriteria> criteria_;
  bool watching_ = false;
  uint64_t watch_ = 0;   // counts Watch() and Stop(): answers to what was asked before are stale
  uint64_t belief_ = 0;  // counts OnVisible(): tells whether one came while a receive was under way
  bool visible_ = false;
  size_t receiving_allowed_ = 1;  // doubles with each full receive, so that a backlog grows the lanes
  bool looking_ = false;
  bool look_wanted_ = false;
  uint64_t ready_ = 0;    // batches that a look found and no lane has claimed
  uint64_t claimed_ = 0;  // lanes that wait for a worker or receive
  bool window_over_ = false;
  uint64_t peek_from_ = kMayFillPayload;  // visible messages that make it worth to read sizes
  MonotonicTime peek_not_before_{};
  uint64_t filtered_ = 0;
  uint64_t peeks_ = 0;
  Timer window_timer_;
  Timer spacing_timer_;
  WeakPtrFactory<QueueScout> weak_{this};
};

}  // namespace hearth
