#include "runtime/router/event_settler.h"

#include <utility>

#include "runtime/base/back_off.h"
#include "runtime/router/destination_document.h"

namespace hearth {
namespace {

constexpr milliseconds kTryAgainFirst{1'000}, kTryAgainLongest{60'000};

bool MayPass(ErrorCode code) {
  return code != ErrorCode::kNotFound && code != ErrorCode::kInvalidArgument && code != ErrorCode::kTooLarge;
}

AsyncState EndState(EventEnd end) {
  return end == EventEnd::kSuccess ? AsyncState::kSucceeded : AsyncState::kFailed;
}

size_t NextUntold(const AsyncInvocation& invocation) {
  for (size_t nth = 0; nth < invocation.deliveries.size(); ++nth) {
    const AsyncDelivery& delivery = invocation.deliveries[nth];
    if (!delivery.sent && delivery.failure.empty()) return nth;
  }
  return invocation.deliveries.size();
}

}  // namespace

struct EventSettler::Job {
  AsyncInvocation invocation;
  std::string function_arn;
  Event event;
  std::string response;
  InvocationBook::More kept;
  OnSettled settled;
  BackOff back_off{kTryAgainFirst, kTryAgainLongest};
  Timer again{};
};

EventSettler::EventSettler(InvocationBook& book, Destination& destinations, Random& random, Log& log,
                           Executor& executor)
    : book_(book), destinations_(destinations), random_(random), log_(log), executor_(executor) {}

EventSettler::~EventSettler() = default;

void EventSettler::Settle(AsyncInvocation invocation, std::string function_arn, Event event,
                          std::string response, InvocationBook::More kept, OnSettled settled) {
  const uint64_t number = next_++;
  jobs_[number] = std::make_unique<Job>(Job{std::move(invocation), std::move(function_arn), std::move(event),
                                            std::move(response), std::move(kept), std::move(settled)});
  Write(number);
}

// First what became of it; with everybody told, the same as ended.
void EventSettler::Write(uint64_t number) {
  Job& job = *jobs_.at(number);
  const bool told = NextUntold(job.invocation) == job.invocation.deliveries.size();
  job.invocation.state = told ? EndState(job.invocation.end) : AsyncState::kSettling;
  if (told) job.invocation.settled = executor_.clock().WallNow();
  book_.Put(job.invocation, job.kept, [weak = weak_.Get(), number, told](const Status& stored) {
    if (!weak || weak->jobs_.count(number) == 0) return;
    if (!stored.ok()) return weak->TryLater(number, "write down how an event ended", stored.error());
    weak->jobs_.at(number)->kept = {};
    if (!told) return weak->Deliver(number);
    const auto node = weak->jobs_.extract(number);
    node.mapped()->settled(node.mapped()->invocation);
  });
}

void EventSettler::Deliver(uint64_t number) {
  const Job& job = *jobs_.at(number);
  const size_t nth = NextUntold(job.invocation);
  if (nth == job.invocation.deliveries.size()) return Write(number);
  destinations_.Send(job.invocation.deliveries[nth].arn, MessageFor(job, nth),
                     [weak = weak_.Get(), number, nth](const Status& stored) {
                       if (weak && weak->jobs_.count(number) != 0) weak->OnDelivered(number, nth, stored);
                     });
}

void EventSettler::OnDelivered(uint64_t number, size_t nth, const Status& stored) {
  Job& job = *jobs_.at(number);
  AsyncDelivery& delivery = job.invocation.deliveries[nth];
  if (!stored.ok() && MayPass(stored.error().code))
    return TryLater(number, "send to " + delivery.arn, stored.error());
  Counters& counters = counters_[job.invocation.function];
  if (stored.ok()) {
    delivery.sent = true;
    ++counters.sent;
  } else {
    delivery.failure = stored.error().message;
    ++counters.failed;
    log_.Error("a destination will not hear of an event", {{"function", job.invocation.function},
                                                           {"request_id", job.invocation.request_id.text()},
                                                           {"destination", delivery.arn},
                                                           {"why", stored.error().message}});
  }
  Deliver(number);
}

void EventSettler::TryLater(uint64_t number, const std::string& what, const Error& why) {
  Job& job = *jobs_.at(number);
  const milliseconds delay = job.back_off.Next(random_);
  log_.Warn("an asynchronous event cannot be settled yet", {{"request_id", job.invocation.request_id.text()},
                                                            {"what", what},
                                                            {"why", why.message},
                                                            {"again_ms", std::to_string(delay.count())}});
  // What was told since is written with it.
  job.again = executor_.After(delay, [this, number] { Write(number); });
}

Destination::Message EventSettler::MessageFor(const Job& job, size_t nth) const {
  const AsyncDelivery& delivery = job.invocation.deliveries[nth];
  Destination::Message message;
  if (delivery.kind == AsyncDelivery::Kind::kDeadLetter) {
    message = DeadLetter(job.invocation, job.event.payload);
  } else {
    message.body = DestinationDocument({job.invocation, job.function_arn, job.event.payload, job.response},
                                       executor_.clock().WallNow(), kMessageBytesMax.count);
  }
  message.trace_id = job.event.trace_id;
  message.traceparent = job.event.traceparent;
  message.tracestate = job.event.tracestate;
  message.hops = job.event.hops + 1;
  // Of this end of it: what failed may be tried again and fail again.
  message.idempotency_key = job.invocation.request_id.text() + "/" +
                            std::to_string(job.invocation.attempt_base) + "/" + std::to_string(nth);
  return message;
}

void EventSettler::ForgetFunction(const std::string& function) {
  std::erase_if(jobs_, [&](const auto& job) { return job.second->invocation.function == function; });
  counters_.erase(function);
}

}  // namespace hearth
