#include "triggers/queue/queue_consumer.h"

#include <algorithm>

#include "triggers/queue/queue_event_json.h"

namespace hearth {
namespace {

// The mapping was parsed, and so were its patterns.
std::shared_ptr<const FilterCriteria> CompileFilters(const QueueMapping& mapping) {
  auto criteria = FilterCriteria::Compile(mapping.filters);
  CHECK_TRUE(criteria.ok());
  return std::make_shared<const FilterCriteria>(std::move(*criteria));
}

}  // namespace

QueueConsumer::QueueConsumer(QueueServices& services, QueueMapping mapping)
    : services_(services),
      mapping_(std::move(mapping)),
      criteria_(CompileFilters(mapping_)),
      messages_asked_(mapping_.batch_size),
      window_(mapping_.lanes_max()),
      scout_(services, {.ready = [this] { Pump(); },
                        .failed = [this](std::string why) { counters_.last_error = std::move(why); }}) {}

void QueueConsumer::Start() {
  Watch();
  LookRegularly();
}

void QueueConsumer::Configure(QueueMapping mapping) {
  mapping_ = std::move(mapping);
  criteria_ = CompileFilters(mapping_);
  messages_asked_ = mapping_.batch_size;
  window_.SetMost(mapping_.lanes_max());
  counters_.last_error.clear();
  // A lane that only waits for a worker may wait for another function now; one that receives goes on.
  DropWaiting();
  EndWait();
  Start();
}

void QueueConsumer::Watch() {
  if (mapping_.enabled) {
    scout_.Watch(mapping_, criteria_);
  } else {
    scout_.Stop();
  }
}

void QueueConsumer::OnVisible() { scout_.OnVisible(); }

void QueueConsumer::Close(std::function<void()> idle) {
  closed_ = true;
  idle_ = std::move(idle);
  scout_.Stop();
  look_timer_.Cancel();
  back_off_timer_.Cancel();
  DropWaiting();
  services_.executor.Post([weak = weak_.Get()] {
    if (weak) weak->CheckIdle();
  });
}

void QueueConsumer::DropWaiting() {
  std::erase_if(acquisitions_, [this](const auto& lane) {
    if (lane.second.slot != nullptr) return false;
    scout_.Unclaim();
    return true;
  });
}

QueueMappingStatus QueueConsumer::status() const {
  QueueMappingStatus status = counters_;
  status.batches_in_flight = batches_.size();
  for (const auto& [number, lane] : batches_) status.messages_in_flight += lane.batch->messages();
  status.waiting_for_worker = acquisitions_.size();
  status.concurrency_allowed = window_.allowed();
  status.max_in_flight = uint64_t{mapping_.batch_size} * mapping_.lanes_max();
  status.filtered += scout_.filtered();
  status.state = mapping_.enabled ? "Enabled" : batches_.empty() ? "Disabled" : "Disabling";
  return status;
}

void QueueConsumer::LookRegularly() {
  look_timer_ = services_.executor.After(kLookEvery, [this] { LookRegularly(); });
  services_.queues.Describe(mapping_.queue, [weak = weak_.Get()](const Result<QueueDescription>& queue) {
    if (weak) weak->OnDescribed(queue);
  });
}

void QueueConsumer::OnDescribed(const Result<QueueDescription>& queue) {
  if (!queue.ok()) {
    counters_.last_error = queue.error().message;
    return;
  }
  queue_settings_ = queue->settings;
  if (!closed_) scout_.Look();
}

bool QueueConsumer::waits_for_worker() const {
  return std::any_of(acquisitions_.begin(), acquisitions_.end(),
                     [](const auto& lane) { return lane.second.slot == nullptr; });
}

void QueueConsumer::Pump() {
  while (may_begin() && scout_.ready() && !waits_for_worker() &&
         acquisitions_.size() < scout_.receiving_max(kReceivingMax) &&
         acquisitions_.size() + batches_.size() < window_.allowed()) {
    Acquire();
  }
}

void QueueConsumer::Acquire() {
  const uint64_t lane = next_lane_++;
  scout_.Claim();
  Acquisition& acquisition = acquisitions_[lane];
  acquisition.epoch = window_.epoch();
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
    const uint64_t epoch = found->second.epoch;
    Drop(acquisitions_.extract(found));
    ++counters_.throttled;
    if (slot.error().code == ErrorCode::kThrottled) window_.OnThrottled(epoch);
    return Wait(slot.error().message);
  }
  // Another lane may have found the queue empty meanwhile.
  if (!scout_.still_worthwhile() || !mapping_.enabled) return Drop(acquisitions_.extract(found));
  found->second.slot = std::move(slot).value();
  Receive(lane);
  Pump();
}

