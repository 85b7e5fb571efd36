#include "runtime/router/async_events.h"

#include <utility>

#include "runtime/router/event_codec.h"

namespace hearth {
namespace {

constexpr milliseconds kBackOff{500};  // after a throttle or an event that could not run
constexpr seconds kFaultDelay{1};      // after an attempt that was our fault

}  // namespace

struct AsyncEvents::Pump {
  std::unique_ptr<EventSink::SlotWait> wait;
  bool looking = false;  // from asking for a slot until the message is received, or was not there
  bool look_again = false;
  size_t in_flight = 0;
  Timer back_off;
  std::map<std::string, Timer> renewals;   // by receipt handle
  std::map<std::string, uint32_t> faults;  // by message id: attempts that were our fault, not the function's
  Counters counters;
};

AsyncEvents::AsyncEvents(Options options, QueueStore& queues, EventSink& sink, Meter& meter, Log& log,
                         Executor& executor)
    : options_(options), queues_(queues), sink_(sink), meter_(meter), log_(log), executor_(executor) {}

AsyncEvents::~AsyncEvents() = default;

void AsyncEvents::Stop() {
  stopped_ = true;
  for (auto& [queue, pump] : pumps_) pump->wait.reset();
}

void AsyncEvents::Start(std::function<void(Status)> started) {
  queues_.List([self = weak_.Get(), started = std::move(started)](Result<std::vector<QueueDescription>> all) {
    if (!self) return;
    if (!all.ok()) return started(all.error());
    for (const QueueDescription& queue : *all) {
      self->known_.insert(queue.name);
      self->Look(queue.name);
    }
    started(Ok());
  });
}

void AsyncEvents::Add(Event event, EventSink::OnAccepted accepted) {
  const std::string queue = event.function;
  NewMessage message;
  message.body = EncodeEvent(event);
  message.delay = seconds(0);
  auto send = [self = weak_.Get(), queue, message = std::move(message),
               accepted = std::move(accepted)](Status ready) {
    if (!self) return;
    if (!ready.ok()) return accepted(ready);
    self->known_.insert(queue);
    self->queues_.Send(queue, {message}, [self, queue, accepted](Result<std::vector<SentMessage>> sent) {
      if (sent.ok() && self && self->known_.count(queue) != 0) ++self->PumpOf(queue).counters.accepted;
      accepted(sent.ok() ? Ok() : Status(sent.error()));
    });
  };
  if (known_.count(queue) != 0) return send(Ok());
  QueueSettings settings;
  settings.visibility_timeout = options_.lease;
  settings.retention = options_.age_max;
  queues_.Create(queue, settings, std::move(send));
}

void AsyncEvents::OnQueueVisible(std::string_view queue) { Look(std::string(queue)); }

void AsyncEvents::Visit(
    const std::function<void(const std::string& function, const Counters&, size_t running)>& visit) const {
  for (const auto& [function, pump] : pumps_) visit(function, pump->counters, pump->in_flight);
}

void AsyncEvents::ForgetFunction(const std::string& function) {
  pumps_.erase(function);
  if (known_.erase(function) != 0) queues_.Remove(function, [](const Status&) {});
}

AsyncEvents::Pump& AsyncEvents::PumpOf(const std::string& queue) {
  std::unique_ptr<Pump>& pump = pumps_[queue];
  if (!pump) pump = std::make_unique<Pump>();
  return *pump;
}

// First a peek, so that no worker is held for an empty queue; then a slot; only then is the message received.
void AsyncEvents::Look(const std::string& queue) {
  Pump& pump = PumpOf(queue);
  if (pump.looking) pump.look_again = true;
  if (stopped_ || pump.looking || pump.in_flight >= kInFlightMax) return;
  pump.looking = true;
  pump.look_again = false;
  queues_.Peek(queue, 1, [self = weak_.Get(), queue](Result<std::vector<QueueMessage>> seen) {
    if (!self || self->pumps_.count(queue) == 0) return;
    Pump& waiting = self->PumpOf(queue);
    if (!seen.ok() || seen->empty() || self->stopped_) {
      waiting.looking = false;
      if (waiting.look_again) self->Look(queue);
      return;
    }
    const auto event = DecodeEvent(seen->front().body);
    const std::string qualifier = event.ok() ? event->qualifier : "";
    waiting.wait = self->sink_.ReserveSlot(queue, qualifier,
                                           [self, queue](Result<std::unique_ptr<EventSink::Slot>> slot) {
                                             if (self) self->OnSlot(queue, std::move(slot));
                                           });
  });
}

void AsyncEvents::OnSlot(const std::string& queue, Result<std::unique_ptr<EventSink::Slot>> slot) {
  if (pumps_.count(queue) == 0) return;
  const bool gone = !slot.ok() && slot.error().code == ErrorCode::kNotFound;
  if (!slot.ok() && !gone) {
    PumpOf(queue).looking = false;
    return LookLater(queue);
  }
  // Without a slot when the version that was asked for is no more: the event is taken all the same, to be
  // dropped.
  auto held = std::make_shared<std::unique_ptr<EventSink::Slot>>(gone ? nullptr : std::move(slot).value());
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

void AsyncEvents::OnReceived(const std::string& queue, std::unique_ptr<EventSink::Slot> slot,
                             QueueMessage message) {
  auto event = DecodeEvent(message.body);
  if (!event.ok()) {
    log_.Error("a stored event cannot be read and is dropped",
               {{"queue", queue}, {"why", event.error().message}});
    ++PumpOf(queue).counters.dropped;
    return Drop(queue, message.receipt_handle);
  }
  if (meter_.HasSuccess(event->request_id)) return Drop(queue, message.receipt_handle);
  if (!slot) {
    log_.Warn("an asynchronous event is dropped: its version has been deleted",
              {{"function", queue}, {"qualifier", event->qualifier}});
    ++PumpOf(queue).counters.dropped;
    return Drop(queue, message.receipt_handle);
  }
  event->attempt = message.receive_count;
  ++PumpOf(queue).in_flight;
  Renew(queue, message.receipt_handle);
  sink_.DeliverOn(std::move(slot), std::move(event).value(),
                  [self = weak_.Get(), queue, message = std::move(message)](Result<Outcome> outcome) {
                    if (self) self->OnSettled(queue, message, std::move(outcome));
                  });
}

void AsyncEvents::Renew(const std::string& queue, const std::string& handle) {
  PumpOf(queue).renewals[handle] = executor_.After(options_.lease / 3, [this, queue, handle] {
    queues_.ChangeVisibility(queue, {handle}, options_.lease, [](const Result<std::vector<Status>>&) {});
    Renew(queue, handle);
  });
}

void AsyncEvents::OnSettled(const std::string& queue, const QueueMessage& message, Result<Outcome> outcome) {
  const auto found = pumps_.find(queue);
  if (found == pumps_.end()) return;  // the function has been deleted meanwhile
  Pump& pump = *found->second;
  if (pump.renewals.erase(message.receipt_handle) == 0) return;  // deleted, and another of that name made
  --pump.in_flight;
  if (!outcome.ok()) {
    queues_.Return(queue, {message.receipt_handle}, [](const Result<std::vector<Status>>&) {});
    return LookLater(queue);
  }
  if (!IsBillable(outcome->kind)) {
    // It has a record under its attempt's number: returned uncounted, the next run would clash with that.
    ++pump.faults[message.message_id];
    return ComeBack(queue, message, kFaultDelay);
  }
  const auto faults = pump.faults.find(message.message_id);
  const uint32_t tries = message.receive_count - (faults == pump.faults.end() ? 0 : faults->second);
  if (!outcome->ok() && tries <= options_.retries_max) {
    ++pump.counters.retried;
    ComeBack(queue, message, options_.retry_delay * (1 << (tries - 1)));
  } else {
    pump.faults.erase(message.message_id);
    ++(outcome->ok() ? pump.counters.succeeded : pump.counters.dropped);
    if (!outcome->ok()) {
      log_.Warn("an asynchronous event failed for the last time and is dropped",
                {{"function", queue}, {"error", outcome->error.type}});
    }
    Drop(queue, message.receipt_handle);
  }
  Look(queue);
}

void AsyncEvents::ComeBack(const std::string& queue, const QueueMessage& message, seconds delay) {
  queues_.ChangeVisibility(queue, {message.receipt_handle}, delay, [](const Result<std::vector<Status>>&) {});
}

void AsyncEvents::Drop(const std::string& queue, const std::string& handle) {
  queues_.Delete(queue, {handle}, [](const Result<std::vector<Status>>&) {});
}

void AsyncEvents::LookLater(const std::string& queue) {
  PumpOf(queue).back_off = executor_.After(kBackOff, [this, queue] { Look(queue); });
}

}  // namespace hearth
