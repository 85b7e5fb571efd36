#include "triggers/queue/queue_consumer.h"

#include <algorithm>

#include "triggers/queue/queue_event_json.h"

namespace hearth {

QueueConsumer::QueueConsumer(QueueServices& services, QueueMapping mapping)
    : services_(services), mapping_(std::move(mapping)) {}

void QueueConsumer::Start() { LookRegularly(); }

void QueueConsumer::Configure(QueueMapping mapping) {
  mapping_ = std::move(mapping);
  counters_.last_error.clear();
  window_timer_.Cancel();
  visible_ = false;
  // A lane that only waits for a worker may wait for another function now; one that receives goes on.
  std::erase_if(acquisitions_, [](const auto& lane) { return lane.second.slot == nullptr; });
  LookRegularly();
}

void QueueConsumer::OnVisible() {
  ++belief_;
  if (!may_begin()) return;
  if (mapping_.window > seconds(0)) return Look();
  visible_ = true;
  Pump();
}

void QueueConsumer::Close(std::function<void()> idle) {
  closed_ = true;
  idle_ = std::move(idle);
  look_timer_.Cancel();
  window_timer_.Cancel();
  back_off_timer_.Cancel();
  std::erase_if(acquisitions_, [](const auto& lane) { return lane.second.slot == nullptr; });
  services_.executor.Post([weak = weak_.Get()] {
    if (weak) weak->CheckIdle();
  });
}

QueueMappingStatus QueueConsumer::status() const {
  QueueMappingStatus status = counters_;
  status.batches_in_flight = batches_.size();
  for (const auto& [lane, batch] : batches_) status.messages_in_flight += batch->messages();
  status.waiting_for_worker = acquisitions_.size();
  status.state = mapping_.enabled ? "Enabled" : batches_.empty() ? "Disabled" : "Disabling";
  return status;
}

void QueueConsumer::LookRegularly() {
  look_timer_ = services_.executor.After(kLookEvery, [this] { LookRegularly(); });
  services_.queues.Describe(mapping_.queue, [weak = weak_.Get()](Result<QueueDescription> queue) {
    if (!weak) return;
    if (!queue.ok()) {
      weak->counters_.last_error = queue.error().message;
      return;
    }
    weak->visibility_timeout_ = queue->settings.visibility_timeout;
    weak->Look();
  });
}

void QueueConsumer::Look() {
  if (closed_ || !mapping_.enabled) return;
  look_again_ = looking_;
  if (looking_) return;
  looking_ = true;
  services_.queues.Statistics(mapping_.queue,
                              [weak = weak_.Get(), belief = belief_](Result<QueueStatistics> statistics) {
                                if (weak) weak->OnLooked(belief, std::move(statistics));
                              });
}

// With a batching window, lanes begin when a whole batch is visible or the window is over: messages wait for
// company in the queue, where they cost neither a lease nor a worker.
void QueueConsumer::OnLooked(uint64_t belief, Result<QueueStatistics> statistics) {
  looking_ = false;
  if (std::exchange(look_again_, false)) return Look();
  if (!statistics.ok()) {
    counters_.last_error = statistics.error().message;
    return;
  }
  if (statistics->visible == 0) {
    if (belief == belief_) visible_ = false;
    return;
  }
  if (mapping_.window > seconds(0) && statistics->visible < mapping_.batch_size) {
    if (window_timer_.armed()) return;
    window_timer_ = services_.executor.After(mapping_.window, [this] {
      window_timer_.Cancel();
      visible_ = true;
      Pump();
    });
    return;
  }
  window_timer_.Cancel();
  visible_ = true;
  Pump();
}

void QueueConsumer::Pump() {
  while (may_begin() && visible_ && acquisitions_.size() < receiving_allowed_ &&
         acquisitions_.size() + batches_.size() < mapping_.lanes_max()) {
    Acquire();
  }
}

void QueueConsumer::Acquire() {
  const uint64_t lane = next_lane_++;
  Acquisition& acquisition = acquisitions_[lane];
  acquisition.wait =
      services_.sink.ReserveSlot(mapping_.function, mapping_.qualifier,
                                 [weak = weak_.Get(), lane](Result<std::unique_ptr<EventSink::Slot>> slot) {
                                   if (weak) weak->OnSlot(lane, std::move(slot));
                                 });
}

void QueueConsumer::OnSlot(uint64_t lane, Result<std::unique_ptr<EventSink::Slot>> slot) {
  const auto found = acquisitions_.find(lane);
  if (found == acquisitions_.end()) return;
  if (!slot.ok()) {
    Discard(acquisitions_.extract(found));
    ++counters_.throttled;
    return Wait(slot.error().message);
  }
  // Another lane may have found the queue empty meanwhile.
  if (!visible_ || !mapping_.enabled) return Discard(acquisitions_.extract(found));
  found->second.slot = std::move(slot).value();
  Receive(lane);
}

// The wait calls from inside itself: it goes once that call is over.
void QueueConsumer::Discard(Acquisitions::node_type lane) {
  services_.executor.Post([held = std::make_shared<Acquisition>(std::move(lane.mapped()))] {});
}

void QueueConsumer::Receive(uint64_t lane) {
  const seconds lease = std::max(visibility_timeout_, kLeaseMin);
  acquisitions_[lane].lease = lease;
  const uint32_t asked = mapping_.batch_size;
  services_.queues.Receive(
      mapping_.queue, {.count = asked, .visibility = lease, .lease_total_max = seconds(0)},
      [weak = weak_.Get(), lane, asked, belief = belief_](Result<std::vector<QueueMessage>> received) {
        if (weak) weak->OnReceived(lane, belief, asked, std::move(received));
      });
}

void QueueConsumer::OnReceived(uint64_t lane, uint64_t belief, uint32_t asked,
                               Result<std::vector<QueueMessage>> received) {
  auto acquisition = acquisitions_.extract(lane);
  CHECK_TRUE(!acquisition.empty());
  if (!received.ok()) {
    Wait(received.error().message);
    return CheckIdle();
  }
  if (closed_) {
    ReturnMessages(*received);
    return CheckIdle();
  }
  Believe(*received, asked, belief);
  if (!received->empty()) Begin(lane, std::move(acquisition.mapped()), std::move(received).value());
  Pump();
}

void QueueConsumer::Believe(const std::vector<QueueMessage>& received, uint32_t asked, uint64_t belief) {
  uint64_t bytes = 0;
  for (const QueueMessage& message : received) bytes += message.body.size();
  // The store stops at kReceiveBytesMax: an answer near it says nothing of what is left.
  const bool full = received.size() >= asked || bytes >= kReceiveBytesMax / 2;
  receiving_allowed_ = full ? std::min(receiving_allowed_ * 2, kReceivingMax) : 1;
  if (mapping_.window > seconds(0)) {
    visible_ = false;
    return Look();
  }
  if (full) {
    visible_ = true;
  } else if (belief == belief_) {
    visible_ = false;
  }
}

void QueueConsumer::Begin(uint64_t lane, Acquisition acquisition, std::vector<QueueMessage> messages) {
  const QueueAddress address{services_.region, services_.account, mapping_.queue};
  QueueEvent event = EncodeQueueEvent(address, messages, kPayloadBytesMax);
  if (event.messages < messages.size()) {
    ReturnMessages(std::span<const QueueMessage>(messages).subspan(event.messages));
    messages.resize(event.messages);
  }
  QueueBatch::Plan plan;
  plan.queue = mapping_.queue;
  plan.visibility_timeout = visibility_timeout_;
  plan.lease = acquisition.lease;
  plan.reports_item_failures = mapping_.reports_item_failures;
  plan.event.request_id = RequestId::Make(services_.random);
  plan.event.function = mapping_.function;
  plan.event.qualifier = mapping_.qualifier;
  plan.event.trigger = TriggerKind::kQueue;
  plan.event.payload = std::move(event.payload);
  for (QueueMessage& message : messages) {
    plan.event.attempt = std::max(plan.event.attempt, message.receive_count);
    plan.message_ids.push_back(std::move(message.message_id));
    plan.handles.push_back(std::move(message.receipt_handle));
  }
  auto batch = std::make_unique<QueueBatch>(
      services_, std::move(plan),
      [this, lane](const BatchSettlement& settlement) { OnSettled(lane, settlement); });
  batches_.emplace(lane, std::move(batch)).first->second->Run(std::move(acquisition.slot));
}

void QueueConsumer::ReturnMessages(std::span<const QueueMessage> messages) {
  if (messages.empty()) return;
  std::vector<std::string> handles;
  for (const QueueMessage& message : messages) handles.push_back(message.receipt_handle);
  ++returning_;
  services_.queues.Return(mapping_.queue, std::move(handles),
                          [weak = weak_.Get()](const Result<std::vector<Status>>&) {
                            if (!weak) return;  // a failure here: they return when their lease runs out
                            --weak->returning_;
                            weak->CheckIdle();
                          });
}

void QueueConsumer::OnSettled(uint64_t lane, const BatchSettlement& settlement) {
  batches_.erase(lane);
  counters_.messages_deleted += settlement.deleted;
  counters_.messages_failed += settlement.failed;
  counters_.leases_lost += settlement.leases_lost;
  if (settlement.kind == BatchSettlement::Kind::kGivenBack) {
    ++counters_.throttled;
    Wait(settlement.error);
    return CheckIdle();
  }
  back_off_.Reset();
  counters_.last_error = settlement.error;
  ++(settlement.deleted > 0 ? counters_.batches_succeeded : counters_.batches_failed);
  Pump();
  CheckIdle();
}

void QueueConsumer::Wait(std::string why) {
  counters_.last_error = std::move(why);
  receiving_allowed_ = 1;
  if (closed_ || backing_off_) return;
  backing_off_ = true;
  back_off_timer_ = services_.executor.After(back_off_.Next(services_.random), [this] {
    backing_off_ = false;
    Look();
  });
}

void QueueConsumer::CheckIdle() {
  if (!closed_ || !acquisitions_.empty() || !batches_.empty() || returning_ > 0) return;
  if (auto idle = std::exchange(idle_, nullptr)) idle();
}

}  // namespace hearth
