#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "runtime/http/message.h"

namespace hearth::http {

// Where an answer goes: a connection of the server; in a test of a handler, whatever the test likes.
class ResponseSink {
 public:
  virtual ~ResponseSink() = default;
  virtual void Send(Response response) = 0;
  virtual void Begin(Response head, std::optional<uint64_t> length) = 0;
  virtual void Write(std::string bytes) = 0;
  virtual void End() = 0;
  // The responder has gone without Send() or End().
  virtual void Abandon() = 0;
  virtual void OnClientGone(std::function<void()> callback) = 0;
  virtual bool client_gone() const = 0;
  virtual void OnRoom(std::function<void()> callback) = 0;
  virtual uint64_t bytes_waiting() const = 0;
};

// The right to answer one request, once, now or later: Send(); or Begin(), Write() as often as wanted, End().
// Everything is a no-op once the client has gone.
//
// Thread:  loop thread only. Owned by whoever will answer; may outlive connection and server.
// Failure: dropped without an answer the client gets 500; dropped between Begin() and End() its connection is
//          cut, so that it can tell that the answer is not whole.
// Promise: no callback runs inside a call, nor after the responder was answered or destroyed.
class Responder final {
 public:
  Responder() = default;
  explicit Responder(std::shared_ptr<ResponseSink> sink) : sink_(std::move(sink)) {}
  Responder(Responder&&) noexcept = default;
  Responder& operator=(Responder&& other) noexcept;
  ~Responder() { Drop(); }

  void Send(Response response);
  // A body of unknown length: chunked, or until close for HTTP/1.0. head.body is ignored.
  void Begin(Response head);
  // A body of `length` bytes, written in pieces; written otherwise, the connection is cut at End().
  void BeginSized(Response head, uint64_t length);
  void Write(std::string bytes);
  void End();

  bool answered() const {
    return sink_ == nullptr;
  }  // by Send() or End(); also true of a default-constructed one
  bool client_gone() const { return sink_ == nullptr || sink_->client_gone(); }
  // Runs once when the client goes before it has its answer.
  void OnClientGone(std::function<void()> callback);
  // Runs once when the client has taken all that was written: time for more. Also when its connection has gone; what is
  // written then is dropped.
  void OnRoom(std::function<void()> callback);
  // What was written and the client has not taken. A writer without end should wait while it is over its own
  // limit.
  uint64_t bytes_waiting() const { return sink_ ? sink_->bytes_waiting() : 0; }

 private:
  void Drop();
  std::shared_ptr<ResponseSink> sink_;
};

}  // namespace hearth::http
