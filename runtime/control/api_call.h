#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/ids.h"
#include "runtime/base/result.h"
#include "runtime/control/json_members.h"
#include "runtime/control/lambda_error.h"
#include "runtime/http/message.h"
#include "runtime/http/responder.h"

namespace hearth {

// One request of the control API and the right to answer it, once, now or later. Every answer carries
// x-amzn-RequestId.
//
// Owned by: whoever will answer it, shared by the callbacks on the way. Dropped unanswered, the client gets
// 500.
// Thread:  loop thread.
class ApiCall final {
 public:
  ApiCall(http::Request request, http::Responder responder, RequestId request_id)
      : request_(std::move(request)), responder_(std::move(responder)), request_id_(std::move(request_id)) {}

  const http::Request& request() const { return request_; }
  const std::string& body() const { return request_.body; }
  std::string TakeBody() { return std::move(request_.body); }
  std::string_view header(std::string_view name) const { return request_.headers.Get(name); }
  std::string parameter(std::string_view name) const;  // of the path, decoded; "" when there is none
  std::string query(std::string_view name) const;      // decoded; "" when there is none
  // `fallback` when there is none. kInvalidArgument: not a whole number from `least` to `most`.
  Result<uint64_t> query_number(const std::string& name, uint64_t fallback, uint64_t least,
                                uint64_t most) const;
  std::vector<std::string> queries(std::string_view name) const;  // each that is given
  const RequestId& request_id() const { return request_id_; }

  void Answer(int status, http::Headers headers, std::string body);
  void AnswerJson(int status, const Json& body);
  void AnswerEmpty(int status) { Answer(status, {}, ""); }
  // In Lambda's form, which our own resources use too.
  void Fail(const Error& error) { Fail(ToLambdaError(error)); }
  void Fail(const LambdaError& error);
  // For answers of unknown length: Begin with the headers of every answer, then the responder's own Write and
  // End.
  void Begin(int status, http::Headers headers);
  http::Responder& responder() { return responder_; }

 private:
  http::Request request_;
  http::Responder responder_;
  const RequestId request_id_;
};

using ApiCallPtr = std::shared_ptr<ApiCall>;

}  // namespace hearth
