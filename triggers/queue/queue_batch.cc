#include "triggers/queue/queue_batch.h"

#include <unordered_set>

#include "triggers/queue/queue_event_json.h"

namespace hearth {
namespace {

// The event itself is at fault and would be again; with any other error nothing ran for reasons that pass.
bool IsFaultOfEvent(ErrorCode code) {
  return code == ErrorCode::kTooLarge || code == ErrorCode::kInvalidArgument;
}

std::string Describe(const Outcome& outcome) {
  return outcome.error.type.empty() ? std::string(NameOf(outcome.kind))
                                    : outcome.error.type + ": " + outcome.error.message;
}

}  // namespace

QueueBatch::QueueBatch(QueueServices& services, Plan plan, OnSettled settled)
    : services_(services), plan_(std::move(plan)), settled_(std::move(settled)) {}

void QueueBatch::Run(std::unique_ptr<EventSink::Slot> slot) {
  ArmRenewal();
  services_.sink.DeliverOn(std::move(slot), std::move(plan_.event),
                           [weak = weak_.Get()](Result<Outcome> outcome) {
                             if (weak) weak->OnOutcome(std::move(outcome));
                           });
}

void QueueBatch::ArmRenewal() {
  renewal_ = services_.executor.After(plan_.lease / kRenewalsPerLease, [this] { Renew(); });
}

void QueueBatch::Renew() {
  renewed_ = true;
  services_.queues.ChangeVisibility(plan_.queue, plan_.handles, plan_.lease,
                                    [weak = weak_.Get()](Result<std::vector<Status>> renewed) {
                                      if (weak) weak->OnRenewed(std::move(renewed));
                                    });
  ArmRenewal();
}

void QueueBatch::OnRenewed(Result<std::vector<Status>> renewed) {
  if (!renewed.ok()) {
    services_.log.Warn("queue: a lease was not renewed; tried again before it runs out",
                       {{"queue", plan_.queue}, {"error", renewed.error().message}});
    return;
  }
  uint64_t lost = 0;
  for (const Status& one : *renewed) lost += !one.ok() && one.error().code == ErrorCode::kNotFound;
  settlement_.leases_lost = std::max(settlement_.leases_lost, lost);
}

void QueueBatch::OnOutcome(Result<Outcome> outcome) {
  if (!outcome.ok()) {
    const Error& error = outcome.error();
    return IsFaultOfEvent(error.code) ? FailAll(error.message) : GiveBack(error.message);
  }
  if (outcome->ok()) return OnAnswer(outcome->payload);
  if (!IsBillable(outcome->kind)) return GiveBack(Describe(*outcome));
  FailAll(Describe(*outcome));
}

void QueueBatch::OnAnswer(const std::string& answer) {
  BatchVerdict verdict;
  if (plan_.reports_item_failures) verdict = JudgeBatchAnswer(answer, plan_.message_ids);
  if (verdict.whole_batch_failed) return FailAll("the whole batch counts as failed: " + verdict.why);
  const std::unordered_set<std::string> failed(verdict.failed.begin(), verdict.failed.end());
  for (size_t i = 0; i < plan_.handles.size(); ++i) {
    (failed.contains(plan_.message_ids[i]) ? failed_handles_ : done_handles_).push_back(plan_.handles[i]);
  }
  if (!failed.empty()) {
    settlement_.error = std::to_string(failed.size()) + " of " + std::to_string(plan_.handles.size()) +
                        " messages were reported as failed";
  }
  Delete();
}

void QueueBatch::GiveBack(std::string why) {
  renewal_.Cancel();
  settlement_.kind = BatchSettlement::Kind::kGivenBack;
  settlement_.error = std::move(why);
  services_.queues.Return(
      plan_.queue, plan_.handles, [weak = weak_.Get()](Result<std::vector<Status>> returned) {
        if (!weak) return;
        if (!returned.ok()) {
          weak->services_.log.Warn(
              "queue: messages could not be given back; they return when their lease runs out",
              {{"queue", weak->plan_.queue}, {"error", returned.error().message}});
        }
        weak->Settle();
      });
}

void QueueBatch::FailAll(std::string why) {
  settlement_.error = std::move(why);
  failed_handles_ = plan_.handles;
  FailRest();
}

void QueueBatch::Delete() {
  if (done_handles_.empty()) return FailRest();
  services_.queues.Delete(plan_.queue, done_handles_,
                          [weak = weak_.Get()](Result<std::vector<Status>> deleted) {
                            if (weak) weak->OnDeleted(std::move(deleted));
                          });
}

void QueueBatch::OnDeleted(Result<std::vector<Status>> deleted) {
  if (deleted.ok()) {
    for (const Status& one : *deleted) settlement_.deleted += one.ok();
    return FailRest();
  }
  // Kept under its lease meanwhile: only then does a full disk not run a job twice.
  const milliseconds wait = delete_back_off_.Next(services_.random);
  if (delete_back_off_.failures() < kDeleteTries) {
    delete_again_ = services_.executor.After(wait, [this] { Delete(); });
    return;
  }
  settlement_.error =
      "messages that succeeded could not be deleted and will run again: " + deleted.error().message;
  services_.log.Error(settlement_.error, {{"queue", plan_.queue}});
  FailRest();
}

void QueueBatch::FailRest() {
  renewal_.Cancel();
  settlement_.failed = failed_handles_.size();
  // An untouched lease of the right length brings them back by itself.
  const bool by_itself = !renewed_ && plan_.lease == plan_.visibility_timeout;
  if (failed_handles_.empty() || by_itself) return Settle();
  services_.queues.ChangeVisibility(plan_.queue, failed_handles_, plan_.visibility_timeout,
                                    [weak = weak_.Get()](const Result<std::vector<Status>>&) {
                                      if (weak) weak->Settle();  // a failure here: they return with the lease
                                    });
}

void QueueBatch::Settle() {
  const OnSettled settled = settled_;  // `this` may go in the call
  settled(std::move(settlement_));
}

}  // namespace hearth
