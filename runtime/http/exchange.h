#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "runtime/http/responder.h"
#include "runtime/loop/executor.h"

namespace hearth::http {

class Connection;

// One request of a connection and its answer, until both are through. The bytes wait here until all earlier
// requests of the connection are answered.
//
// Owns:    the bytes of its answer. Owned by its connection and by the Responder that the handler has.
// Borrows: the connection, until Detach(); the executor.
// States:  open -> begun -> answered, or open -> answered.
class Exchange final : public ResponseSink, public std::enable_shared_from_this<Exchange> {
 public:
  // Bodies up to this size are copied behind their head, so that the answer is one buffer; larger ones are
  // moved.
  static constexpr size_t kSmallBody = 16 << 10;

  struct Asked {  // by the request
    bool head_only = false;
    int version = 11;
    bool keep_alive = true;
  };

  Exchange(Executor& executor, Connection& connection, Asked asked)
      : executor_(executor), connection_(&connection), asked_(asked) {}
  // For the next request of the connection, in the same memory. Legal when answered and nobody else has it, nor a task.
  void BeginAnew(Connection& connection, Asked asked);

  void Send(Response response) override;
  void Begin(Response head, std::optional<uint64_t> length) override;
  void Write(std::string bytes) override;
  void End() override;
  void Abandon() override;
  void OnClientGone(std::function<void()> callback) override;
  void OnRoom(std::function<void()> callback) override;
  bool client_gone() const override { return client_gone_; }
  uint64_t bytes_waiting() const override;

  // For Connection.
  void SendAndClose(Response response);
  void SendContinue() { out_ += "HTTP/1.1 100 Continue\r\n\r\n"; }
  void TellRoom();    // all that was written has left
  void ClientGone();  // the peer has finished sending: tells the handler
  // Who waits for room is told: nothing that is written takes any now.
  void Detach();
  bool answered() const { return state_ == State::kAnswered; }
  bool posted() const { return posted_; }  // a task has, or had, a weak pointer to it
  bool closes() const { return closes_; }
  bool has_output() const { return !out_.empty() || !body_.empty(); }
  std::string TakeOut() { return std::exchange(out_, {}); }
  std::string TakeBody() { return std::exchange(body_, {}); }  // goes out behind TakeOut()

  size_t request_bytes = 0;  // of the body that the handler holds

 private:
  enum class State { kOpen, kBegun, kAnswered };
  enum class Body { kNone, kPlain, kChunked };

  enum class Sends { kWhole, kPieces };
  void FormatLegal(const Response& response, Sends sends, std::optional<uint64_t> length = std::nullopt);
  template <class Task>
  void Post(Task task);
  void Answered();

  Executor& executor_;
  Connection* connection_;  // null: the connection has gone
  Asked asked_;
  State state_ = State::kOpen;
  Body streamed_ = Body::kNone;
  std::optional<uint64_t> left_;  // to be written, of a body whose length was said
  bool closes_ = false;
  bool client_gone_ = false;
  bool posted_ = false;
  std::string out_;
  std::string body_;
  std::function<void()> on_client_gone_;
  std::function<void()> on_room_;
};

}  // namespace hearth::http
