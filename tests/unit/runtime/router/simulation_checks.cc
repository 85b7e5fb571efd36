#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

#include "runtime/meter/billed_duration.h"
#include "tests/unit/runtime/router/simulation.h"

namespace hearth {
namespace {

using Identity = std::pair<std::string, uint32_t>;  // request id, attempt

std::string Text(const Identity& identity) {
  return identity.first + " attempt " + std::to_string(identity.second);
}

}  // namespace

std::vector<std::string> Simulation::Broken() {
  std::vector<std::string> broken = unexpected_;
  CheckEvents(broken);
  CheckAsked(broken);
  CheckLedger(broken);
  CheckDestinations(broken);
  CheckNothingLeaks(broken);
  return broken;
}

std::vector<InvocationRecord> Simulation::Records() const {
  std::vector<InvocationRecord> records;
  (void)ledger_.Read(0, [&records](uint64_t, std::string_view bytes) {
    if (auto record = DecodeRecord(bytes); record.ok()) records.push_back(std::move(record).value());
    return true;
  });
  return records;
}

// What was accepted has one end, and the end is what the ledger says.
void Simulation::CheckEvents(std::vector<std::string>& broken) const {
  std::map<std::string, int> successes;
  for (const InvocationRecord& record : Records())
    successes[record.request_id] += record.outcome == OutcomeKind::kSuccess ? 1 : 0;
  for (const auto& [id, sent] : sent_) {
    const AsyncInvocation* known = book_->Find(RequestId(id));
    const int succeeded = successes.count(id) != 0 ? successes.at(id) : 0;
    if (sent.accepted && known == nullptr) broken.push_back(id + " was accepted, and nobody knows it");
    // What was written down before a crash and never accepted may stay known for a time.
    if (sent.accepted && known != nullptr && !HasEnded(known->state))
      broken.push_back(id + " has not ended: it is " + std::string(NameOf(known->state)));
    if (succeeded > 1) broken.push_back(id + " ran to success " + std::to_string(succeeded) + " times");
    if (known == nullptr || !HasEnded(known->state)) continue;
    const bool says_success = known->state == AsyncState::kSucceeded;
    if (says_success != (succeeded == 1)) {
      broken.push_back(id + " is " + std::string(NameOf(known->state)) + " with " +
                       std::to_string(succeeded) + " successes in the ledger");
    }
  }
}

// Whoever waited was told once, unless the daemon went.
void Simulation::CheckAsked(std::vector<std::string>& broken) const {
  std::set<std::string> succeeded;
  for (const InvocationRecord& record : Records()) {
    if (record.outcome == OutcomeKind::kSuccess) succeeded.insert(record.request_id);
  }
  for (const auto& [id, asked] : asked_) {
    if (asked.told > 1) broken.push_back(id + " was told " + std::to_string(asked.told) + " outcomes");
    if (asked.told == 0 && asked.life == life_) broken.push_back(id + " was never told its outcome");
    if (asked.succeeded && succeeded.count(id) == 0)
      broken.push_back(id + " was told a success that has no record");
  }
}

// Each run has one record and each record one run, with the time that the worker saw.
void Simulation::CheckLedger(std::vector<std::string>& broken) const {
  std::map<Identity, std::vector<const FakeLauncher::Ran*>> runs;
  std::map<Identity, size_t> unread;  // workers that died before they had read it
  for (const FakeLauncher::Ran& ran : launcher_.ran()) {
    const Identity identity{ran.request_id, ran.attempt};
    // One too many, and it counts as that one's crash.
    if (ran.delivered || ++unread[identity] > Router::kUndeliveredMax) runs[identity].push_back(&ran);
  }
  std::map<Identity, size_t> records;
  const std::vector<InvocationRecord> all = Records();
  for (const InvocationRecord& record : all) {
    const Identity identity{record.request_id, record.attempt};
    if (++records[identity] > 1) broken.push_back(Text(identity) + " has two records");
    const auto run = runs.find(identity);
    if (run == runs.end()) {
      // The daemon died before the worker could say that it never had the event.
      if (record.outcome != OutcomeKind::kInterrupted)
        broken.push_back(Text(identity) + " has a record and never ran");
      continue;
    }
    const bool told = std::any_of(run->second.begin(), run->second.end(), [&](const auto* ran) {
      if (!ran->ended) return record.outcome == OutcomeKind::kInterrupted && record.billed_ms == 0;
      const uint64_t billed = IsBillable(ran->kind) ? BilledMs(nanoseconds(0), ran->duration) : 0;
      return ran->kind == record.outcome && record.billed_ms == billed &&
             record.duration_ns == static_cast<uint64_t>(ran->duration.count());
    });
    if (!told) broken.push_back(Text(identity) + " has a record of something else than what ran");
  }
  size_t missing = 0;
  for (const auto& [identity, ran] : runs) {
    if (ran.size() > 1 && unrecorded_ == 0) broken.push_back(Text(identity) + " ran twice under one number");
    if (records.count(identity) != 0) continue;
    ++missing;
    if (unrecorded_ == 0) broken.push_back(Text(identity) + " ran and has no record");
  }
  if (missing > unrecorded_)
    broken.push_back(std::to_string(missing) + " runs have no record, " + std::to_string(unrecorded_) +
                     " ended while the ledger took nothing");
}

// Each end is told once.
void Simulation::CheckDestinations(std::vector<std::string>& broken) {
  std::map<std::string, uint32_t> told;
  user_queues_.Peek("told", kReceiveBatchMax, [&told](const Result<std::vector<QueueMessage>>& messages) {
    for (const QueueMessage& message : messages.value()) {
      const auto document = nlohmann::json::parse(message.body);
      ++told[document["requestContext"]["requestId"].get<std::string>()];
    }
  });
  executor_.RunPosted();
  for (const auto& [id, sent] : sent_) {
    const AsyncInvocation* known = book_->Find(RequestId(id));
    if (known == nullptr || !HasEnded(known->state)) continue;
    const uint32_t times = told.count(id) != 0 ? told.at(id) : 0;
    const bool tells = known->state != AsyncState::kCancelled;
    if (tells && times == 0) broken.push_back(id + " ended and no destination heard of it");
    if (times > 1 + sent.retries)
      broken.push_back(id + " ended and was told " + std::to_string(times) + " times, sent again by hand " +
                       std::to_string(sent.retries));
  }
}

// With no work left nothing is held: no flight, no slot, no worker once the pools are drained.
void Simulation::CheckNothingLeaks(std::vector<std::string>& broken) {
  if (router_->in_flight() != 0)
    broken.push_back(std::to_string(router_->in_flight()) + " events are still under way");
  if (const size_t open = OpenAttempts().size(); open != 0)
    broken.push_back(std::to_string(open) + " attempts are still open");
  for (const WarmPool* pool : pools_->pools()) {
    if (pool->counts().busy != 0) broken.push_back("a worker of " + pool->version().function + " is busy");
    if (pool->counts().waiting != 0) broken.push_back("somebody waits for " + pool->version().function);
  }
  bool drained = false;
  async_->Stop();
  pools_->Drain([&drained] { drained = true; });
  launcher_.LetAllStart();
  executor_.RunPosted();
  executor_.Advance(seconds(60));
  if (!drained) broken.emplace_back("the pools do not come to an end");
  if (const size_t alive = launcher_.workers_alive(); alive != 0)
    broken.push_back(std::to_string(alive) + " workers are left over");
  if (const uint64_t used = pools_->memory_used().count; used != 0)
    broken.push_back(std::to_string(used) + " bytes of memory are left over");
}

// Breaks one thing that the code under test cannot know of.
void Simulation::Plant() {
  const auto ended = std::find_if(sent_.begin(), sent_.end(), [this](const auto& sent) {
    const AsyncInvocation* known = book_->Find(RequestId(sent.first));
    return known != nullptr && known->state == AsyncState::kSucceeded;
  });
  switch (planted_) {
    case Planted::kNothing:
      return;
    case Planted::kEventLost: {
      Event event = EventFor("resize");
      const std::string id = event.request_id.text();
      router_->Submit(std::move(event), [this, id](const Status& accepted) {
        sent_[id].accepted = accepted.ok();
        queues_.Purge("resize", [](const Status&) {});
      });
      return executor_.RunPosted();
    }
    case Planted::kRecordLost:
      ledger_.LoseNext();
      return Ask();
    case Planted::kRecordInvented: {
      InvocationRecord record;
      record.request_id = RequestId::Make(random_).text();
      record.function = "resize";
      record.version = "$LATEST";
      (void)ledger_.Append(EncodeRecord(record).value());
      return;
    }
    case Planted::kTimeInvented:
      launcher_.LieAboutNext(milliseconds(1));
      return Ask();
    case Planted::kWorkerKept:
      kept_wait_ = router_->ReserveSlot("mail", "", [this](Result<std::unique_ptr<EventSink::Slot>> slot) {
        if (slot.ok()) kept_ = std::move(slot).value();
      });
      return;
    case Planted::kEndToldTwice: {
      NewMessage message;
      message.body = nlohmann::json{{"requestContext", {{"requestId", ended->first}}}}.dump();
      user_queues_.Send("told", {message}, [](const auto&) {});
      return executor_.RunPosted();
    }
    case Planted::kRunAgain: {
      Event event = EventFor(ended->second.function);
      event.request_id = RequestId(ended->first);
      event.attempt = 99;
      router_->Deliver(std::move(event), [](const auto&) {});
    }
  }
}

}  // namespace hearth
