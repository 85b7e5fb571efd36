#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "runtime/base/log.h"
#include "runtime/base/random.h"
#include "runtime/base/weak_ptr.h"
#include "runtime/meter/meter.h"
#include "runtime/registry/event_invoke_configs.h"
#include "runtime/registry/function_registry.h"
#include "runtime/router/async_intake.h"
#include "runtime/router/event_fate.h"
#include "runtime/router/event_settler.h"
#include "runtime/router/event_sink.h"
#include "runtime/router/invocation_book.h"
#include "runtime/store/queue_store.h"

namespace hearth {

// Accepted events that nobody waits for (Lambda's Event invocation): stored first, run when a worker is free,
// retried, settled once.
//
// Owns:    one durable queue a function, of its name, in a store that nobody else uses: a slow function
//          delays nobody else's events, and one that has waited for a worker has its turn before those that
//          hold more of them.
// Borrows: everything given to the constructor; all outlive it.
// Thread:  loop thread.
// Limits:  kInFlightMax a function, those that settle included; Options; the book's open_max in all.
// Failure: what becomes of an event is decided in event_fate.h, and told in EventSettler. What hearthd could not
//          run goes back without counting; an attempt that failed by our fault, or that a crash interrupted, gets
//          another and uses up no retry. A success already in the ledger is never run again (design decision 10).
// Promise: what was accepted has one end. Each run of it has an attempt number of its own.
class AsyncEvents final : public AsyncIntake {
 public:
  struct Options {
    RetryPolicy retry{};  // where functions have set nothing
    // Of a message under way, renewed at a third of it; what a crash leaves is taken up when it has run out.
    seconds lease{10};
  };
  struct Parts {
    QueueStore& queues;
    EventSink& sink;
    Meter& meter;
    const FunctionRegistry& registry;
    const EventInvokeConfigs& configs;
    InvocationBook& book;
    Destination& destinations;
    Random& random;
    Log& log;
    Executor& executor;
  };
  static constexpr size_t kInFlightMax = 64;
  struct Counters {
    uint64_t accepted = 0;
    uint64_t succeeded = 0;
    uint64_t retried = 0;
    uint64_t dropped = 0;  // failed for the last time, or nothing could run it any more
    uint64_t told = 0;     // messages that destinations and dead-letter queues took
    uint64_t untold = 0;   // that they will never have
  };

  AsyncEvents(Options options, const Parts& parts);
  ~AsyncEvents() override;

  // Takes up what an earlier life of the daemon left. The book is loaded.
  void Start(std::function<void(Status)> started);
  void Add(Event event, EventSink::OnAccepted accepted) override;
  // The one that was first with this key; its id is what the caller hears.
  const AsyncInvocation* FindKey(const std::string& function, const std::string& key) const;
  // It will not be tried (again). kNotFound; kConflict: it runs, or has ended.
  void Cancel(const RequestId& id, std::function<void(Status)> done);
  // One that failed or was cancelled is queued again, with all its retries. kNotFound; kConflict: it has not ended, or
  // with success.
  void Retry(const RequestId& id, std::function<void(Status)> done);
  void OnQueueVisible(std::string_view queue);
  void ForgetFunction(const std::string& function);
  // What became of events since the start, and how many run, of each function that had any.
  void Visit(
      const std::function<void(const std::string& function, const Counters&, size_t running)>& visit) const;
  // Takes no more events from the queues, and gives its places in the pools' queues back.
  void Stop();

 private:
  struct Pump;    // one function's queue
  struct Flight;  // one message under way
  using FlightPtr = std::shared_ptr<Flight>;

  Pump& PumpOf(const std::string& queue);
  void WhenQueueIsThere(const std::string& queue, std::function<void(Status)> then);
  void Store(Event event, const std::string& key_hash, EventSink::OnAccepted accepted);
  void SendKeyed(const std::string& queue, NewMessage message, const RequestId& id);
  void TellAccepted(const RequestId& id, const Status& accepted);
  void Look(const std::string& queue);
  void OnPeeked(const std::string& queue, const QueueMessage& head);
  bool HasTurn(const Pump& mine) const;
  void Pause(const std::string& queue, Pump& pump);
  void Starve(const std::string& queue);
  void StarveNoMore(Pump& pump);
  void OnSlot(const std::string& queue, Result<std::unique_ptr<EventSink::Slot>> slot);
  void Receive(const std::string& queue, std::unique_ptr<EventSink::Slot> slot);
  void OnReceived(const std::string& queue, std::unique_ptr<EventSink::Slot> slot, QueueMessage message);
  bool CountUnknownFailures(const Flight& flight, AsyncInvocation& invocation);
  void Run(const FlightPtr& flight, Event event, std::unique_ptr<EventSink::Slot> slot);
  void OnOutcome(const FlightPtr& flight, Result<Outcome> outcome);
  void TryAgain(const FlightPtr& flight, AsyncInvocation invocation, seconds delay);
  void End(const FlightPtr& flight, AsyncInvocation invocation, EventEnd end, std::string response);
  void GoOnSettling(const FlightPtr& flight, AsyncInvocation invocation);
  void KeepCancelled(const std::string& queue, const QueueMessage& message, AsyncInvocation invocation);
  AsyncInvocation KnownOf(const Event& event, const QueueMessage& message);
  // Why it may not be tried now or ever, without a look for a worker.
  std::optional<EventEnd> EndOf(const Event& event, const AsyncInvocation& invocation) const;
  RetryPolicy PolicyFor(const AsyncInvocation& invocation) const;
  std::vector<AsyncDelivery> DeliveriesOf(const AsyncInvocation& invocation) const;
  std::string ArnOf(const AsyncInvocation& invocation) const;
  void Renew(const std::string& queue, const std::string& handle);
  bool Land(const FlightPtr& flight);  // false: the function has been deleted meanwhile
  void GiveBack(const std::string& queue, const std::string& handle);
  void ComeBack(const std::string& queue, const std::string& handle, seconds delay);
  void Drop(const std::string& queue, const std::string& handle);
  void LookLater(const std::string& queue);

  // Constant after construction.
  const Options options_;
  // Borrowed.
  QueueStore& queues_;
  EventSink& sink_;
  Meter& meter_;
  const FunctionRegistry& registry_;
  const EventInvokeConfigs& configs_;
  InvocationBook& book_;
  Random& random_;
  Log& log_;
  Executor& executor_;
  // Mutable.
  EventSettler settler_;
  bool started_ = false;  // before, neither what is known of events nor what functions have set is loaded
  bool stopped_ = false;
  std::set<std::string> known_;  // queues that exist
  std::map<std::string, std::unique_ptr<Pump>> pumps_;
  // Of events with a key: who is to hear that they are stored, by request id.
  std::map<std::string, std::vector<EventSink::OnAccepted>> accepting_;
  // With a key and from an earlier life, and their message was not seen yet: perhaps they have none.
  std::set<std::string> unconfirmed_;
  WeakPtrFactory<AsyncEvents> weak_{this};
};

}  // namespace hearth
