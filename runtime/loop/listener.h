#pragma once

#include <functional>
#include <string>

#include "runtime/base/weak_ptr.h"
#include "runtime/loop/fd_watch.h"
#include "runtime/loop/stream.h"

namespace hearth {

enum class PortShared { kNo, kYes };

struct ListenAddress {
  std::string host = "127.0.0.1";  // an IPv4 or IPv6 literal, or "localhost"
  uint16_t port = 0;               // 0: any free one; Listener::port() tells which
  bool IsLoopback() const;
};

// "8080", "127.0.0.1:8080", "[::1]:8080", "localhost:8080".
Result<ListenAddress> ParseListenAddress(std::string_view text);

// A listening TCP socket (SO_REUSEADDR, close-on-exec). Several of one process may share a port (SO_REUSEPORT), each on its
// loop: then the kernel gives each connection to one of them. The first, which is not shared when it is bound, finds out
// whether somebody else listens there. Accepts by itself instead of by uv_listen(), which
// spins for ever when its one spare descriptor is lost.
//
// Owns:    the socket. Owned by whoever serves on it.
// Thread:  loop thread only.
// Limits:  backlog kBacklog; at most kAcceptsPerTurn connections a turn, so that a storm does not starve
//          those there are.
// Failure: out of descriptors or memory it tells `on_accept_error` and pauses for kPause; clients wait in the
//          backlog.
// Promise: no callback runs after the destructor returns. Destroying the listener inside its own callback is
//          legal.
class Listener final {
 public:
  using OnConnection = std::function<void(std::unique_ptr<Stream>)>;
  using OnAcceptError = std::function<void(const Error&)>;
  static constexpr int kBacklog = 1024;
  static constexpr int kAcceptsPerTurn = 64;
  static constexpr std::chrono::milliseconds kPause{100};

  static Result<std::unique_ptr<Listener>> Create(Loop& loop, const ListenAddress& address,
                                                  OnConnection on_connection,
                                                  OnAcceptError on_accept_error = nullptr,
                                                  PortShared shared = PortShared::kNo);
  // From here on others of this process may listen on the same port.
  Status Share();
  uint16_t port() const { return port_; }

 private:
  struct Callbacks {
    OnConnection on_connection;
    OnAcceptError on_accept_error;
  };
  explicit Listener(Loop& loop) : loop_(loop) {}
  Status Watch();
  void Accept();
  bool AcceptOne(const Callbacks& callbacks);
  void Pause(const Error& reason);

  Loop& loop_;
  std::shared_ptr<const Callbacks> callbacks_;  // shared with the call that runs
  UniqueFd fd_;
  uint16_t port_ = 0;
  std::unique_ptr<FdWatch> watch_;  // null while paused
  Timer resume_;
  WeakPtrFactory<Listener> weak_{this};
};

}  // namespace hearth
