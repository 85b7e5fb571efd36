#include "tests/unit/runtime/router/simulation.h"

#include <algorithm>
#include <fstream>

namespace hearth {
namespace {

constexpr size_t kSlots = 64;
constexpr const char* kToldQueue = "told";

}  // namespace

Simulation::Simulation(uint64_t seed, Planted planted)
    : RouterFixture(seed), planted_(planted), choose_(seed) {
  book_options_.kept_for = std::chrono::hours(24 * 365);
  node_memory_ = 768_MiB;  // six workers of all functions together: they compete
  // Runs take seconds here: events stand behind others all the same.
  pool_limits_.prefetch = {8, std::chrono::hours(1), std::chrono::hours(1), seconds(1)};
  launcher_.workers_take_ahead = true;
  UseSlots(kSlots);
  user_queues_.Create(kToldQueue, {}, [](const Status&) {});
  for (const std::string& function : functions_) {
    FunctionSettings settings;
    settings.timeout = seconds(30);
    if (function == "index") settings.isolation = Isolation::kInvocation;
    Deploy(function, settings);
    EventInvokeConfig config;
    config.on_success = config.on_failure = std::string("arn:aws:sqs:us-east-1:000000000000:") + kToldQueue;
    config.retries_max = static_cast<uint32_t>(Below(3));
    configs_->Put(function, "", config, [](const Status&) {});
  }
  executor_.RunPosted();
}

// --- what may happen ---

void Simulation::Live(size_t steps) {
  for (size_t step = 0; step < steps; ++step) {
    const bool recorded = !ledger_.full();
    const size_t ended = RunsThatEnded();
    Step();
    if (!recorded) unrecorded_ += RunsThatEnded() - ended;
    // A crash may find what was posted still to be done.
    if (Below(4) != 0) executor_.RunPosted();
  }
  executor_.RunPosted();
}

size_t Simulation::RunsThatEnded() const {
  return static_cast<size_t>(
      std::count_if(launcher_.ran().begin(), launcher_.ran().end(),
                    [](const FakeLauncher::Ran& ran) { return ran.ended && ran.delivered; }));
}

void Simulation::Step() {
  const uint64_t draw = Below(100);
  if (draw < 16) return SendEvent();
  if (draw < 26) return Ask();
  if (draw < 46) return StartOrFail();
  if (draw < 70) return EndARun();
  if (draw < 72) return KillAnIdleWorker();
  if (draw < 86) return PassTime();
  if (draw < 87) return StepTheWallClock();
  if (draw < 90) return FailAStore();
  if (draw < 91) return TurnTheLedger();
  if (draw < 92) return DeployAnew();
  if (draw < 93) return TakeBackOrWithdraw();
  if (draw < 94) return ReserveAnew();
  if (draw < 98) return CancelOrRetry();
  Crash();
}

void Simulation::SendEvent() {
  Event event = EventFor(AFunction());
  event.trigger = Below(3) == 0 ? TriggerKind::kBucket : TriggerKind::kDirect;
  const std::string function = event.function;
  const std::string id = event.request_id.text();
  if (Below(5) == 0) event.idempotency_key = "key-" + std::to_string(Below(4));
  const std::string key = event.idempotency_key;
  sent_[id].function = function;
  router_->Submit(std::move(event), [this, life = life_, id, function, key](const Status& accepted) {
    if (life != life_ || !accepted.ok()) return;  // its caller has gone, or knows that it failed
    const AsyncInvocation* first = key.empty() ? nullptr : async_->FindKey(function, key);
    if (!key.empty() && first == nullptr) {
      unexpected_.push_back(id + " was accepted by its key, and nobody knows the key");
      return;
    }
    sent_[key.empty() ? id : first->request_id.text()].accepted = true;
  });
}

void Simulation::Ask() {
  Event event = EventFor(AFunction());
  const std::string id = event.request_id.text();
  asked_[id].life = life_;
  asked_[id].delivery = router_->Deliver(std::move(event), [this, id](const Result<Outcome>& outcome) {
    Asked& asked = asked_[id];
    ++asked.told;
    asked.succeeded = outcome.ok() && outcome->ok();
  });
}

void Simulation::StartOrFail() {
  while (launcher_.preparing() > 0) launcher_.LetOnePrepare();  // of a deploy, ahead of its events
  if (launcher_.starts_waiting() == 0) return;
  if (Below(8) == 0) return launcher_.FailOneStart({ErrorCode::kUnavailable, "no memory for it"});
  launcher_.LetOneStart();
}

void Simulation::EndARun() {
  if (launcher_.running().empty()) return;
  const WorkerId worker = launcher_.running()[Below(launcher_.running().size())];
  const uint64_t draw = Below(20);
  if (draw == 0) return launcher_.VanishBeforeDelivery(worker);
  if (draw < 4) return launcher_.FailOnWorker(worker, OutcomeKind::kFunctionError, "Oops");
  if (draw < 5) return launcher_.FailOnWorker(worker, OutcomeKind::kCrash, "Runtime.ExitError");
  if (draw < 6) return launcher_.FailOnWorker(worker, OutcomeKind::kTimeout, "Sandbox.Timedout");
  if (draw < 7) return launcher_.FailOnWorker(worker, OutcomeKind::kPlatformFault, "Hearth.Fault");
  launcher_.Complete(worker, "ok");
}

// An event holds up those behind it, or whoever asked goes away.
void Simulation::TakeBackOrWithdraw() {
  if (Below(2) == 0 && !launcher_.running().empty())
    return launcher_.TakeBackFrom(launcher_.running()[Below(launcher_.running().size())]);
  if (asked_.empty()) return;
  const Asked& asked = std::next(asked_.begin(), static_cast<std::ptrdiff_t>(Below(asked_.size())))->second;
  if (asked.life == life_) router_->Withdraw(asked.delivery, Withdrawal::kAlsoBegun);
}

void Simulation::KillAnIdleWorker() {
  std::vector<WorkerId> idle;
  for (const WarmPool* pool : pools_->pools()) {
    for (const Worker* worker : pool->idle_workers()) idle.push_back(worker->id());
  }
  if (!idle.empty()) launcher_.KillIdle(idle[Below(idle.size())]);
}

void Simulation::PassTime() {
  constexpr nanoseconds kSteps[] = {std::chrono::microseconds(300),
                                    milliseconds(7),
                                    milliseconds(400),
                                    seconds(3),
                                    seconds(25),
                                    seconds(70)};
  executor_.Advance(kSteps[Below(std::size(kSteps))]);
}

void Simulation::StepTheWallClock() {
  const seconds by(static_cast<int64_t>(Below(3'600)) - 1'800);
  executor_.manual_clock().SetWall(executor_.clock().WallNow() + by);
}

void Simulation::FailAStore() {
  const Error full{ErrorCode::kUnavailable, "disk full"};
  for (uint64_t n = 1 + Below(3); n > 0; --n) {
    switch (Below(3)) {
      case 0:
        queues_.FailNext(full);
        break;
      case 1:
        invocations_.FailNext(full);
        break;
      default:
        user_queues_.FailNext(full);
    }
  }
}

void Simulation::TurnTheLedger() {
  if (ledger_.full()) {
    ledger_.HaveRoom();
    ledger_.SetWritable(true);
  } else {
    ledger_.SetWritable(false);
    if (Below(2) == 0) ledger_.BecomeFull();
  }
}

void Simulation::DeployAnew() {
  registry_->UpdateSettings(
      AFunction(),
      [this](FunctionSettings& settings) {
        settings.timeout = seconds(10 + Below(50));
        return Ok();
      },
      {}, [](const Result<FunctionVersionPtr>&) {});
  // Its workers are ready before anything else happens: the registry of this fixture outlives a crash, and would wait for
  // them for ever.
  executor_.RunPosted();
  launcher_.LetAllStart();
  while (launcher_.preparing() > 0) launcher_.LetOnePrepare();
  executor_.RunPosted();
}

void Simulation::ReserveAnew() {
  const uint64_t draw = Below(5);
  registry_->UpdateScaling(
      AFunction(),
      [draw](FunctionScaling& scaling) {
        scaling.reserved_concurrency = draw == 4 ? std::nullopt : std::optional(static_cast<uint32_t>(draw));
        return Ok();
      },
      [](const Status&) {});
}

std::string Simulation::AnEvent() {
  if (sent_.empty()) return "";
  return std::next(sent_.begin(), static_cast<std::ptrdiff_t>(Below(sent_.size())))->first;
}

void Simulation::CancelOrRetry() {
  const std::string id = AnEvent();
  if (id.empty()) return;
  if (Below(2) == 0) {
    async_->Cancel(RequestId(id), [](const Status&) {});
  } else {
    // Until it is refused: where a store fails or a crash comes before the answer, it may have been queued all the same.
    ++sent_[id].retries;
    async_->Retry(RequestId(id), [this, id](const Status& queued) {
      const bool refused = !queued.ok() && (queued.error().code == ErrorCode::kConflict ||
                                            queued.error().code == ErrorCode::kNotFound);
      if (refused) --sent_[id].retries;
    });
  }
}

// kill -9, and the start after it: what was in memory is gone, stores, ledger and slots are as they were.
void Simulation::Crash() {
  ++life_;
  const std::string slots = ReadFile(slots_path()).value();
  const uint64_t records = ledger_.size();
  for (const WarmPool* pool : pools_->pools()) handed_ahead_ += pool->ahead().handed;
  async_.reset();
  router_.reset();
  pools_.reset();
  launcher_.ForgetStarts();
  meter_.reset();
  if (ledger_.size() != records) unexpected_.push_back("the end of the daemon wrote records");
  std::ofstream(slots_path(), std::ios::binary) << slots;
  for (MemoryQueueStore* store : {&queues_, &user_queues_}) store->FailNoMore();
  invocations_.FailNoMore();
  ledger_.HaveRoom();
  ledger_.SetWritable(true);
  UseSlots(kSlots);
}

// --- to rest ---

void Simulation::HealEverything() {
  for (MemoryQueueStore* store : {&queues_, &user_queues_}) store->FailNoMore();
  invocations_.FailNoMore();
  ledger_.HaveRoom();
  ledger_.SetWritable(true);
  for (const std::string& function : functions_) ReserveConcurrency(function, std::nullopt);
}

bool Simulation::AtRest() const {
  const bool ended = std::all_of(sent_.begin(), sent_.end(), [this](const auto& sent) {
    const AsyncInvocation* known = book_->Find(RequestId(sent.first));
    return !sent.second.accepted || (known != nullptr && HasEnded(known->state));
  });
  const std::vector<const WarmPool*> pools = pools_->pools();
  const bool quiet = std::all_of(pools.begin(), pools.end(), [](const WarmPool* pool) {
    return pool->counts().busy == 0 && pool->counts().waiting == 0;
  });
  return ended && quiet && router_->in_flight() == 0 && launcher_.running().empty();
}

void Simulation::ComeToRest() {
  executor_.RunPosted();
  HealEverything();
  Plant();
  for (int round = 0; round < 300 && !AtRest(); ++round) {
    launcher_.LetAllStart();
    while (launcher_.preparing() > 0) launcher_.LetOnePrepare();
    executor_.RunPosted();
    while (!launcher_.running().empty()) {
      launcher_.Complete(launcher_.running().front(), "ok");
      executor_.RunPosted();
    }
    executor_.Advance(seconds(10));
  }
}

Simulation::Counts& Simulation::Counts::operator+=(const Counts& other) {
  accepted += other.accepted;
  told += other.told;
  runs += other.runs;
  crashes += other.crashes;
  handed_ahead += other.handed_ahead;
  retried += other.retried;
  return *this;
}

Simulation::Counts Simulation::counts() const {
  Counts counts;
  for (const auto& [id, sent] : sent_) counts.accepted += sent.accepted ? 1 : 0;
  for (const auto& [id, asked] : asked_) counts.told += asked.told;
  counts.runs = launcher_.ran().size();
  for (const auto& ran : launcher_.ran()) counts.retried += ran.attempt > 1 ? 1 : 0;
  counts.crashes = life_ - 1;
  counts.handed_ahead = handed_ahead_;
  for (const WarmPool* pool : pools_->pools()) counts.handed_ahead += pool->ahead().handed;
  return counts;
}

}  // namespace hearth
