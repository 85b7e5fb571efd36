#include "runtime/router/async_events.h"

#include <algorithm>
#include <utility>

#include "runtime/base/back_off.h"
#include "runtime/base/digest.h"
#include "runtime/router/event_codec.h"

namespace hearth {
namespace {

// After a throttle or an event that could not run, of one function.
constexpr milliseconds kBackOffFirst{500}, kBackOffLongest{2'000};
// A function that has waited so long for a worker has its turn before those that have more of them.
constexpr milliseconds kFairWait{100};
// Longer than any event waits: an event ends by its age, which is told, not by the queue's.
constexpr seconds kRetention{1'209'600};
// Open that long, and no message came: it was never stored, and so never accepted.
constexpr seconds kNeverAccepted = kEventAgeMax * 2;

std::string HashOf(const std::string& key) {
  if (key.empty()) return "";
  const Sha256Digest digest = Sha256(key);
  return ToHex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

NewMessage MessageOf(const Event& event) {
  NewMessage message;
  message.body = EncodeEvent(event);
  message.delay = seconds(0);
  return message;
}

const auto kIgnored = [](const Result<std::vector<Status>>&) {};

}  // namespace

struct AsyncEvents::Pump {
  std::unique_ptr<EventSink::SlotWait> wait;
  bool looking = false;  // from asking for a slot until the message is received, or was not there
  bool look_again = false;
  bool starving = false;  // has waited kFairWait for a worker, and does so still
  bool waiting = false;   // in a pool's queue
  bool paused = false;    // lets others have their turn
  bool refused = false;   // the last one could not run, for no fault of its own: until the back-off is over
  Timer starves;
  size_t in_flight = 0;  // run or settle
  Timer back_off_timer;
  BackOff back_off{kBackOffFirst, kBackOffLongest};
  std::map<std::string, Timer> renewals;         // by receipt handle
  std::map<std::string, std::string> under_way;  // request id -> message id
  Counters counters;
};

struct AsyncEvents::Flight {
  std::string queue;
  RequestId id;
  QueueMessage message;
  uint32_t attempt = 0;
};

AsyncEvents::AsyncEvents(Options options, const Parts& parts)
    : options_(options),
      queues_(parts.queues),
      sink_(parts.sink),
      meter_(parts.meter),
      registry_(parts.registry),
      configs_(parts.configs),
      book_(parts.book),
      random_(parts.random),
      log_(parts.log),
      executor_(parts.executor),
      settler_(parts.book, parts.destinations, parts.random, parts.log, parts.executor) {}

AsyncEvents::~AsyncEvents() = default;

void AsyncEvents::Stop() {
  stopped_ = true;
  for (auto& [queue, pump] : pumps_) pump->wait.reset();
}

void AsyncEvents::Start(std::function<void(Status)> started) {
  started_ = true;
  const WallTime now = executor_.clock().WallNow();
  std::vector<RequestId> never;
  InvocationBook::Filter everything;
  everything.count_max = SIZE_MAX;
  for (const AsyncInvocation* one : book_.List(everything)) {
    if (HasEnded(one->state) || one->state == AsyncState::kSettling) continue;
    if (now - one->queued > kNeverAccepted) never.push_back(one->request_id);
    if (!one->key_hash.empty() && one->attempts.empty()) unconfirmed_.insert(one->request_id.text());
  }
  for (const RequestId& id : never) book_.Remove(id);
  queues_.List([self = weak_.Get(), started = std::move(started)](Result<std::vector<QueueDescription>> all) {
    if (!self) return;
    if (!all.ok()) return started(all.error());
    for (QueueDescription& queue : *all) {
      self->known_.insert(queue.name);
      if (queue.settings.retention != kRetention ||
          queue.settings.message_bytes_max != kStoredEventBytesMax.count) {
        queue.settings.retention = kRetention;
        queue.settings.message_bytes_max = kStoredEventBytesMax.count;
        self->queues_.Configure(queue.name, queue.settings, [](const Status&) {});
      }
      self->Look(queue.name);
    }
    started(Ok());
  });
}

// --- accepting ---

const AsyncInvocation* AsyncEvents::FindKey(const std::string& function, const std::string& key) const {
  return key.empty() ? nullptr : book_.FindKey(function, HashOf(key));
}

void AsyncEvents::Add(Event event, EventSink::OnAccepted accepted) {
  const std::string hash = HashOf(event.idempotency_key);
  const AsyncInvocation* first = hash.empty() ? nullptr : book_.FindKey(event.function, hash);
  if (first == nullptr && book_.full()) {
    return executor_.Post([accepted = std::move(accepted), most = book_.options().open_max] {
      accepted(
          Error{ErrorCode::kThrottled, "TooManyAsyncEvents: " + std::to_string(most) +
                                           " asynchronous events wait or run already (--async-events-max)"});
    });
  }
  if (first == nullptr) return Store(std::move(event), hash, std::move(accepted));
  const RequestId id = first->request_id;
  if (const auto waiting = accepting_.find(id.text()); waiting != accepting_.end()) {
    waiting->second.push_back(std::move(accepted));
  } else if (unconfirmed_.count(id.text()) != 0) {
    // Its message may never have been stored. If it was, the second one of the same id is dropped.
    event.request_id = id;
    accepting_[id.text()].push_back(std::move(accepted));
    SendKeyed(event.function, MessageOf(event), id);
  } else {
    executor_.Post([accepted = std::move(accepted)] { accepted(Ok()); });
  }
}

// With a key what is known comes first, so that no crash leaves a message whose key nobody knows. Without one the
// message does: what is known is made of it again when a crash comes between.
void AsyncEvents::Store(Event event, const std::string& key_hash, EventSink::OnAccepted accepted) {
  const std::string queue = event.function;
  const RequestId id = event.request_id;
  AsyncInvocation invocation;
  invocation.request_id = id;
  invocation.function = event.function;
  invocation.qualifier = event.qualifier;
  invocation.trigger = event.trigger;
  invocation.accepted = invocation.queued = executor_.clock().WallNow();
  invocation.key_hash = key_hash;
  NewMessage message = MessageOf(event);
  if (!key_hash.empty()) {
    accepting_[id.text()].push_back(std::move(accepted));
    book_.Put(std::move(invocation), [self = weak_.Get(), queue, id, message](const Status& stored) {
      if (!self) return;
      if (stored.ok()) return self->SendKeyed(queue, message, id);
      self->book_.Remove(id);
      self->TellAccepted(id, stored);
    });
    return;
  }
  WhenQueueIsThere(
      queue, [self = weak_.Get(), queue, invocation = std::move(invocation), accepted = std::move(accepted),
              message = std::move(message)](const Status& ready) {
        if (!self) return;
        if (!ready.ok()) return accepted(ready);
        self->queues_.Send(queue, {message},
                           [self, queue, invocation, accepted](const Result<std::vector<SentMessage>>& sent) {
                             if (!sent.ok()) return accepted(sent.error());
                             if (self && self->known_.count(queue) != 0) {
                               ++self->PumpOf(queue).counters.accepted;
                               self->book_.Put(invocation, [](const Status&) {});
                             }
                             accepted(Ok());
                           });
      });
}

void AsyncEvents::SendKeyed(const std::string& queue, NewMessage message, const RequestId& id) {
  WhenQueueIsThere(queue, [self = weak_.Get(), queue, id, message = std::move(message)](const Status& ready) {
    if (!self) return;
    const auto sent = [self, queue, id](const Status& status) {
      if (!self) return;
      if (status.ok()) {
        ++self->PumpOf(queue).counters.accepted;
        self->unconfirmed_.erase(id.text());
      } else {
        self->book_.Remove(id);
      }
      self->TellAccepted(id, status);
    };
    if (!ready.ok()) return sent(ready);
    self->queues_.Send(queue, {message}, [sent](const Result<std::vector<SentMessage>>& done) {
      sent(done.ok() ? Ok() : Status(done.error()));
    });
  });
}

void AsyncEvents::TellAccepted(const RequestId& id, const Status& accepted) {
  const auto waiting = accepting_.extract(id.text());
  if (waiting.empty()) return;
  for (const auto& one : waiting.mapped()) one(accepted);
}

void AsyncEvents::WhenQueueIsThere(const std::string& queue, std::function<void(Status)> then) {
  if (known_.count(queue) != 0) return then(Ok());
  QueueSettings settings;
  settings.visibility_timeout = options_.lease;
  settings.retention = kRetention;
  settings.message_bytes_max = kStoredEventBytesMax.count;
  queues_.Create(queue, settings, [self = weak_.Get(), queue, then = std::move(then)](const Status& made) {
    if (!self) return;
    // One of before, with the settings of before.
    const bool there = made.ok() || made.error().code == ErrorCode::kAlreadyExists;
    if (there) self->known_.insert(queue);
    then(there ? Ok() : made);
  });
}

// --- taking them up ---

void AsyncEvents::OnQueueVisible(std::string_view queue) { Look(std::string(queue)); }

void AsyncEvents::Visit(
    const std::function<void(const std::string& function, const Counters&, size_t running)>& visit) const {
  for (const auto& [function, pump] : pumps_) {
    Counters counters = pump->counters;
    counters.told = settler_.CountersOf(function).sent;
    counters.untold = settler_.CountersOf(function).failed;
    visit(function, counters, pump->in_flight);
  }
}

void AsyncEvents::ForgetFunction(const std::string& function) {
  pumps_.erase(function);
  settler_.ForgetFunction(function);
  book_.ForgetFunction(function);
  if (known_.erase(function) != 0) queues_.Remove(function, [](const Status&) {});
}

AsyncEvents::Pump& AsyncEvents::PumpOf(const std::string& queue) {
  std::unique_ptr<Pump>& pump = pumps_[queue];
  if (!pump) pump = std::make_unique<Pump>();
  return *pump;
}

// First a peek, so that no worker is held for an empty queue; then a slot; only then is the message received.
void AsyncEvents::Look(const std::string& queue) {
  if (!started_) return;
  Pump& pump = PumpOf(queue);
  if (pump.looking) pump.look_again = true;
  if (stopped_ || pump.looking || pump.refused || pump.in_flight >= kInFlightMax) return;
  pump.looking = true;
  pump.look_again = false;
  queues_.Peek(queue, 1, [self = weak_.Get(), queue](const Result<std::vector<QueueMessage>>& seen) {
    if (!self || self->pumps_.count(queue) == 0) return;
    Pump& waiting = self->PumpOf(queue);
    if (seen.ok() && !seen->empty() && !self->stopped_) return self->OnPeeked(queue, seen->front());
    waiting.looking = false;
    self->StarveNoMore(waiting);
    if (!seen.ok()) return self->LookLater(queue);
    if (waiting.look_again) self->Look(queue);
  });
}

// What needs no worker is taken without one: it has ended, or will without running.
void AsyncEvents::OnPeeked(const std::string& queue, const QueueMessage& head) {
  const auto event = DecodeEvent(head.body);
  if (!event.ok()) return Receive(queue, nullptr);
  const AsyncInvocation* known = book_.Find(event->request_id);
  if (known != nullptr && (HasEnded(known->state) || known->state == AsyncState::kSettling))
    return Receive(queue, nullptr);
  AsyncInvocation unknown;
  unknown.function = event->function;
  unknown.qualifier = event->qualifier;
  unknown.queued = head.sent;
  if (EndOf(*event, known != nullptr ? *known : unknown)) return Receive(queue, nullptr);
  Pump& pump = PumpOf(queue);
  if (!HasTurn(pump)) return Pause(queue, pump);
  if (!pump.starving) pump.starves = executor_.After(kFairWait, [this, queue] { Starve(queue); });
  pump.wait = sink_.ReserveSlot(queue, event->qualifier,
                                [self = weak_.Get(), queue](Result<std::unique_ptr<EventSink::Slot>> slot) {
                                  if (self) self->OnSlot(queue, std::move(slot));
                                });
  pump.waiting = pump.wait != nullptr;
}

// A backlog holds every worker that it gets, and the memory under it; who waits with fewer of them comes first.
bool AsyncEvents::HasTurn(const Pump& mine) const {
  return std::none_of(pumps_.begin(), pumps_.end(), [&](const auto& other) {
    return other.second->starving && other.second->in_flight < mine.in_flight;
  });
}

void AsyncEvents::Pause(const std::string& queue, Pump& pump) {
  pump.wait.reset();
  pump.waiting = false;
  pump.looking = false;
  pump.paused = true;
  LookLater(queue);
}

void AsyncEvents::Starve(const std::string& queue) {
  Pump& starving = PumpOf(queue);
  if (!starving.waiting) return;
  starving.starving = true;
  for (auto& [name, pump] : pumps_) {
    if (pump->waiting && !HasTurn(*pump)) Pause(name, *pump);
  }
}

void AsyncEvents::StarveNoMore(Pump& pump) {
  pump.starves.Cancel();
  if (!std::exchange(pump.starving, false)) return;
  for (auto& [name, other] : pumps_) {
    if (std::exchange(other->paused, false)) Look(name);
  }
}

void AsyncEvents::OnSlot(const std::string& queue, Result<std::unique_ptr<EventSink::Slot>> slot) {
  const auto pump = pumps_.find(queue);
  if (pump == pumps_.end()) return;
  pump->second->waiting = false;
  if (slot.ok()) {
    pump->second->back_off.Reset();
    StarveNoMore(*pump->second);
    return Receive(queue, std::move(slot).value());
  }
  // The version that was asked for is no more: the event is taken all the same, to be settled.
  if (slot.error().code == ErrorCode::kNotFound) return Receive(queue, nullptr);
  pump->second->looking = false;
  LookLater(queue);
}

void AsyncEvents::Receive(const std::string& queue, std::unique_ptr<EventSink::Slot> slot) {
  auto held = std::make_shared<std::unique_ptr<EventSink::Slot>>(std::move(slot));
  queues_.Receive(queue, {.count = 1, .visibility = options_.lease, .lease_total_max = seconds(0)},
                  [self = weak_.Get(), queue, held](Result<std::vector<QueueMessage>> received) {
                    if (!self || self->pumps_.count(queue) == 0) return;
                    self->PumpOf(queue).looking = false;
                    if (!received.ok()) return self->LookLater(queue);
                    if (!received->empty())
                      self->OnReceived(queue, std::move(*held), std::move(received->front()));
                    if (!received->empty() || self->PumpOf(queue).look_again) self->Look(queue);
                  });
}

AsyncInvocation AsyncEvents::KnownOf(const Event& event, const QueueMessage& message) {
  if (const AsyncInvocation* known = book_.Find(event.request_id)) return *known;
  AsyncInvocation
      made;  // a crash came between the message and what is known of it, or an earlier build took it
  made.request_id = event.request_id;
  made.function = event.function;
  made.qualifier = event.qualifier;
  made.trigger = event.trigger;
  made.accepted = made.queued = message.sent;
  book_.Put(made, [](const Status&) {});
  return made;
}

void AsyncEvents::OnReceived(const std::string& queue, std::unique_ptr<EventSink::Slot> slot,
                             QueueMessage message) {
  auto event = DecodeEvent(message.body);
  if (!event.ok()) {
    log_.Error("a stored event cannot be read and is dropped",
               {{"queue", queue}, {"why", event.error().message}});
    ++PumpOf(queue).counters.dropped;
    return Drop(queue, message.receipt_handle);
  }
  const std::string id = event->request_id.text();
  if (const auto running = PumpOf(queue).under_way.find(id); running != PumpOf(queue).under_way.end()) {
    // Sent twice; or the same message, whose lease could not be renewed: it is there until its run has ended.
    if (running->second != message.message_id) Drop(queue, message.receipt_handle);
    return;
  }
  AsyncInvocation invocation = KnownOf(*event, message);
  unconfirmed_.erase(id);
  if (invocation.state == AsyncState::kCancelled) return KeepCancelled(queue, message, std::move(invocation));
  if (HasEnded(invocation.state)) return Drop(queue, message.receipt_handle);

  const bool gone = !registry_.Resolve(event->function, event->qualifier).ok();
  std::optional<EventEnd> end = gone ? EventEnd::kVersionGone : EndOf(*event, invocation);
  if (meter_.HasSuccess(event->request_id)) end = EventEnd::kSuccess;
  const bool settles = invocation.state == AsyncState::kSettling;
  if (!slot && !end && !settles) return GiveBack(queue, message.receipt_handle);

  auto flight = std::make_shared<Flight>(Flight{queue, event->request_id, std::move(message)});
  flight->attempt =
      std::max(invocation.attempt_base + flight->message.receive_count, invocation.attempt_last + 1);
  // Sent twice over a crash, an event has two messages, and each counts its own receives.
  while (meter_.OutcomeOf(flight->id, flight->attempt)) ++flight->attempt;
  const bool failed_unknown = !settles && CountUnknownFailures(*flight, invocation);
  if (failed_unknown && !end && invocation.failures > PolicyFor(invocation).retries_max)
    end = EventEnd::kRetriesExhausted;
  PumpOf(queue).under_way[id] = flight->message.message_id;
  ++PumpOf(queue).in_flight;
  Renew(queue, flight->message.receipt_handle);
  if (settles) return GoOnSettling(flight, std::move(invocation));
  if (end) return End(flight, std::move(invocation), *end, "");
  Run(flight, std::move(event).value(), std::move(slot));
}

// A crash came between the records of attempts and what is known of the event: what had failed counts all the same.
bool AsyncEvents::CountUnknownFailures(const Flight& flight, AsyncInvocation& invocation) {
  uint32_t failed = 0;
  for (uint32_t attempt = invocation.attempt_last + 1; attempt < flight.attempt; ++attempt) {
    const auto outcome = meter_.OutcomeOf(flight.id, attempt);
    if (outcome && CountsAsFailure(*outcome)) ++failed;
  }
  if (failed == 0) return false;
  invocation.failures += failed;
  invocation.attempt_last = flight.attempt - 1;
  book_.Put(invocation, [](const Status&) {});
  return true;
}

void AsyncEvents::Run(const FlightPtr& flight, Event event, std::unique_ptr<EventSink::Slot> slot) {
  event.attempt = flight->attempt;
  book_.Note(flight->id, AsyncState::kRunning);
  sink_.DeliverOn(std::move(slot), std::move(event), [self = weak_.Get(), flight](Result<Outcome> outcome) {
    if (self) self->OnOutcome(flight, std::move(outcome));
  });
}

void AsyncEvents::Renew(const std::string& queue, const std::string& handle) {
  PumpOf(queue).renewals[handle] = executor_.After(options_.lease / 3, [this, queue, handle] {
    queues_.ChangeVisibility(queue, {handle}, options_.lease, kIgnored);
    Renew(queue, handle);
  });
}

// --- after an attempt ---

void AsyncEvents::OnOutcome(const FlightPtr& flight, Result<Outcome> outcome) {
  const auto pump = pumps_.find(flight->queue);
  const AsyncInvocation* known = book_.Find(flight->id);
  if (pump == pumps_.end() || pump->second->renewals.count(flight->message.receipt_handle) == 0 ||
      known == nullptr)
    return;  // deleted, and perhaps another of that name made
  AsyncInvocation invocation = *known;
  if (!outcome.ok()) {  // nothing ran, or what ran has no record
    invocation.state = invocation.failures > 0 ? AsyncState::kRetrying : AsyncState::kQueued;
    book_.Note(flight->id, invocation.state);
    Land(flight);
    pump->second->refused = true;  // it is visible again at once, and would be refused again
    // Returned uncounted it would clash with that record again.
    if (outcome.error().code == ErrorCode::kConflict) {
      ComeBack(flight->queue, flight->message.receipt_handle, seconds(0));
    } else {
      GiveBack(flight->queue, flight->message.receipt_handle);
    }
    return LookLater(flight->queue);
  }
  AddAttempt(invocation, flight->attempt, *outcome);
  if (CountsAsFailure(outcome->kind)) ++invocation.failures;
  const EventFate fate = FateAfter(PolicyFor(invocation), outcome->kind, invocation.failures,
                                   invocation.queued, executor_.clock().WallNow(), random_.Next64());
  if (!fate.end) {
    if (CountsAsFailure(outcome->kind)) ++pump->second->counters.retried;
    TryAgain(flight, std::move(invocation), fate.delay);
    return;
  }
  std::string response =
      outcome->ok() ? std::move(outcome->payload) : FunctionErrorJson(*outcome, flight->id);
  End(flight, std::move(invocation), *fate.end, std::move(response));
}

void AsyncEvents::TryAgain(const FlightPtr& flight, AsyncInvocation invocation, seconds delay) {
  invocation.state = invocation.failures > 0 ? AsyncState::kRetrying : AsyncState::kQueued;
  invocation.next_attempt = executor_.clock().WallNow() + delay;
  book_.Put(std::move(invocation), [](const Status&) {});
  Land(flight);
  ComeBack(flight->queue, flight->message.receipt_handle, delay);
  Look(flight->queue);
}

void AsyncEvents::End(const FlightPtr& flight, AsyncInvocation invocation, EventEnd end,
                      std::string response) {
  invocation.end = end;
  invocation.deliveries = DeliveriesOf(invocation);
  invocation.result_bytes = response.size();
  invocation.result_kept = !response.empty() && response.size() <= InvocationBook::kResultKeptMax;
  invocation.event_kept = end != EventEnd::kSuccess;
  InvocationBook::More kept;
  if (invocation.result_kept) kept.result = response;
  if (invocation.event_kept) {
    kept.event = flight->message.body;
    log_.Warn("an asynchronous event has failed for good", {{"function", invocation.function},
                                                            {"request_id", flight->id.text()},
                                                            {"condition", std::string(ConditionOf(end))}});
  }
  Counters& counters = PumpOf(flight->queue).counters;
  ++(end == EventEnd::kSuccess ? counters.succeeded : counters.dropped);
  auto event = DecodeEvent(flight->message.body);
  const std::string arn = ArnOf(invocation);
  settler_.Settle(std::move(invocation), arn, event.ok() ? std::move(event).value() : Event(),
                  std::move(response), std::move(kept), [self = weak_.Get(), flight](const AsyncInvocation&) {
                    if (!self || !self->Land(flight)) return;
                    self->Drop(flight->queue, flight->message.receipt_handle);
                    self->Look(flight->queue);
                  });
}

// A crash came before all destinations had heard of it.
void AsyncEvents::GoOnSettling(const FlightPtr& flight, AsyncInvocation invocation) {
  const auto go_on = [self = weak_.Get(), flight,
                      invocation](const Result<std::optional<std::string>>& result) {
    if (!self) return;
    auto event = DecodeEvent(flight->message.body);
    self->settler_.Settle(
        invocation, self->ArnOf(invocation), event.ok() ? std::move(event).value() : Event(),
        result.ok() ? result->value_or("") : "", {}, [self, flight](const AsyncInvocation&) {
          if (!self || !self->Land(flight)) return;
          self->Drop(flight->queue, flight->message.receipt_handle);
          self->Look(flight->queue);
        });
  };
  book_.ReadResult(flight->id, go_on);
}

bool AsyncEvents::Land(const FlightPtr& flight) {
  const auto pump = pumps_.find(flight->queue);
  if (pump == pumps_.end() || pump->second->renewals.erase(flight->message.receipt_handle) == 0) return false;
  pump->second->under_way.erase(flight->id.text());
  --pump->second->in_flight;
  return true;
}

// Its message has come up at last: it goes, and what it holds is kept with the others that can be tried again.
void AsyncEvents::KeepCancelled(const std::string& queue, const QueueMessage& message,
                                AsyncInvocation invocation) {
  invocation.event_kept = true;
  invocation.attempt_last =
      std::max(invocation.attempt_last, invocation.attempt_base + message.receive_count);
  book_.Put(std::move(invocation), InvocationBook::More{std::nullopt, message.body},
            [self = weak_.Get(), queue, handle = message.receipt_handle](const Status& stored) {
              if (self && stored.ok()) self->Drop(queue, handle);
            });
}

// --- what holds for an event ---

RetryPolicy AsyncEvents::PolicyFor(const AsyncInvocation& invocation) const {
  return PolicyOf(options_.retry, configs_.Find(invocation.function, invocation.qualifier));
}

std::optional<EventEnd> AsyncEvents::EndOf(const Event& event, const AsyncInvocation& invocation) const {
  const bool off = registry_.ScalingOf(event.function).reserved_concurrency == 0U;
  return EndBefore(PolicyFor(invocation), invocation.queued, executor_.clock().WallNow(),
                   off ? FunctionSwitch::kOff : FunctionSwitch::kOn);
}

std::vector<AsyncDelivery> AsyncEvents::DeliveriesOf(const AsyncInvocation& invocation) const {
  std::vector<AsyncDelivery> deliveries;
  const bool success = invocation.end == EventEnd::kSuccess;
  if (const EventInvokeConfig* config = configs_.Find(invocation.function, invocation.qualifier)) {
    const std::string& arn = success ? config->on_success : config->on_failure;
    if (!arn.empty()) deliveries.push_back({AsyncDelivery::Kind::kDestination, arn});
  }
  if (success) return deliveries;
  auto version = registry_.Resolve(invocation.function, invocation.qualifier);
  if (!version.ok()) version = registry_.Resolve(invocation.function, "");
  if (version.ok() && !(*version)->settings.dead_letter_arn.empty())
    deliveries.push_back({AsyncDelivery::Kind::kDeadLetter, (*version)->settings.dead_letter_arn});
  return deliveries;
}

std::string AsyncEvents::ArnOf(const AsyncInvocation& invocation) const {
  const auto& options = registry_.options();
  return "arn:aws:lambda:" + options.region + ":" + options.account + ":function:" + invocation.function +
         ":" + (invocation.qualifier.empty() ? "$LATEST" : invocation.qualifier);
}

// --- the queue ---

void AsyncEvents::GiveBack(const std::string& queue, const std::string& handle) {
  queues_.Return(queue, {handle}, kIgnored);
}

void AsyncEvents::ComeBack(const std::string& queue, const std::string& handle, seconds delay) {
  queues_.ChangeVisibility(queue, {handle}, delay, kIgnored);
}

void AsyncEvents::Drop(const std::string& queue, const std::string& handle) {
  queues_.Delete(queue, {handle}, kIgnored);
}

void AsyncEvents::LookLater(const std::string& queue) {
  Pump& pump = PumpOf(queue);
  pump.back_off_timer = executor_.After(pump.back_off.Next(random_), [this, queue] {
    PumpOf(queue).refused = false;
    Look(queue);
  });
}

}  // namespace hearth
