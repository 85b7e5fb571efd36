#include "triggers/queue/queue_batch.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <unordered_set>

namespace hearth {
namespace {

std::string Describe(const Outcome& outcome) {
  return outcome.error.type.empty() ? std::string(NameOf(outcome.kind))
                                    : outcome.error.type + ": " + outcome.error.message;
}

}  // namespace

QueueBatch::QueueBatch(QueueServices& services, Plan plan, OnSettled settled)
    : services_(services),
      plan_(std::move(plan)),
      settled_(std::move(settled)),
      fates_(plan_.messages.size(), Fate::kLeased),
      lost_(plan_.messages.size(), false) {
  if (plan_.bisects) return;
  for (QueueMessage& message : plan_.messages) std::string().swap(message.body);  // it is in the payload
}

void QueueBatch::Run(std::unique_ptr<EventSink::Slot> slot) {
  running_.members.resize(plan_.messages.size());
  std::iota(running_.members.begin(), running_.members.end(), size_t{0});
  ArmRenewal(plan_.lease / kRenewalsPerLease);
  Deliver(std::move(slot), std::move(plan_.payload));
}

// Each run is an invocation of its own, with its own request id; the attempt says how often its messages were
// received, plus the halvings since.
void QueueBatch::Deliver(std::unique_ptr<EventSink::Slot> slot, std::string payload) {
  ++runs_;
  Event event;
  event.request_id = RequestId::Make(services_.random);
  request_id_ = event.request_id.text();
  event.function = plan_.function;
  event.qualifier = plan_.qualifier;
  event.trigger = TriggerKind::kQueue;
  event.payload = std::move(payload);
  for (const size_t member : running_.members) {
    event.attempt = std::max(event.attempt, plan_.messages[member].receive_count + running_.depth);
  }
  services_.sink.DeliverOn(std::move(slot), std::move(event), [weak = weak_.Get()](Result<Outcome> outcome) {
    if (weak) weak->OnOutcome(std::move(outcome));
  });
}

std::string QueueBatch::EncodePart() {
  std::vector<QueueMessage> messages;
  for (const size_t member : running_.members) messages.push_back(plan_.messages[member]);
  return EncodeQueueEvent(plan_.address, messages, std::numeric_limits<size_t>::max()).payload;
}

void QueueBatch::Next() {
  while (!parts_.empty()) {
    running_ = std::move(parts_.back());
    parts_.pop_back();
    LeaveOut(running_);
    if (running_.members.empty()) continue;
    slot_wait_ = services_.sink.ReserveSlot(
        plan_.function, plan_.qualifier, [weak = weak_.Get()](Result<std::unique_ptr<EventSink::Slot>> slot) {
          if (weak) weak->OnSlot(std::move(slot));
        });
    return;
  }
  LetGo();
}

void QueueBatch::OnSlot(Result<std::unique_ptr<EventSink::Slot>> slot) {
  // The wait calls from inside itself: it goes once that call is over.
  services_.executor.Post([held = std::shared_ptr<EventSink::SlotWait>(std::move(slot_wait_))] {});
  if (!slot.ok()) return OnNotRun(slot.error());
  Deliver(std::move(slot).value(), EncodePart());
}

void QueueBatch::ArmRenewal(nanoseconds after) {
  renewal_ = services_.executor.After(after, [this] { Renew(); });
}

void QueueBatch::Renew() {
  renewed_ = true;
  std::vector<size_t> held;
  for (size_t i = 0; i < fates_.size(); ++i) {
    if (fates_[i] != Fate::kDeleted) held.push_back(i);
  }
  ArmRenewal(plan_.lease / kRenewalsPerLease);
  services_.queues.ChangeVisibility(plan_.address.queue, HandlesOf(held), plan_.lease,
                                    [weak = weak_.Get(), held](Result<std::vector<Status>> answers) {
                                      if (weak) weak->OnRenewed(held, std::move(answers));
                                    });
}

void QueueBatch::OnRenewed(const std::vector<size_t>& held, Result<std::vector<Status>> answers) {
  if (!answers.ok()) {
    services_.log.Warn("queue: a lease was not renewed; tried again before it runs out",
                       {{"queue", plan_.address.queue}, {"error", answers.error().message}});
    if (renewal_.armed()) ArmRenewal(std::min<nanoseconds>(kRenewAgain, plan_.lease / kRenewalsPerLease));
    return;
  }
  for (size_t i = 0; i < answers->size() && i < held.size(); ++i) {
    const Status& one = (*answers)[i];
    const bool gone = !one.ok() && one.error().code == ErrorCode::kNotFound;
    if (!gone || lost_[held[i]] || fates_[held[i]] == Fate::kDeleted) continue;
    lost_[held[i]] = true;
    ++settlement_.leases_lost;
  }
}

void QueueBatch::OnOutcome(Result<Outcome> outcome) {
  if (!outcome.ok()) return OnNotRun(outcome.error());
  if (outcome->ok()) return OnAnswer(outcome->payload);
  if (!IsBillable(outcome->kind)) return OnNotRun({ErrorCode::kUnavailable, Describe(*outcome)});
  FailPart(Describe(*outcome));
}

void QueueBatch::OnAnswer(const std::string& answer) {
  BatchVerdict verdict;
  if (plan_.reports_item_failures) {
    std::vector<std::string> ids;
    for (const size_t member : running_.members) ids.push_back(plan_.messages[member].message_id);
    verdict = JudgeBatchAnswer(answer, ids);
  }
  if (verdict.whole_batch_failed) return FailPart("the whole batch counts as failed: " + verdict.why);
  const std::unordered_set<std::string_view> failed(verdict.failed.begin(), verdict.failed.end());
  for (const size_t member : running_.members) {
    const QueueMessage& message = plan_.messages[member];
    if (plan_.keeps_order && blocked_groups_.contains(message.group_id)) {
      fates_[member] = Fate::kReturned;  // it may have run, but after one that must come first
    } else if (failed.contains(message.message_id)) {
      Fail(member);
    } else {
      fates_[member] = Fate::kDone;
    }
  }
  if (!failed.empty()) {
    settlement_.error = std::to_string(failed.size()) + " of " + std::to_string(running_.members.size()) +
                        " messages were reported as failed";
  }
  Delete();
}

void QueueBatch::OnNotRun(const Error& error) {
  if (error.code == ErrorCode::kTooLarge || error.code == ErrorCode::kInvalidArgument) {
    return FailPart(error.message);  // the event itself is at fault and would be again
  }
  // Nothing ran, for reasons that pass. What has run as part of a batch that failed counts as failed.
  settlement_.throttled = error.code == ErrorCode::kThrottled;
  settlement_.error = error.message;
  if (runs_ <= 1 && !running_.has_run) settlement_.kind = BatchSettlement::Kind::kGivenBack;
  parts_.push_back(std::move(running_));
  for (const Part& part : parts_) {
    for (const size_t member : part.members) {
      if (part.has_run) {
        Fail(member);
      } else {
        fates_[member] = Fate::kReturned;
      }
    }
  }
  parts_.clear();
  LetGo();
}

void QueueBatch::Split() {
  const auto half = running_.members.begin() + static_cast<ptrdiff_t>((running_.members.size() + 1) / 2);
  Part second{{half, running_.members.end()}, running_.depth, running_.has_run};
  Part first{{running_.members.begin(), half}, running_.depth, running_.has_run};
  parts_.push_back(std::move(second));
  parts_.push_back(std::move(first));
  Next();
}

void QueueBatch::FailPart(std::string why) {
  settlement_.error = std::move(why);
  if (plan_.bisects && running_.members.size() > 1 && runs_ + parts_.size() + 2 <= kBisectionRunsMax) {
    ++settlement_.bisections;
    ++running_.depth;
    running_.has_run = true;
    return Split();
  }
  for (const size_t member : running_.members) Fail(member);
  Next();
}

void QueueBatch::Fail(size_t member) {
  const QueueMessage& message = plan_.messages[member];
  fates_[member] = Fate::kFailed;
  if (plan_.keeps_order) blocked_groups_.insert(message.group_id);
  if (plan_.receives_max == 0 || message.receive_count < plan_.receives_max) return;
  ++settlement_.exhausted;
  services_.log.Warn("queue: a message goes to the dead-letter queue once its visibility timeout is over",
                     {{"queue", plan_.address.queue},
                      {"dead_letter_queue", plan_.dead_letter_queue},
                      {"message", message.message_id},
                      {"request", request_id_},
                      {"error", settlement_.error}});
}

void QueueBatch::LeaveOut(Part& part) {
  std::erase_if(part.members, [&](size_t member) {
    if (lost_[member]) return true;
    if (!blocked_groups_.contains(plan_.messages[member].group_id)) return false;
    fates_[member] = Fate::kReturned;
    return true;
  });
}

void QueueBatch::Delete() {
  const std::vector<size_t> done = WithFate(Fate::kDone);
  if (done.empty()) return Next();
  services_.queues.Delete(plan_.address.queue, HandlesOf(done),
                          [weak = weak_.Get(), done](Result<std::vector<Status>> deleted) {
                            if (weak) weak->OnDeleted(done, std::move(deleted));
                          });
}

void QueueBatch::OnDeleted(const std::vector<size_t>& deleting, Result<std::vector<Status>> deleted) {
  if (!deleted.ok()) {
    // Kept under its lease meanwhile: only then does a full disk not run a job twice.
    const milliseconds wait = delete_back_off_.Next(services_.random);
    if (delete_back_off_.failures() < kDeleteTries) {
      delete_again_ = services_.executor.After(wait, [this] { Delete(); });
      return;
    }
    settlement_.error =
        "messages that succeeded could not be deleted and will run again: " + deleted.error().message;
    services_.log.Error(settlement_.error, {{"queue", plan_.address.queue}});
  } else {
    for (size_t i = 0; i < deleted->size(); ++i) {
      const Status& one = (*deleted)[i];
      settlement_.deleted += one.ok();
      // A FIFO queue does not take the delete of a lease that is over.
      const bool gone = !one.ok() && one.error().code == ErrorCode::kNotFound;
      settlement_.leases_lost += gone && !lost_[deleting[i]];
    }
  }
  delete_back_off_.Reset();
  for (const size_t member : deleting) fates_[member] = Fate::kDeleted;
  Next();
}

void QueueBatch::LetGo() {
  renewal_.Cancel();
  settlement_.failed = static_cast<uint64_t>(std::count(fates_.begin(), fates_.end(), Fate::kFailed));
  const std::vector<size_t> returned = WithFate(Fate::kReturned);
  settlement_.returned = returned.size();
  if (returned.empty()) return LetFailedWait();
  services_.queues.Return(
      plan_.address.queue, HandlesOf(returned), [weak = weak_.Get()](Result<std::vector<Status>> answers) {
        if (!weak) return;
        if (!answers.ok()) {
          weak->services_.log.Warn(
              "queue: messages could not be given back; they return when their lease runs out",
              {{"queue", weak->plan_.address.queue}, {"error", answers.error().message}});
        }
        weak->LetFailedWait();
      });
}

void QueueBatch::LetFailedWait() {
  const std::vector<size_t> failed = WithFate(Fate::kFailed);
  // An untouched lease of the right length brings them back by itself.
  const bool by_itself = !renewed_ && runs_ == 1 && plan_.lease == plan_.visibility_timeout;
  if (failed.empty() || by_itself) return Settle();
  services_.queues.ChangeVisibility(plan_.address.queue, HandlesOf(failed), plan_.visibility_timeout,
                                    [weak = weak_.Get()](const Result<std::vector<Status>>&) {
                                      if (weak) weak->Settle();  // a failure here: they return with the lease
                                    });
}

void QueueBatch::Settle() {
  const OnSettled settled = settled_;  // `this` may go in the call
  settled(std::move(settlement_));
}

std::vector<size_t> QueueBatch::WithFate(Fate fate) const {
  std::vector<size_t> members;
  for (size_t i = 0; i < fates_.size(); ++i) {
    if (fates_[i] == fate) members.push_back(i);
  }
  return members;
}

std::vector<std::string> QueueBatch::HandlesOf(const std::vector<size_t>& members) const {
  std::vector<std::string> handles;
  handles.reserve(members.size());
  for (const size_t member : members) handles.push_back(plan_.messages[member].receipt_handle);
  return handles;
}

}  // namespace hearth
