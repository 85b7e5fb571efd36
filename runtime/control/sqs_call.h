#pragma once

#include <memory>

#include "runtime/control/api_call.h"
#include "runtime/control/sqs_error.h"

namespace hearth {

// One SQS operation: an ApiCall with its JSON body read.
class SqsCall final {
 public:
  SqsCall(ApiCallPtr call, Json request) : call_(std::move(call)), request_(std::move(request)) {}

  const Json& request() const { return request_; }
  JsonMembers members() const { return JsonMembers(request_); }
  // The last part of QueueUrl, whatever its host and account; kNotFound when it names none.
  Result<std::string> QueueName() const;
  ApiCall& call() { return *call_; }

  void Answer(const Json& body);
  void AnswerEmpty() { Answer(Json::object()); }
  void Fail(const SqsError& error);
  void Fail(const Error& error) { Fail(ToSqsError(error)); }

 private:
  ApiCallPtr call_;
  const Json request_;
};

using SqsCallPtr = std::shared_ptr<SqsCall>;

}  // namespace hearth
