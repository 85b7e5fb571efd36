#include "runtime/router/function_calls.h"

#include <utility>

#include "runtime/model/function.h"
#include "runtime/router/event_codec.h"

namespace hearth {
namespace {

// Lambda's names, as its own clients would see them.
std::string_view TypeOf(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalidArgument:
      return "InvalidParameterValueException";
    case ErrorCode::kNotFound:
      return "ResourceNotFoundException";
    case ErrorCode::kPrecondition:  // of hops
      return "RecursiveInvocationException";
    case ErrorCode::kTooLarge:
      return "RequestTooLargeException";
    case ErrorCode::kThrottled:
    case ErrorCode::kCancelled:
      return "TooManyRequestsException";
    case ErrorCode::kUnavailable:
      return "ServiceUnavailableException";
    default:
      return "ServiceException";
  }
}

HostReply RefusalOf(const Error& error) {
  HostReply reply;
  reply.error_type = TypeOf(error);
  reply.error_message = error.message;
  return reply;
}

// What is left to the caller once it hears that there is no worker.
constexpr int kWaitShare = 10;  // all but a tenth

Result<FunctionReference> ReferenceOf(const HostCall& call) {
  HEARTH_ASSIGN(FunctionReference reference, ParseFunctionReference(call.function));
  if (call.qualifier.empty()) return reference;
  if (!reference.qualifier.empty() && reference.qualifier != call.qualifier) {
    return Error{ErrorCode::kInvalidArgument, "the call of \"" + call.function + "\" asks for " +
                                                  call.qualifier + " too; name one qualifier"};
  }
  reference.qualifier = call.qualifier;
  return reference;
}

}  // namespace

uint64_t FunctionCalls::Call(HostCall call, OnReply done) {
  const uint64_t number = next_++;
  waiting_[number].done = std::move(done);
  auto event = EventOf(call);
  if (!event.ok()) {
    executor_.Post([weak = weak_.Get(), number, error = event.error()] {
      if (weak) weak->Reply(number, RefusalOf(error));
    });
    return number;
  }
  waiting_[number].request_id = event->request_id.text();
  if (call.type == HostCall::Type::kEvent) {
    Submit(number, std::move(event).value());
  } else {
    Deliver(number, std::move(event).value(), call.wait_max);
  }
  return number;
}

Result<Event> FunctionCalls::EventOf(HostCall& call) {
  HEARTH_ASSIGN(FunctionReference reference, ReferenceOf(call));
  const Event& caller = *call.caller;
  if (caller.hops + 1 >= kHopsMax) {
    return Error{ErrorCode::kPrecondition,
                 "Hearth.HopLimit: " + std::to_string(caller.hops + 1) +
                     " functions have called or caused one another up to this call of " + reference.name +
                     "; the limit is " + std::to_string(kHopsMax) + ". Is it a circle?"};
  }
  if (call.type == HostCall::Type::kEvent && call.payload.size() > kEventPayloadMax.count) {
    return Error{ErrorCode::kTooLarge, "the payload of an event for " + reference.name + " has " +
                                           std::to_string(call.payload.size()) + " bytes; the limit is " +
                                           std::to_string(kEventPayloadMax.count)};
  }
  Event event;
  event.request_id = RequestId::Make(random_);
  event.function = std::move(reference.name);
  event.qualifier = std::move(reference.qualifier);
  event.payload = std::move(call.payload);
  if (!call.content_type.empty()) event.content_type = std::move(call.content_type);
  event.trace_id = caller.trace_id;
  event.traceparent = caller.traceparent;
  event.tracestate = caller.tracestate;
  event.hops = caller.hops + 1;
  if (call.type == HostCall::Type::kSync) {
    event.is_call = true;
    const MonotonicTime now = executor_.clock().Now();
    event.wait_until = std::max(now, call.deadline - (call.deadline - now) / kWaitShare);
  }
  return event;
}

void FunctionCalls::Deliver(uint64_t number, Event event, nanoseconds wait_max) {
  Waiting& waiting = waiting_.at(number);
  if (wait_max > nanoseconds(0))
    waiting.limit = executor_.After(wait_max, [this, number, wait_max] { OnLimit(number, wait_max); });
  waiting.delivery = sink_.Deliver(std::move(event), [weak = weak_.Get(), number](Result<Outcome> outcome) {
    if (weak) weak->OnOutcome(number, std::move(outcome));
  });
}

void FunctionCalls::Submit(uint64_t number, Event event) {
  sink_.Submit(std::move(event), [weak = weak_.Get(), number](const Status& accepted) {
    if (!weak) return;
    if (!accepted.ok()) return weak->Reply(number, RefusalOf(accepted.error()));
    HostReply reply;
    reply.status = HostReply::Status::kOk;
    weak->Reply(number, std::move(reply));
  });
}

void FunctionCalls::OnOutcome(uint64_t number, Result<Outcome> outcome) {
  const auto found = waiting_.find(number);
  if (found == waiting_.end()) return;
  if (!outcome.ok()) return Reply(number, RefusalOf(outcome.error()));
  HostReply reply;
  reply.executed_version = std::move(outcome->executed_version);
  if (outcome->ok()) {
    reply.status = HostReply::Status::kOk;
    reply.content_type = std::move(outcome->content_type);
    reply.payload = std::move(outcome->payload);
  } else {
    reply.status = HostReply::Status::kFunctionError;
    reply.content_type = "application/json";
    reply.payload = FunctionErrorJson(*outcome, RequestId(found->second.request_id));
    reply.error_type = std::move(outcome->error.type);
    reply.error_message = std::move(outcome->error.message);
  }
  Reply(number, std::move(reply));
}

void FunctionCalls::OnLimit(uint64_t number, nanoseconds limit) {
  const DeliveryId delivery = waiting_.at(number).delivery;
  HostReply reply;
  reply.status = HostReply::Status::kTimedOut;
  reply.error_type = "CallTimedOut";
  reply.error_message =
      "the function that was called had not answered within " +
      std::to_string(std::chrono::duration_cast<milliseconds>(limit).count()) +
      " ms, the timeout of this call; if it had begun it runs on, and its answer is dropped";
  Reply(number, std::move(reply));
  sink_.Withdraw(delivery, Withdrawal::kUnlessBegun);
}

void FunctionCalls::Reply(uint64_t number, HostReply reply) {
  auto node = waiting_.extract(number);
  if (node.empty()) return;
  const bool ran = reply.status != HostReply::Status::kRefused;
  if (ran) reply.request_id = std::move(node.mapped().request_id);
  node.mapped().done(std::move(reply));
}

void FunctionCalls::Drop(uint64_t call) {
  const auto node = waiting_.extract(call);
  if (!node.empty()) sink_.Withdraw(node.mapped().delivery, Withdrawal::kUnlessBegun);
}

}  // namespace hearth
