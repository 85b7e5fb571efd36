#include "runtime/router/router.h"

#include <utility>

#include "runtime/meter/billed_duration.h"
#include "runtime/model/trace_context.h"

namespace hearth {
namespace {

// Lambda's name of it, which the message of a throttle begins with.
std::string ReasonOf(const Error& error) { return error.message.substr(0, error.message.find(':')); }

}  // namespace

struct Router::Progress {
  uint64_t number = 0;
  OnOutcome done;
  FunctionVersionPtr version;
  MonotonicTime accepted{};
  uint64_t streamed_bytes = 0;  // of the answer, that went before its end
  bool waits = false;           // for a worker
  WarmPool::Wait wait;
  WorkerLease lease;
  OpenSlots::Id open;      // in the meter, while it runs
  size_t undelivered = 0;  // workers that died before they had read the event
  bool withdrawn = false;  // nobody waits for its answer
  ConcurrencyLimits::Pass place;
  Gate::Pass pass;  // left last
};

// The two have memory that the next flight can use.
struct Router::Flight : Progress {
  Event event;
  InvocationRecord record;  // of the attempt: opened when it begins to run, completed when it has
};

class Router::WorkerSlot final : public EventSink::Slot {
 public:
  WorkerSlot(FunctionVersionPtr version, WorkerLease lease, ConcurrencyLimits::Pass place)
      : version_(std::move(version)), lease_(std::move(lease)), place_(std::move(place)) {}
  const FunctionVersionPtr version_;
  WorkerLease lease_;
  ConcurrencyLimits::Pass place_;
};

class Router::PoolWait final : public EventSink::SlotWait {
 public:
  ConcurrencyLimits::Pass place_;
  WarmPool::Wait wait_;
};

Router::Router(Limits limits, const FunctionDirectory& functions, PoolSet& pools, AttemptBook& attempts,
               InvocationObserver& observer, Executor& executor)
    : limits_(limits),
      functions_(functions),
      pools_(pools),
      attempts_(attempts),
      observer_(observer),
      executor_(executor),
      concurrency_(limits.concurrency_max) {
  pools_.SetScalingOf([this](const std::string& function) { return functions_.ScalingOf(function); });
  for (const FunctionVersionPtr& function : functions_.List()) OnScalingChanged(function->function);
}

Router::~Router() = default;

Router::Flight& Router::NewFlight() {
  const uint64_t number = next_flight_++;
  if (landed_.empty()) {
    Flight& flight = *flights_.emplace(number, std::make_unique<Flight>()).first->second;
    flight.number = number;
    return flight;
  }
  Flights::node_type node = std::move(landed_.back());
  landed_.pop_back();
  node.key() = number;
  Flight& flight = *node.mapped();
  flight.number = number;
  flights_.insert(std::move(node));
  return flight;
}

// Nothing is left of it but memory, and no more of that than many events need.
void Router::Land(Flights::node_type node) {
  constexpr size_t kLandedMax = 64, kPayloadBytesMax = 16 << 10;
  Flight& flight = *node.mapped();
  static_cast<Progress&>(flight) = Progress();
  if (landed_.size() == kLandedMax) return;
  if (flight.event.payload.capacity() > kPayloadBytesMax) std::string().swap(flight.event.payload);
  flight.event = blank_;
  landed_.push_back(std::move(node));
}

DeliveryId Router::Deliver(Event&& event, OnOutcome done) {
  if (Status admitted = Admit(event); !admitted.ok()) return ThrowBack(std::move(done), admitted.error());
  if (Status room = CheckConcurrency(event.function); !room.ok())
    return ThrowBack(std::move(done), room.error());
  if (Status paid = CheckBudgets(event.function); !paid.ok()) return ThrowBack(std::move(done), paid.error());
  auto version = functions_.ResolveFor(event.function, event.qualifier, NextDraw());
  if (!version.ok()) return ThrowBack(std::move(done), std::move(version).error());
  if (Status init = CheckInit(**version); !init.ok()) return ThrowBack(std::move(done), init.error());
  Flight& flight = NewFlight();
  std::swap(flight.event, event);
  flight.done = std::move(done);
  flight.version = std::move(version).value();
  flight.accepted = executor_.clock().Now();
  flight.pass = flight.event.is_call ? gate_.EnterWithin() : gate_.Enter();
  flight.place = concurrency_.Enter(flight.version->function);
  const DeliveryId id{flight.number};
  if (WorkerLease lease = pools_.PoolOf(flight.version).TryAcquire(NeedsOf(flight.event))) {
    RunOn(flight, std::move(lease));
  } else {
    WaitForWorker(flight);
  }
  return id;
}

void Router::Withdraw(DeliveryId delivery, Withdrawal how) {
  const auto found = flights_.find(static_cast<uint64_t>(delivery));
  if (found == flights_.end()) return;
  Flight& flight = *found->second;
  if (flight.lease) {
    if (how != Withdrawal::kAlsoBegun) return;
    flight.withdrawn = true;
    return flight.lease.worker().Abort(flight.event, "whoever waited for its answer went away");
  }
  if (!flight.waits) return;  // it has run, and its record is being synced
  GiveUp(flight.number);
}

void Router::GiveUp(uint64_t number) {
  ThrowBackFlight(
      number, {ErrorCode::kCancelled, "whoever waited for the answer went away before a worker was free"});
}

// What another event of its function may hold up for a moment: whoever waits within an invocation may be the one that
// it would stand behind; what is large, streamed or about a file has a worker to itself.
WarmPool::Needs Router::NeedsOf(const Event& event) {
  constexpr size_t kSmall = 24 * 1024;  // of as many as stand behind one another, all fit into a channel
  const bool alone = event.is_call || event.stream || event.object || event.payload.size() > kSmall ||
                     event.client_context.size() > kSmall;
  return alone ? WarmPool::Needs::kIdleWorker : WarmPool::Needs::kTurn;
}

// SplitMix64: spread evenly, which is all that shares of events need.
uint64_t Router::NextDraw() {
  uint64_t z = (draw_ += 0x9E3779B97F4A7C15);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

void Router::DeliverOn(std::unique_ptr<Slot> slot, Event event, OnOutcome done) {
  if (Status admitted = Admit(event); !admitted.ok()) {
    ThrowBack(std::move(done), admitted.error());
    return;
  }
  auto& worker_slot = static_cast<WorkerSlot&>(*slot);  // every Slot is one of ours
  Flight& flight = NewFlight();
  flight.event = std::move(event);
  flight.done = std::move(done);
  flight.version = worker_slot.version_;
  flight.accepted = executor_.clock().Now();
  flight.pass = gate_.Enter();
  flight.place = std::move(worker_slot.place_);
  RunOn(flight, std::move(worker_slot.lease_));
}

std::unique_ptr<EventSink::SlotWait> Router::ReserveSlot(const std::string& function,
                                                         const std::string& qualifier, OnSlot done) {
  auto version = functions_.ResolveFor(function, qualifier, NextDraw());
  Status room = disk_ == nullptr ? Ok() : disk_->Check();
  if (room.ok())
    room = CheckConcurrency(function);  // what waits in a queue stays there, and no receive is counted
  if (room.ok()) room = CheckBudgets(function);
  if (room.ok() && version.ok()) room = CheckInit(**version);
  if (gate_.closed() || !version.ok() || !room.ok()) {
    Error error = gate_.closed()  ? Error{ErrorCode::kUnavailable, "hearthd is stopping"}
                  : !version.ok() ? version.error()
                                  : room.error();
    executor_.Post([done = std::move(done), error] { done(error); });
    return nullptr;
  }
  WarmPool& pool = pools_.PoolOf(*version);
  if (WorkerLease lease = pool.TryAcquire()) {
    auto slot = std::make_shared<std::unique_ptr<Slot>>(
        std::make_unique<WorkerSlot>(*version, std::move(lease), concurrency_.Enter((*version)->function)));
    executor_.Post([done = std::move(done), slot] { done(std::move(*slot)); });
    return nullptr;
  }
  auto wait = std::make_unique<PoolWait>();
  wait->place_ = concurrency_.Enter((*version)->function);
  // Called only while the wait is there: dropping it takes the waiter out of the pool.
  wait->wait_ =
      pool.Acquire((*version)->settings.timeout,
                   [version = *version, raw = wait.get(), done = std::move(done)](Result<WorkerLease> lease) {
                     if (!lease.ok()) return done(std::move(lease).error());
                     done(std::unique_ptr<Slot>(std::make_unique<WorkerSlot>(
                         version, std::move(lease).value(), std::move(raw->place_))));
                   });
  return wait;
}

void Router::Submit(Event event, OnAccepted accepted) {
  Status admitted = Admit(event);
  if (admitted.ok()) admitted = CheckBudgets(event.function);
  if (admitted.ok() && async_ == nullptr)
    admitted = Error{ErrorCode::kUnavailable, "asynchronous events are off"};
  if (admitted.ok()) {
    if (auto version = functions_.Resolve(event.function, event.qualifier); !version.ok())
      admitted = version.error();
  }
  if (!admitted.ok()) {
    executor_.Post([accepted = std::move(accepted), admitted] { accepted(admitted); });
    return;
  }
  async_->Add(std::move(event), std::move(accepted));
}

Status Router::Admit(Event& event) const {
  if (event.trace_id.empty()) event.trace_id = MakeTraceId(event.request_id, executor_.clock().WallNow());
  const bool within = event.is_call && gate_.holders() > 0;
  if (gate_.closed() && !within)
    return Error{ErrorCode::kUnavailable, "hearthd is stopping and takes no new events"};
  if (!attempts_.writable()) {
    return Error{ErrorCode::kUnavailable,
                 "the ledger cannot take another record (is the disk full?); nothing runs that could not be "
                 "accounted for"};
  }
  if (disk_ != nullptr) HEARTH_TRY(disk_->Check());
  if (event.payload.size() > limits_.payload_max.count) {
    return Error{ErrorCode::kTooLarge, "the payload has " + std::to_string(event.payload.size()) +
                                           " bytes; the limit is " +
                                           std::to_string(limits_.payload_max.count)};
  }
  return Ok();
}

// Of what is to run now: what is stored first waits where it is.
Status Router::CheckConcurrency(const std::string& function) const {
  Status room = RoomFor(function);
  if (!room.ok()) observer_.OnThrottled(function, ReasonOf(room.error()));
  return room;
}

Status Router::RoomFor(const std::string& function) const {
  const ConcurrencyLimits::Verdict verdict = concurrency_.Check(function);
  if (verdict == ConcurrencyLimits::Verdict::kAdmit) return Ok();
  if (verdict == ConcurrencyLimits::Verdict::kFunctionOff) {
    return Error{ErrorCode::kThrottled,
                 "ReservedFunctionConcurrentInvocationLimitExceeded: " + function +
                     " is switched off, its reserved concurrency is 0; `hearth concurrency " + function +
                     " --reserved none` switches it on"};
  }
  return Error{
      ErrorCode::kThrottled,
      "ConcurrentInvocationLimitExceeded: " + std::to_string(concurrency_.shared_max()) +
          " events are already under way, of functions without reserved concurrency or past theirs (" +
          std::to_string(concurrency_.reserved()) + " of " + std::to_string(limits_.concurrency_max) +
          " are reserved)"};
}

// Whose event is throttled for it tells that.
Result<ConcurrencyLimits::Pass> Router::TakePlace(const std::string& function) {
  HEARTH_TRY(RoomFor(function));
  return concurrency_.Enter(function);
}

Status Router::CheckBudgets(const std::string& function) const {
  if (budgets_ == nullptr) return Ok();
  const auto refusal = budgets_->Check(function);
  if (!refusal) return Ok();
  observer_.OnThrottled(function, "BudgetExceeded");
  return Error{ErrorCode::kThrottled, "BudgetExceeded: " + refusal->message};
}

Status Router::CheckInit(const FunctionVersion& version) {
  if (init_failures_.empty()) return Ok();
  const auto refusal = init_failures_.Admit(version.generation, executor_.clock().Now());
  if (!refusal) return Ok();
  observer_.OnThrottled(version.function, "InitBackOff");
  return Error{ErrorCode::kThrottled, "InitBackOff: the init of " + version.function + " has failed " +
                                          std::to_string(refusal->failures) +
                                          " times in a row, last with: " + refusal->why +
                                          "; it is tried again in " + std::to_string(refusal->left.count()) +
                                          " ms. Deploy code whose init works, or the settings that it needs"};
}

void Router::WaitForWorker(Flight& flight) {
  const nanoseconds timeout = flight.version->settings.timeout;
  const nanoseconds left = std::max(nanoseconds(0), flight.event.wait_until - executor_.clock().Now());
  flight.waits = true;
  flight.wait = pools_.PoolOf(flight.version)
                    .Acquire(
                        flight.event.wait_until == MonotonicTime::max() ? timeout : std::min(timeout, left),
                        [self = weak_.Get(), number = flight.number](Result<WorkerLease> lease) {
                          if (self) self->OnLease(number, std::move(lease));
                        },
                        NeedsOf(flight.event));
}

void Router::OnLease(uint64_t number, Result<WorkerLease> lease) {
  const auto found = flights_.find(number);
  if (found == flights_.end()) return;  // withdrawn, and refused all the same
  found->second->waits = false;
  if (!lease.ok() && lease.error().code == ErrorCode::kBadArtefact &&
      StartsFromSnapshot(*found->second->version)) {
    return FailAtSnapshot(number, lease.error());
  }
  if (!lease.ok()) return Refuse(number, std::move(lease).error());
  RunOn(*found->second, std::move(lease).value());
}

// There is no process to copy: one was lost, or hearthd was started anew, and init has failed in the next. To whoever sent
// the event that is an init that failed, as it is where each worker has its own; nothing ran for it, so nothing is billed.
void Router::FailAtSnapshot(uint64_t number, const Error& error) {
  Flight& flight = *flights_.at(number);
  init_failures_.OnFailed(flight.version->generation, error.message, executor_.clock().Now());
  Outcome outcome;
  outcome.kind = OutcomeKind::kInitError;
  outcome.executed_version = flight.version->version;
  outcome.error = {"Hearth.SnapshotError", error.message, {}};
  outcome.memory_limit = flight.version->settings.memory;
  outcome.started = executor_.clock().WallNow();
  outcome.usage.queued = executor_.clock().Now() - flight.accepted;
  Settle(number, std::move(outcome));
}

// Nothing of it has run. Its version may have been replaced since it was resolved, and that one's pool closed.
void Router::FindAnotherWorker(Flight& flight) {
  auto version = functions_.ResolveFor(flight.event.function, flight.event.qualifier, NextDraw());
  if (!version.ok()) return ThrowBackFlight(flight.number, std::move(version).error());
  flight.version = std::move(version).value();
  WaitForWorker(flight);
}

void Router::RunOn(Flight& flight, WorkerLease lease) {
  // It may have died since it was lent: nothing of this event has run on it, so another one takes it.
  if (!lease || !(lease.worker().usable() || lease.worker().TakesAhead())) {
    lease = {};
    return FindAnotherWorker(flight);
  }
  flight.lease = std::move(lease);
  OpenRecord(flight);
  auto open = attempts_.Begin(flight.record);
  if (!open.ok()) return ThrowBackFlight(flight.number, std::move(open).error());
  flight.open = *open;
  observer_.OnInvocationStarted(*flight.version, flight.event);
  if (flight.lease.spilled()) observer_.OnReservedSpillover(*flight.version);
  flight.lease.worker().Run(flight.event, [this, number = flight.number](Attempt&& attempt) {
    OnAttempt(number, std::move(attempt));
  });
}

void Router::OnAttempt(uint64_t number, Attempt&& attempt) {
  Flight& flight = *flights_.at(number);
  flight.lease.Ran(attempt);
  if (!attempt.its_turn_came) {
    attempts_.Withdraw(flight.open);
    flight.lease = {};
    return flight.withdrawn ? GiveUp(number) : FindAnotherWorker(flight);
  }
  if (!attempt.delivered && ++flight.undelivered <= kUndeliveredMax) {
    attempts_.Withdraw(flight.open);
    flight.lease = {};
    return FindAnotherWorker(flight);
  }
  const bool init_failed =
      attempt.kind == OutcomeKind::kInitError || attempt.kind == OutcomeKind::kInitTimeout;
  if (init_failed) {
    init_failures_.OnFailed(flight.version->generation, attempt.error.message, executor_.clock().Now());
  } else if (!init_failures_.empty()) {
    init_failures_.Forget(flight.version->generation);
  }
  flight.streamed_bytes = attempt.streamed_bytes;
  Result<Outcome> outcome = MakeOutcome(flight, std::move(attempt));
  const auto recorded = Record(flight, *outcome);
  flight.lease = {};  // first, so that the next event finds a warm worker
  if (!recorded.ok())
    return Settle(number, recorded.error().WithContext("the invocation ran, but its record is lost"));
  if (limits_.sync_before_reply || *recorded == AttemptBook::Recorded::kHeld)
    return SettleWhenSynced(number, std::move(*outcome));
  Settle(number, std::move(outcome));
}

void Router::SettleWhenSynced(uint64_t number, Outcome outcome) {
  auto held = std::make_shared<Outcome>(std::move(outcome));
  attempts_.Sync([self = weak_.Get(), number, held](const Status& synced) {
    if (!self) return;
    if (synced.ok()) return self->Settle(number, std::move(*held));
    self->Settle(number,
                 synced.error().WithContext("the invocation ran, but its record may not survive power loss"));
  });
}

Outcome Router::MakeOutcome(const Flight& flight, Attempt&& attempt) const {
  Outcome outcome;
  outcome.kind = attempt.kind;
  outcome.executed_version = flight.version->version;
  outcome.content_type = std::move(attempt.content_type);
  outcome.payload = std::move(attempt.payload);
  outcome.error = std::move(attempt.error);
  outcome.usage.init = attempt.init;
  outcome.usage.duration = attempt.duration;
  outcome.usage.queued = attempt.began - flight.accepted;
  outcome.usage.cold = attempt.cold;
  outcome.usage.cpu_us = attempt.cpu_us;
  outcome.usage.memory_peak = attempt.memory_peak;
  outcome.usage.idle_cpu_us = attempt.idle_cpu_us;
  outcome.usage.source = attempt.usage_source;
  outcome.billed_ms = IsBillable(outcome.kind) ? BilledMs(attempt.init, attempt.duration) : 0;
  outcome.memory_limit = flight.version->settings.memory;
  outcome.started = flight.record.started;
  return outcome;
}

void Router::OpenRecord(Flight& flight) const {
  InvocationRecord& record = flight.record;
  record = InvocationRecord();
  record.request_id = flight.event.request_id.text();
  record.attempt = flight.event.attempt;
  record.function = flight.version->function;
  record.version = flight.version->version;
  record.trigger = flight.event.trigger;
  record.started = executor_.clock().WallNow();
  record.queued_ns = (executor_.clock().Now() - flight.accepted).count();
  record.memory_mib = static_cast<uint32_t>(flight.version->settings.memory.mib());
  record.init = StartsFromSnapshot(*flight.version) ? InitKind::kRestore : InitKind::kInit;
  record.bytes_in = flight.event.payload.size();
  record.worker = flight.lease.worker().id().value();
  record.tmp_mib = static_cast<uint32_t>(flight.version->settings.tmp.mib());
  record.boot_id = attempts_.boot_id();
  record.plan = flight.lease.seat().plan;
  record.commitment = flight.lease.seat().commitment;
}

Result<AttemptBook::Recorded> Router::Record(Flight& flight, const Outcome& outcome) {
  InvocationRecord& record = flight.record;
  record.outcome = outcome.kind;
  record.billable = IsBillable(outcome.kind);
  record.cold = outcome.usage.cold;
  record.init_ns = outcome.usage.init.count();
  record.duration_ns = outcome.usage.duration.count();
  record.queued_ns = outcome.usage.queued.count();
  record.billed_ms = outcome.billed_ms;
  record.memory_peak_kib = outcome.usage.memory_peak.count >> 10;
  record.cpu_us = outcome.usage.cpu_us;
  record.bytes_out = flight.streamed_bytes + outcome.payload.size();
  record.idle_cpu_us = outcome.usage.idle_cpu_us;
  record.usage_source = outcome.usage.source;
  return attempts_.Record(record, flight.open);
}

void Router::Refuse(uint64_t number, Error error) {
  if (error.code == ErrorCode::kThrottled) {
    observer_.OnThrottled(flights_.at(number)->event.function, ReasonOf(error));
  }
  Settle(number, std::move(error));
}

void Router::Settle(uint64_t number, Result<Outcome>&& outcome) {
  auto node = flights_.extract(number);
  if (outcome.ok()) {
    const Usage& usage = outcome->usage;
    const nanoseconds since_accepted = executor_.clock().Now() - node.mapped()->accepted;
    observer_.OnOverhead(node.mapped()->version->function,
                         since_accepted - usage.queued - usage.init - usage.duration);
  }
  node.mapped()->done(std::move(outcome));
  Land(std::move(node));
}

// It has not run, or nothing of it that counts.
void Router::ThrowBackFlight(uint64_t number, Error error) {
  auto node = flights_.extract(number);
  ThrowBack(std::move(node.mapped()->done), std::move(error));
  Land(std::move(node));
}

DeliveryId Router::ThrowBack(OnOutcome done, Error error) {
  executor_.Post([done = std::move(done), error = std::move(error)] { done(error); });
  return DeliveryId::kNone;
}

void Router::OnReplacing(const FunctionVersionPtr& serving, const FunctionVersionPtr& next,
                         std::function<void(Status)> ready) {
  if (gate_.closed()) return ready(Error{ErrorCode::kUnavailable, "hearthd is stopping"});
  pools_.Warm(*serving, next, std::move(ready));
}

void Router::OnReplaced(const FunctionVersionPtr& old_version, const FunctionVersionPtr& new_version) {
  if (retire_) {
    retire_(old_version);
  } else {
    pools_.Retire(*old_version);
  }
  init_failures_.Forget(old_version->generation);
  const bool function_gone = !new_version && old_version->version == "$LATEST";
  if (function_gone) concurrency_.Forget(old_version->function);
  if (new_version && !gate_.closed()) KeepLeast(new_version->function);
}

void Router::OnScalingChanged(const std::string& function) {
  concurrency_.Reserve(function, functions_.ScalingOf(function).reserved_concurrency);
  pools_.Rescale(function);
  if (!gate_.closed()) KeepLeast(function);
}

// A function that is to have workers before its first event needs a pool.
void Router::KeepLeast(const std::string& function) {
  if (functions_.ScalingOf(function).workers_min == 0) return;
  if (const auto latest = functions_.Resolve(function, ""); latest.ok()) (void)pools_.PoolOf(*latest);
}

}  // namespace hearth
