#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "runtime/base/unique_fd.h"
#include "runtime/loop/loop.h"

namespace hearth {

// One accepted TCP connection: non-blocking, TCP_NODELAY.
//
// Owns:    the socket. Owned by the connection object above it.
// Thread:  loop thread only.
// Limits:  the owner watches bytes_unsent() and stops reading when it is over its own limit. FinishAndClose()
//          gives the peer kFinishStallMax to take each next bit of what is unsent, then kLingerMax to close
//          its side.
// Failure: on_closed(reason) when the peer has gone or an operation failed; nothing is called after it. But
//          `reason` is kCancelled for an orderly end of file: the peer may then still read, so writing stays
//          legal and on_drained, or on_closed once more with the error of a write, may follow.
// Promise: no callback runs inside a call on the stream, nor after the destructor returns. Destroying the
//          stream inside its own callback is legal.
class Stream final {
 public:
  struct Callbacks {
    std::function<void(std::string_view bytes)> on_bytes;  // the view lives until it returns
    std::function<void(const Error& reason)> on_closed;
    std::function<void()> on_drained;  // bytes_unsent() is 0 again; may be empty
  };

  // A peer that takes nothing for so long has hung; the same as other servers' send timeouts.
  static constexpr std::chrono::seconds kFinishStallMax{30};
  // After the last byte the peer's remaining bytes are read and dropped for this long: closing with unread
  // bytes makes the kernel send a reset, which can destroy an answer (a 413, say) that the peer has not read
  // yet.
  static constexpr std::chrono::seconds kLingerMax{2};

  // Takes a connected TCP socket.
  static Result<std::unique_ptr<Stream>> Adopt(Loop& loop, UniqueFd socket);
  ~Stream();
  void Start(Callbacks callbacks);
  void PauseReading();
  void ResumeReading();
  // Tries the socket at once, keeps the rest. Cheap to call once per answer; `bytes` is moved, not copied.
  void Write(std::string bytes);
  void Write(std::string head, std::string body);  // in one system call
  uint64_t bytes_unsent() const;
  // Sends what is unsent, then closes; no callback of the stream is called again.
  static void FinishAndClose(std::unique_ptr<Stream> stream);
  // The connection, for another loop; legal when nothing is unsent. No callback of the stream is called again.
  static Result<UniqueFd> Release(std::unique_ptr<Stream> stream);
  std::string PeerAddress() const;  // "127.0.0.1"; "" when it has gone

 private:
  struct Uv;
  struct PendingWrite;
  explicit Stream(Loop& loop);
  void OnRead(long bytes, const char* data);
  void OnWritten(int status);
  void Closed(Error reason);
  void WaitForPeer();

  Loop& loop_;
  Uv* uv_ = nullptr;          // freed by its close callback
  bool failed_ = false;       // on_closed was called with an error
  bool end_of_file_ = false;  // the peer will send no more
  bool finishing_ = false;    // FinishAndClose() was called: the loop owns this
  Timer finish_timer_;
};

}  // namespace hearth
