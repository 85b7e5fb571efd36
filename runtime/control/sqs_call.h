#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/control/api_call.h"
#include "runtime/control/sqs_error.h"

namespace hearth {

enum class SqsProtocol { kJson, kQuery };

// One SQS operation, whichever protocol it came in: its request as the JSON protocol has it, and the right to
// answer it in its own protocol.
class SqsCall final {
 public:
  SqsCall(ApiCallPtr call, SqsProtocol protocol, std::string operation, Json request)
      : call_(std::move(call)),
        protocol_(protocol),
        operation_(std::move(operation)),
        request_(std::move(request)) {}

  const Json& request() const { return request_; }
  JsonMembers members() const { return JsonMembers(request_); }
  // The last part of QueueUrl, whatever its host and account, or of the path that was asked for. Nothing, and
  // the call has failed, when it names none.
  std::optional<std::string> NeedQueue();
  // The text of a member that must be there and not empty; else the call has failed.
  std::optional<std::string> NeedText(const char* name);
  // What clients send back as QueueUrl: with the host that this one asked for, so that it can come back.
  std::string UrlOf(const std::string& account, const std::string& queue) const;
  ApiCall& call() { return *call_; }

  void Answer(const Json& body);
  void AnswerEmpty() { Answer(Json::object()); }
  void Fail(const SqsError& error);
  void Fail(const Error& error) { Fail(ToSqsError(error)); }
  // For operations that have nothing to say but that it was done.
  void AnswerStatus(const Status& done) { done.ok() ? AnswerEmpty() : Fail(done.error()); }

 private:
  const ApiCallPtr call_;
  const SqsProtocol protocol_;
  const std::string operation_;
  const Json request_;
};

using SqsCallPtr = std::shared_ptr<SqsCall>;

}  // namespace hearth
