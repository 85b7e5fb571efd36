#pragma once

#include "runtime/control/api_call.h"
#include "runtime/registry/function_registry.h"
#include "runtime/router/async_events.h"
#include "runtime/router/event_sink.h"
#include "runtime/telemetry/log_store.h"

namespace hearth {

// Lambda's Invoke: RequestResponse, Event and DryRun; and InvokeWithResponseStream: RequestResponse and DryRun.
//
// Borrows: everything; all outlive it.
// Thread:  loop thread.
// Limits:  payload 6 MiB (the sink's), 1 MiB for Event; X-Amz-Client-Context 3,583 bytes; idempotency key (of Event
//          only, X-Hearth-Idempotency-Key) 128 bytes.
// Failure: what the handler did wrong is 200 with X-Amz-Function-Error; everything else has an HTTP status of
//          its own.
class LambdaInvoke final {
 public:
  LambdaInvoke(FunctionRegistry& registry, EventSink& sink, const AsyncEvents& events, const LogStore& logs)
      : registry_(registry), sink_(sink), events_(events), logs_(logs) {}

  void Invoke(const ApiCallPtr& call);
  void InvokeWithResponseStream(const ApiCallPtr& call);

 private:
  Result<Event> ReadEvent(ApiCall& call) const;
  void Submit(const ApiCallPtr& call, Event event);
  std::string VersionThatAnswers(const Event& event) const;  // "": an alias with a canary
  void AnswerOutcome(ApiCall& call, const std::string& function, const Outcome& outcome) const;

  FunctionRegistry& registry_;
  EventSink& sink_;
  const AsyncEvents& events_;
  const LogStore& logs_;
};

}  // namespace hearth
