#pragma once

#include "runtime/base/random.h"
#include "runtime/loop/executor.h"
#include "runtime/model/event.h"
#include "runtime/registry/function_registry.h"
#include "runtime/router/destination.h"
#include "runtime/router/event_sink.h"

namespace hearth {

// Another function, by its ARN with or without a qualifier: it gets the message's body as an asynchronous event.
//
// Borrows: everything; all outlive it.
// Thread:  loop thread.
// Limits:  those of asynchronous events.
class FunctionDestination final : public Destination {
 public:
  FunctionDestination(const FunctionRegistry& registry, EventSink& sink, Random& random, Executor& executor)
      : registry_(registry), sink_(sink), random_(random), executor_(executor) {}

  void Check(std::string arn, OnDone checked) override;
  void Send(std::string arn, Message message, OnDone stored) override;

 private:
  Result<FunctionReference> FunctionOf(const std::string& arn) const;

  const FunctionRegistry& registry_;
  EventSink& sink_;
  Random& random_;
  Executor& executor_;
};

}  // namespace hearth