// The wait calls from inside itself: it goes once that call is over.
void QueueConsumer::Drop(Acquisitions::node_type lane) {
  scout_.Unclaim();
  services_.executor.Post([held = std::make_shared<Acquisition>(std::move(lane.mapped()))] {});
}

void QueueConsumer::Receive(uint64_t lane) {
  ReceiveRequest request;
  request.count = messages_asked_;
  request.visibility = std::max(queue_settings_.visibility_timeout, kLeaseMin);
  request.lease_total_max = seconds(0);  // it is renewed for as long as the worker lives
  acquisitions_[lane].lease = request.visibility;
  services_.queues.Receive(mapping_.queue, request,
                           [weak = weak_.Get(), lane, asked = request.count,
                            belief = scout_.belief()](Result<std::vector<QueueMessage>> received) {
                             if (weak) weak->OnReceived(lane, belief, asked, std::move(received));
                           });
}

void QueueConsumer::OnReceived(uint64_t lane, uint64_t belief, uint32_t asked,
                               Result<std::vector<QueueMessage>> received) {
  auto acquisition = acquisitions_.extract(lane);
  CHECK_TRUE(!acquisition.empty());
  if (!received.ok()) {
    scout_.Unclaim();
    Wait(received.error().message);
    return CheckIdle();
  }
  if (closed_) {
    scout_.Unclaim();
    ReturnMessages(*received);
    return CheckIdle();
  }
  uint64_t bytes = 0;
  for (const QueueMessage& message : *received) bytes += message.body.size();
  // The store stops at kReceiveBytesMax: an answer near it says nothing of what is left.
  const bool full = received->size() >= asked || bytes >= kReceiveBytesMax / 2;
  const size_t count = received->size();
  DeleteUnwanted(*received);
  if (!received->empty()) Begin(lane, std::move(acquisition.mapped()), std::move(received).value());
  scout_.OnReceived(belief, count, full);
  Pump();
}

// They came since the look, or another lane took what the look had seen.
void QueueConsumer::DeleteUnwanted(std::vector<QueueMessage>& messages) {
  if (criteria_->wants_all()) return;
  const QueueAddress address{services_.region, services_.account, mapping_.queue};
  const auto unwanted =
      std::stable_partition(messages.begin(), messages.end(), [&](const QueueMessage& message) {
        return criteria_->Wants(address, message, FilterCriteria::Seen::kReceived);
      });
  if (unwanted == messages.end()) return;
  std::vector<std::string> handles;
  for (auto it = unwanted; it != messages.end(); ++it) handles.push_back(std::move(it->receipt_handle));
  messages.erase(unwanted, messages.end());
  ++calls_pending_;
  services_.queues.Delete(mapping_.queue, std::move(handles),
                          [weak = weak_.Get()](const Result<std::vector<Status>>& deleted) {
                            if (!weak) return;
                            // A failure here: they return with their lease, and are looked at again.
                            if (deleted.ok()) weak->counters_.filtered += deleted->size();
                            --weak->calls_pending_;
                            weak->CheckIdle();
                          });
}

