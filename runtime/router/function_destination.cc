#include "runtime/router/function_destination.h"

#include <utility>

namespace hearth {

Result<FunctionReference> FunctionDestination::FunctionOf(const std::string& arn) const {
  HEARTH_ASSIGN(FunctionReference reference, ParseFunctionReference(arn));
  const auto version = registry_.Resolve(reference.name, reference.qualifier);
  if (!version.ok()) return version.error();
  return reference;
}

void FunctionDestination::Check(std::string arn, OnDone checked) {
  const auto function = FunctionOf(arn);
  executor_.Post([checked = std::move(checked), status = function.ok() ? Ok() : Status(function.error())] {
    checked(status);
  });
}

void FunctionDestination::Send(std::string arn, Message message, OnDone stored) {
  auto function = FunctionOf(arn);
  if (!function.ok()) {
    return executor_.Post([stored = std::move(stored), error = function.error()] { stored(error); });
  }
  if (message.hops >= kHopsMax) {
    Error circle{ErrorCode::kInvalidArgument, "Hearth.HopLimit: " + std::to_string(message.hops) +
                                                  " functions have called or caused one another up to " +
                                                  arn + "; the limit is " + std::to_string(kHopsMax) +
                                                  ". Is it a circle?"};
    return executor_.Post([stored = std::move(stored), circle = std::move(circle)] { stored(circle); });
  }
  Event event;
  event.request_id = RequestId::Make(random_);
  event.function = std::move(function->name);
  event.qualifier = std::move(function->qualifier);
  event.payload = std::move(message.body);
  event.idempotency_key = std::move(message.idempotency_key);
  event.trace_id = std::move(message.trace_id);
  event.traceparent = std::move(message.traceparent);
  event.tracestate = std::move(message.tracestate);
  event.hops = message.hops;
  sink_.Submit(std::move(event), [arn = std::move(arn), stored = std::move(stored)](const Status& accepted) {
    stored(accepted.ok() ? Ok() : Status(accepted.error().WithContext(arn)));
  });
}

}  // namespace hearth
