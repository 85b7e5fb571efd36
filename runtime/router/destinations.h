#pragma once

#include <map>
#include <string>

#include "runtime/loop/executor.h"
#include "runtime/router/destination.h"

namespace hearth {

// All kinds of destinations, by the service in their ARNs: "sqs", "lambda".
//
// Borrows: each kind, and the executor; they outlive it.
// Thread:  loop thread.
// Failure: an ARN of a service that was not added is kInvalidArgument and names those that were.
class Destinations final : public Destination {
 public:
  explicit Destinations(Executor& executor) : executor_(executor) {}

  void Add(std::string service, Destination& kind) { kinds_[std::move(service)] = &kind; }

  void Check(std::string arn, OnDone checked) override;
  void Send(std::string arn, Message message, OnDone stored) override;

 private:
  Result<Destination*> KindOf(const std::string& arn) const;

  Executor& executor_;
  std::map<std::string, Destination*, std::less<>> kinds_;
};

}  // namespace hearth