void QueueConsumer::Begin(uint64_t lane, Acquisition acquisition, std::vector<QueueMessage> messages) {
  QueueBatch::Plan plan;
  plan.address = {services_.region, services_.account, mapping_.queue};
  QueueEvent event = EncodeQueueEvent(plan.address, messages, services_.payload_bytes_max);
  if (event.messages < messages.size()) {
    ReturnMessages(std::span<const QueueMessage>(messages).subspan(event.messages));
    messages.resize(event.messages);
    messages_asked_ = static_cast<uint32_t>(event.messages);
  } else if (event.messages >= messages_asked_) {
    messages_asked_ = std::min(mapping_.batch_size, messages_asked_ * 2);
  }
  plan.function = mapping_.function;
  plan.qualifier = mapping_.qualifier;
  plan.lease = acquisition.lease;
  plan.visibility_timeout = queue_settings_.visibility_timeout;
  plan.receives_max = queue_settings_.receives_max;
  plan.dead_letter_queue = queue_settings_.dead_letter_queue;
  plan.reports_item_failures = mapping_.reports_item_failures;
  plan.bisects = mapping_.bisects;
  plan.keeps_order = mapping_.fifo();
  plan.messages = std::move(messages);
  plan.payload = std::move(event.payload);
  auto batch = std::make_unique<QueueBatch>(
      services_, std::move(plan),
      [this, lane](const BatchSettlement& settlement) { OnSettled(lane, settlement); });
  Lane& begun = batches_[lane];
  begun.epoch = acquisition.epoch;
  begun.batch = std::move(batch);
  begun.batch->Run(std::move(acquisition.slot));
}

void QueueConsumer::ReturnMessages(std::span<const QueueMessage> messages) {
  if (messages.empty()) return;
  std::vector<std::string> handles;
  for (const QueueMessage& message : messages) handles.push_back(message.receipt_handle);
  ++calls_pending_;
  services_.queues.Return(mapping_.queue, std::move(handles),
                          [weak = weak_.Get()](const Result<std::vector<Status>>&) {
                            if (!weak) return;  // a failure here: they return when their lease runs out
                            --weak->calls_pending_;
                            weak->CheckIdle();
                          });
}

void QueueConsumer::OnSettled(uint64_t lane, const BatchSettlement& settlement) {
  const size_t under_way = batches_.size() + acquisitions_.size();
  const uint64_t epoch = batches_.extract(lane).mapped().epoch;
  counters_.messages_deleted += settlement.deleted;
  counters_.messages_failed += settlement.failed;
  counters_.exhausted += settlement.exhausted;
  counters_.bisections += settlement.bisections;
  counters_.leases_lost += settlement.leases_lost;
  const bool ran = settlement.kind == BatchSettlement::Kind::kRan;
  if (ran) ++(settlement.deleted > 0 ? counters_.batches_succeeded : counters_.batches_failed);
  if (settlement.throttled) window_.OnThrottled(epoch);
  if (!ran || settlement.throttled) {
    ++counters_.throttled;
    Wait(settlement.error);
  } else {
    window_.OnRan(under_way);
    EndWait();
    counters_.last_error = settlement.error;
  }
  // Groups that were held up by this batch are free again.
  if (mapping_.fifo()) scout_.Look();
  Pump();
  CheckIdle();
}

void QueueConsumer::Wait(std::string why) {
  counters_.last_error = std::move(why);
  scout_.OnThrottled();
  if (closed_ || backing_off_) return;
  backing_off_ = true;
  back_off_timer_ = services_.executor.After(back_off_.Next(services_.random), [this] {
    backing_off_ = false;
    scout_.Look();
    Pump();
  });
}

void QueueConsumer::EndWait() {
  back_off_.Reset();
  back_off_timer_.Cancel();
  backing_off_ = false;
}

void QueueConsumer::CheckIdle() {
  if (!closed_ || !acquisitions_.empty() || !batches_.empty() || calls_pending_ > 0) return;
  if (auto idle = std::exchange(idle_, nullptr)) idle();
}

}  // namespace hearth
