#include "triggers/http/answer_stream.h"

#include <utility>

namespace hearth {
namespace {

http::Response ResponseOf(HttpAnswer answer) {
  return {answer.status, std::move(answer.headers), std::move(answer.body)};
}

}  // namespace

void AnswerStream::Begin(std::string content_type) {
  if (content_type == kPreludeContentType) {
    state_ = State::kPrelude;
    return;
  }
  HttpAnswer head;
  head.headers.Add("content-type", content_type);
  SendHead(std::move(head));
}

void AnswerStream::SendHead(HttpAnswer head) {
  state_ = State::kBody;
  dress_(head);
  responder_.Begin(ResponseOf(std::move(head)));
}

void AnswerStream::Write(std::string bytes) {
  if (state_ == State::kBody) return responder_.Write(std::move(bytes));
  if (state_ != State::kPrelude) return;
  prelude_ += bytes;
  TakePrelude();
}

void AnswerStream::TakePrelude() {
  auto split = SplitPrelude(prelude_);
  if (!split) {
    if (prelude_.size() > kPreludeBytesMax)
      Refuse("its prelude has no end within " + std::to_string(kPreludeBytesMax) + " bytes");
    return;
  }
  auto head = HeadFromPrelude(split->prelude);
  if (!head.ok()) return Refuse(head.error().message);
  std::string rest(split->body);
  prelude_.clear();
  SendHead(std::move(head).value());
  responder_.Write(std::move(rest));
}

void AnswerStream::Refuse(const std::string& why) {
  state_ = State::kOver;
  prelude_.clear();
  HttpAnswer answer =
      ProblemAnswer(502, "Internal Server Error: " + why, "Runtime.InvalidHttpResponse", request_id_.text());
  dress_(answer);
  responder_.Send(ResponseOf(std::move(answer)));
}

void AnswerStream::Finish(const Result<Outcome>& outcome) {
  if (outcome.ok() && outcome->ok()) Write(outcome->payload);
  if (state_ == State::kPrelude) Refuse("it ended within its prelude");
  if (std::exchange(state_, State::kOver) != State::kBody) return;
  if (outcome.ok() && outcome->ok()) return responder_.End();
  responder_ = http::Responder();  // dropped in the middle: the connection is cut
}

}  // namespace hearth
