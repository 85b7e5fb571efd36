#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace hearth {

// Where an answer goes piece by piece while its handler runs: a client's connection. How it ends, and the last piece,
// is told with the outcome.
//
// Thread:  loop thread. Owned by the event.
// Failure: a client that has gone takes everything and keeps nothing.
// Promise: no callback runs inside a call.
class ResponseStream {
 public:
  virtual ~ResponseStream() = default;
  // Once, before the first piece.
  virtual void Begin(std::string content_type) = 0;
  virtual void Write(std::string bytes) = 0;
  // What was written and has not left. Who writes waits while it is over kStreamWindow.
  virtual uint64_t bytes_waiting() const = 0;
  // Runs once when all that was written has left, or the client has gone.
  virtual void OnRoom(std::function<void()> room) = 0;
};

// Of one answer in hearthd's memory before its worker is read no further; beside it there is what two sockets hold.
inline constexpr uint64_t kStreamWindow = 256 << 10;
// Lambda's, of a streamed answer as a whole.
inline constexpr uint64_t kStreamBytesMax = 200 << 20;

}  // namespace hearth
