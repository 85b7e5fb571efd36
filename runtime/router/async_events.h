#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "runtime/base/log.h"
#include "runtime/base/weak_ptr.h"
#include "runtime/meter/meter.h"
#include "runtime/router/event_sink.h"
#include "runtime/store/queue_store.h"

namespace hearth {

// Accepted events that nobody waits for (Lambda's Event invocation): stored first, run when a worker is free,
// retried, settled once.
//
// Owns:    one durable queue a function, of its name, in a store that nobody else uses: a slow function
//          delays nobody else's events.
// Borrows: everything given to the constructor; all outlive it.
// Thread:  loop thread.
// Limits:  kInFlightMax a function; Options.
// Failure: a function error is retried retries_max times, a minute and then two later; then the event is
//          dropped with a log line (dead letters and destinations come with the issue on the life of an
//          invocation). What hearthd could not run goes back without counting; an attempt that failed by
//          our fault gets another that uses up no retry (after a restart it does). A success already in the
//          ledger is never run again (design decision 10).
class AsyncEvents final {
 public:
  struct Options {
    uint32_t retries_max = 2;
    seconds retry_delay{60};  // before the first retry; doubled for the second
    // Of a message under way, renewed at a third of it; what a crash leaves is taken up when it has run out.
    seconds lease{10};
    seconds age_max{21'600};  // Lambda's default and maximum
  };
  static constexpr size_t kInFlightMax = 64;
  struct Counters {
    uint64_t accepted = 0;
    uint64_t succeeded = 0;
    uint64_t retried = 0;
    uint64_t dropped = 0;  // failed for the last time, or nothing could run it any more
  };

  AsyncEvents(Options options, QueueStore& queues, EventSink& sink, Meter& meter, Log& log,
              Executor& executor);
  ~AsyncEvents();

  // Takes up what an earlier life of the daemon left.
  void Start(std::function<void(Status)> started);
  void Add(Event event, EventSink::OnAccepted accepted);
  void OnQueueVisible(std::string_view queue);
  void ForgetFunction(const std::string& function);
  // What became of events since the start, and how many run, of each function that had any.
  void Visit(
      const std::function<void(const std::string& function, const Counters&, size_t running)>& visit) const;
  // Takes no more events from the queues, and gives its places in the pools' queues back.
  void Stop();

 private:
  struct Pump;  // one function's queue

  Pump& PumpOf(const std::string& queue);
  void Look(const std::string& queue);
  void OnSlot(const std::string& queue, Result<std::unique_ptr<EventSink::Slot>> slot);
  void OnReceived(const std::string& queue, std::unique_ptr<EventSink::Slot> slot, QueueMessage message);
  void OnSettled(const std::string& queue, const QueueMessage& message, Result<Outcome> outcome);
  void Renew(const std::string& queue, const std::string& handle);
  void ComeBack(const std::string& queue, const QueueMessage& message, seconds delay);
  void Drop(const std::string& queue, const std::string& handle);
  void LookLater(const std::string& queue);

  // Constant after construction.
  const Options options_;
  // Borrowed.
  QueueStore& queues_;
  EventSink& sink_;
  Meter& meter_;
  Log& log_;
  Executor& executor_;
  // Mutable.
  bool stopped_ = false;
  std::set<std::string> known_;  // queues that exist
  std::map<std::string, std::unique_ptr<Pump>> pumps_;
  WeakPtrFactory<AsyncEvents> weak_{this};
};

}  // namespace hearth
