#include "runtime/http/exchange.h"

#include <charconv>

#include "runtime/http/connection.h"
#include "runtime/http/error_response.h"
#include "runtime/http/response_head.h"

namespace hearth::http {
namespace {

bool AsksToClose(const Response& response) {
  return EqualIgnoringCase(response.headers.Get("connection"), "close");
}

// What cannot be sent becomes a 500 that says why.
void MakeLegal(Response& response) {
  if (response.status < 200 || response.status > 999) {
    response = ErrorResponse(500, "internal",
                             "the handler answered with the status " + std::to_string(response.status) +
                                 "; it must be one of 200 to 999");
  }
  if (const auto illegal = IllegalHeader(response.headers)) {
    response = ErrorResponse(500, "internal",
                             "the handler answered with a header '" + *illegal +
                                 "' whose name is no token or whose value has control characters");
  }
}

std::string ChunkHead(size_t size) {
  char digits[16];
  const auto end = std::to_chars(digits, digits + sizeof digits, size, 16).ptr;
  return std::string(digits, end) + "\r\n";
}

}  // namespace

void Exchange::BeginAnew(Connection& connection, Asked asked) {
  connection_ = &connection;
  asked_ = asked;
  state_ = State::kOpen;
  streamed_ = Body::kNone;
  left_.reset();
  closes_ = false;
  client_gone_ = false;
  request_bytes = 0;
}

template <class Task>
void Exchange::Post(Task task) {
  posted_ = true;
  executor_.Post([weak = weak_from_this(), task = std::move(task)] {
    if (const auto self = weak.lock()) task(*self);
  });
}

void Exchange::FormatLegal(const Response& response, Sends sends, std::optional<uint64_t> length) {
  Framing framing;
  framing.length = length;
  if (sends == Sends::kPieces && !length)
    framing.body = asked_.version == 11 ? BodyFraming::kChunked : BodyFraming::kUntilClose;
  connection_->CountAnswer(response.status);
  closes_ = closes_ || !asked_.keep_alive || framing.body == BodyFraming::kUntilClose ||
            AsksToClose(response) || connection_->ClosesAfter(*this);
  framing.close = closes_;
  framing.old_keep_alive = asked_.version == 10;
  AppendHead(out_, response, framing, connection_->date_line());
}

void Exchange::Send(Response response) {
  if (!connection_ || state_ != State::kOpen) return;
  MakeLegal(response);
  FormatLegal(response, Sends::kWhole);
  if (!asked_.head_only && StatusHasBody(response.status)) {
    if (response.body.size() <= kSmallBody) {
      out_ += response.body;
    } else {
      body_ = std::move(response.body);
    }
  }
  Answered();
}

void Exchange::SendAndClose(Response response) {
  closes_ = true;
  Send(std::move(response));
}

void Exchange::Begin(Response head, std::optional<uint64_t> length) {
  if (!connection_ || state_ != State::kOpen) return;
  head.body.clear();
  MakeLegal(head);
  if (!head.body.empty() ||
      !StatusHasBody(head.status)) {  // an error of the handler, or a status without a body
    FormatLegal(head, Sends::kWhole);
    if (!asked_.head_only) out_ += head.body;
  } else {
    FormatLegal(head, Sends::kPieces, length);
    if (!asked_.head_only) {
      streamed_ = asked_.version == 11 && !length ? Body::kChunked : Body::kPlain;
      left_ = length;
    }
  }
  state_ = State::kBegun;
  connection_->OnOutput();
}

void Exchange::Write(std::string bytes) {
  if (!connection_ || state_ != State::kBegun || streamed_ == Body::kNone || bytes.empty()) return;
  if (left_ && bytes.size() > *left_) return connection_->Cut();  // the next answer would begin in this one
  if (left_) *left_ -= bytes.size();
  if (streamed_ == Body::kChunked) out_ += ChunkHead(bytes.size());
  out_ += bytes;
  if (streamed_ == Body::kChunked) out_ += "\r\n";
  connection_->OnOutput();
}

void Exchange::End() {
  if (!connection_) return;
  if (state_ == State::kOpen) Begin({}, std::nullopt);
  if (left_.value_or(0) > 0) return connection_->Cut();
  if (streamed_ == Body::kChunked) out_ += "0\r\n\r\n";
  Answered();
}

void Exchange::Abandon() {
  if (!connection_) return;
  on_client_gone_ = nullptr;
  on_room_ = nullptr;
  if (state_ == State::kBegun) return connection_->Cut();
  Send(ErrorResponse(500, "internal", "the handler ended without an answer; its log may say why"));
}

void Exchange::Answered() {
  state_ = State::kAnswered;
  on_client_gone_ = nullptr;
  on_room_ = nullptr;
  connection_->OnOutput();
}

void Exchange::OnClientGone(std::function<void()> callback) {
  if (answered()) return;
  on_client_gone_ = std::move(callback);
  if (!client_gone_) return;
  Post([](Exchange& self) { self.ClientGone(); });
}

void Exchange::OnRoom(std::function<void()> callback) {
  if (!connection_ || answered()) return;
  on_room_ = std::move(callback);
  if (bytes_waiting() == 0) TellRoom();
}

void Exchange::Detach() {
  connection_ = nullptr;
  auto room = std::exchange(on_room_, nullptr);  // it may hold us
  if (!room) return;
  Post([room = std::move(room)](Exchange& self) {
    if (!self.answered()) room();
  });
}

void Exchange::TellRoom() {
  if (!on_room_) return;
  Post([](Exchange& self) {
    if (self.answered()) return;
    if (const auto callback = std::exchange(self.on_room_, nullptr)) callback();
  });
}

void Exchange::ClientGone() {
  client_gone_ = true;
  if (const auto callback = std::exchange(on_client_gone_, nullptr)) callback();
}

uint64_t Exchange::bytes_waiting() const {
  return connection_ ? out_.size() + body_.size() + connection_->bytes_unsent() : 0;
}

}  // namespace hearth::http
