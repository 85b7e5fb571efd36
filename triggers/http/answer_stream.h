#pragma once

#include <functional>
#include <string>

#include "runtime/http/responder.h"
#include "runtime/model/response_stream.h"
#include "triggers/http/http_answer.h"

namespace hearth {

// The answer of a function whose URL streams, from the handler's first piece on.
//
// Borrows: the responder, which outlives it; `dress` adds what every answer of the address has.
// Thread:  loop thread.
// States:  kWaiting -> (kPrelude ->) kBody -> kOver, or kOver from any.
// Limits:  kPreludeBytesMax.
// Failure: a prelude that is none is answered 502, and the rest dropped. A handler that fails once the head has gone
//          cuts the connection, so that the client sees that the answer is not whole.
class AnswerStream final : public ResponseStream {
 public:
  // Called with the head before it goes.
  using Dress = std::function<void(HttpAnswer& head)>;
  static constexpr size_t kPreludeBytesMax = 64 << 10;

  AnswerStream(http::Responder& responder, RequestId request_id, Dress dress)
      : responder_(responder), request_id_(std::move(request_id)), dress_(std::move(dress)) {}

  void Begin(std::string content_type) override;
  void Write(std::string bytes) override;
  uint64_t bytes_waiting() const override { return responder_.bytes_waiting() + prelude_.size(); }
  void OnRoom(std::function<void()> room) override { responder_.OnRoom(std::move(room)); }

  // False when nothing has begun: the outcome is to be answered as any.
  bool begun() const { return state_ != State::kWaiting; }
  // Once, when begun: the last piece, and the end.
  void Finish(const Result<Outcome>& outcome);

 private:
  enum class State { kWaiting, kPrelude, kBody, kOver };

  void TakePrelude();
  void SendHead(HttpAnswer head);
  void Refuse(const std::string& why);

  http::Responder& responder_;
  const RequestId request_id_;
  const Dress dress_;
  State state_ = State::kWaiting;
  std::string prelude_;
};

}  // namespace hearth
