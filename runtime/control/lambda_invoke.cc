#include "runtime/control/lambda_invoke.h"

#include "runtime/base/base64.h"
#include "runtime/base/json_depth.h"
#include "runtime/base/json_scan.h"
#include "runtime/control/invoke_stream.h"
#include "runtime/control/lambda_reference.h"
#include "runtime/control/log_tail.h"
#include "runtime/model/trace_context.h"
#include "runtime/router/event_codec.h"

namespace hearth {
namespace {

constexpr size_t kClientContextBytesMax = 3'583;
constexpr const char* kIdempotencyHeader = "x-hearth-idempotency-key";

LambdaError NotJson(const Error& error) {
  return {400, "InvalidRequestContentException", "Could not parse request body into json: " + error.message,
          ""};
}

// Where the text stops being JSON, or nothing. Only looked at: the handler gets the bytes that came.
Status CheckJson(const std::string& text) {
  const JsonScan scan = ScanJson(text, kForeignJsonDepthMax);
  if (scan.verdict == JsonScan::Verdict::kValid || Json::accept(text)) return Ok();
  try {
    return Json::parse(text).is_discarded() ? Status(Error{ErrorCode::kInvalidArgument, "not JSON"}) : Ok();
  } catch (const Json::exception& e) {
    return Error{ErrorCode::kInvalidArgument, std::string("Could not parse payload into json: ") + e.what()};
  }
}

// Not the handler's doing and not the caller's: an SDK tries again.
bool NeverRan(OutcomeKind kind) {
  return kind == OutcomeKind::kThrottled || kind == OutcomeKind::kCancelled ||
         kind == OutcomeKind::kPlatformFault || kind == OutcomeKind::kInterrupted;
}

Error WhyItNeverRan(const Outcome& outcome) {
  if (outcome.kind == OutcomeKind::kThrottled) return {ErrorCode::kThrottled, outcome.error.message};
  if (outcome.kind == OutcomeKind::kPlatformFault) return {ErrorCode::kInternal, outcome.error.message};
  return {ErrorCode::kUnavailable, outcome.error.message};
}

bool WantsLog(const ApiCall& call) { return call.header("x-amz-log-type") == "Tail"; }

}  // namespace

void LambdaInvoke::AnswerOutcome(ApiCall& call, const std::string& function, const Outcome& outcome) const {
  if (NeverRan(outcome.kind)) return call.Fail(WhyItNeverRan(outcome));
  http::Headers headers = {{"content-type", "application/json"},
                           {"X-Amz-Executed-Version", outcome.executed_version}};
  if (const auto trace_id = call.request().headers.Find("x-amzn-trace-id"); trace_id && IsTraceId(*trace_id))
    headers.Add("X-Amzn-Trace-Id", *trace_id);
  if (WantsLog(call)) {
    headers.Add("X-Amz-Log-Result",
                Base64Encode(AttemptLogTail(logs_, function, outcome, call.request_id())));
  }
  if (!outcome.ok()) {
    headers.Add("X-Amz-Function-Error", "Unhandled");
    return call.Answer(200, std::move(headers), FunctionErrorJson(outcome, call.request_id()));
  }
  if (!outcome.content_type.empty()) headers.Set("content-type", outcome.content_type);
  call.Answer(200, std::move(headers), outcome.payload.empty() ? "null" : outcome.payload);
}

Result<Event> LambdaInvoke::ReadEvent(ApiCall& call) const {
  HEARTH_ASSIGN(FunctionReference reference,
                ReadFunctionReference(call.parameter("name"), call.query("Qualifier")));
  // AWS names $LATEST here when the caller did not.
  FunctionReference shown = reference;
  if (shown.qualifier.empty()) shown.qualifier = "$LATEST";
  const auto version = registry_.Resolve(reference.name, reference.qualifier);
  if (!version.ok()) return FunctionNotFound(registry_, shown);
  Event event;
  event.request_id = call.request_id();
  event.function = std::move(reference.name);
  event.qualifier = std::move(reference.qualifier);
  TraceContext trace = TraceContextOf(call.request().headers);
  event.trace_id = std::move(trace.trace_id);
  event.traceparent = std::move(trace.traceparent);
  event.tracestate = std::move(trace.tracestate);
  event.client_context = call.header("x-amz-client-context");
  if (event.client_context.size() > kClientContextBytesMax) {
    return Error{ErrorCode::kInvalidArgument,
                 "X-Amz-Client-Context has " + std::to_string(event.client_context.size()) +
                     " bytes; the limit is " + std::to_string(kClientContextBytesMax)};
  }
  event.idempotency_key = call.header(kIdempotencyHeader);
  if (event.idempotency_key.size() > kIdempotencyKeyBytesMax) {
    return Error{ErrorCode::kInvalidArgument,
                 "X-Hearth-Idempotency-Key has " + std::to_string(event.idempotency_key.size()) +
                     " bytes; the limit is " + std::to_string(kIdempotencyKeyBytesMax)};
  }
  if (WantsLog(call)) event.log_tail = LogTail::kTail;
  event.payload = call.TakeBody();
  if (event.payload.empty()) event.payload = "{}";
  return event;
}

void LambdaInvoke::Invoke(const ApiCallPtr& call) {
  const std::string type(call->header("x-amz-invocation-type"));
  if (!type.empty() && type != "RequestResponse" && type != "Event" && type != "DryRun") {
    return call->Fail(
        Error{ErrorCode::kInvalidArgument,
              "X-Amz-Invocation-Type \"" + type + "\" is none of RequestResponse, Event and DryRun"});
  }
  auto event = ReadEvent(*call);
  if (!event.ok()) return call->Fail(event.error());
  if (type == "DryRun") return call->AnswerEmpty(204);
  if (const Status json = CheckJson(event->payload); !json.ok()) return call->Fail(NotJson(json.error()));
  if (type != "Event" && !event->idempotency_key.empty()) {
    return call->Fail(
        Error{ErrorCode::kInvalidArgument,
              "X-Hearth-Idempotency-Key is for X-Amz-Invocation-Type: Event; an answer that is waited "
              "for is not kept"});
  }
  if (type != "Event") {
    const std::string function = event->function;
    sink_.Deliver(std::move(event).value(), [this, call, function](const Result<Outcome>& outcome) {
      if (!outcome.ok()) return call->Fail(outcome.error());
      AnswerOutcome(*call, function, *outcome);
    });
    return;
  }
  Submit(call, std::move(event).value());
}

void LambdaInvoke::InvokeWithResponseStream(const ApiCallPtr& call) {
  const std::string type(call->header("x-amz-invocation-type"));
  if (!type.empty() && type != "RequestResponse" && type != "DryRun") {
    return call->Fail(Error{ErrorCode::kInvalidArgument,
                            "X-Amz-Invocation-Type \"" + type + "\" is none of RequestResponse and DryRun"});
  }
  auto event = ReadEvent(*call);
  if (!event.ok()) return call->Fail(event.error());
  if (type == "DryRun") return call->AnswerEmpty(204);
  if (const Status json = CheckJson(event->payload); !json.ok()) return call->Fail(NotJson(json.error()));
  const std::string function = event->function;
  auto stream = std::make_shared<InvokeStream>(call, VersionThatAnswers(*event));
  event->stream = stream;
  sink_.Deliver(std::move(event).value(), [this, call, stream, function](const Result<Outcome>& outcome) {
    if (!outcome.ok() && stream->begun()) return;  // dropped in the middle: the connection is cut
    if (!outcome.ok()) return call->Fail(outcome.error());
    if (!stream->begun() && NeverRan(outcome->kind)) return call->Fail(WhyItNeverRan(*outcome));
    const bool log = WantsLog(*call);
    stream->Finish(*outcome,
                   log ? Base64Encode(AttemptLogTail(logs_, function, *outcome, call->request_id())) : "");
  });
}

std::string LambdaInvoke::VersionThatAnswers(const Event& event) const {
  const FunctionAlias* const alias = registry_.aliases().Find(event.function, event.qualifier);
  if (alias != nullptr && !alias->canary_version.empty()) return {};
  const auto version = registry_.Resolve(event.function, event.qualifier);
  return version.ok() ? (*version)->version : std::string();
}

void LambdaInvoke::Submit(const ApiCallPtr& call, Event event) {
  if (event.payload.size() > kEventPayloadMax.count) {
    return call->Fail(
        Error{ErrorCode::kTooLarge, "Request must be smaller than " + std::to_string(kEventPayloadMax.count) +
                                        " bytes for the InvokeFunction operation with type Event; this has " +
                                        std::to_string(event.payload.size())});
  }
  const std::string function = event.function;
  const std::string key = event.idempotency_key;
  sink_.Submit(std::move(event), [this, call, function, key](const Status& accepted) {
    if (!accepted.ok()) return call->Fail(accepted.error());
    // With a key it may be another's event: its id is what can be asked for.
    const AsyncInvocation* first = events_.FindKey(function, key);
    if (first == nullptr) return call->AnswerEmpty(202);
    const bool again = first->request_id != call->request_id();
    call->Answer(
        202,
        {{"X-Hearth-Request-Id", first->request_id.text()}, {"X-Hearth-Idempotent", again ? "first" : "new"}},
        "");
  });
}

}  // namespace hearth
