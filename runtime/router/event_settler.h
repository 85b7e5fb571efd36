#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "runtime/base/log.h"
#include "runtime/base/random.h"
#include "runtime/base/weak_ptr.h"
#include "runtime/loop/executor.h"
#include "runtime/model/async_invocation.h"
#include "runtime/router/destination.h"
#include "runtime/router/invocation_book.h"

namespace hearth {

// Ends asynchronous invocations: what became of one is written down, then everybody hears of it who is to, and only
// then is it settled.
//
// Borrows: everything; all outlive it. Owned by AsyncEvents.
// Thread:  loop thread.
// Failure: a destination that is not there, or that refuses, is left out; the record and the log say so. What may pass
//          is tried again after 1 s to 60 s, without end: meanwhile the event is not settled, and a restart goes on.
// Promise: of each event each destination gets one message, as far as the store there remembers the idempotency key
//          (5 minutes in a queue): only a crash between a destination's commit and ours, with a longer pause after
//          it, gives two.
class EventSettler final {
 public:
  struct Counters {
    uint64_t sent = 0;
    uint64_t failed = 0;  // there was no such destination any more, or it refused
  };
  using OnSettled = std::function<void(const AsyncInvocation&)>;

  EventSettler(InvocationBook& book, Destination& destinations, Random& random, Log& log, Executor& executor);
  ~EventSettler();

  // `invocation` has its end and its deliveries; `event` and `response` as destinations are to hear them.
  void Settle(AsyncInvocation invocation, std::string function_arn, Event event, std::string response,
              InvocationBook::More kept, OnSettled settled);
  void ForgetFunction(const std::string& function);
  Counters CountersOf(const std::string& function) const {
    const auto found = counters_.find(function);
    return found == counters_.end() ? Counters() : found->second;
  }

 private:
  struct Job;

  void Write(uint64_t number);
  void Deliver(uint64_t number);
  void OnDelivered(uint64_t number, size_t nth, const Status& stored);
  void TryLater(uint64_t number, const std::string& what, const Error& why);
  Destination::Message MessageFor(const Job& job, size_t nth) const;

  InvocationBook& book_;
  Destination& destinations_;
  Random& random_;
  Log& log_;
  Executor& executor_;
  uint64_t next_ = 1;
  std::map<uint64_t, std::unique_ptr<Job>> jobs_;
  std::map<std::string, Counters> counters_;
  WeakPtrFactory<EventSettler> weak_{this};
};

}  // namespace hearth
