#pragma once

#include <functional>
#include <string>

#include "runtime/loop/stream.h"

namespace hearth {

struct ListenAddress {
  std::string host = "127.0.0.1";  // an IPv4 or IPv6 literal, or "localhost"
  uint16_t port = 0;               // 0: any free one; Listener::port() tells which
  bool IsLoopback() const;
};

// "8080", "127.0.0.1:8080", "[::1]:8080", "localhost:8080".
Result<ListenAddress> ParseListenAddress(std::string_view text);

// A listening TCP socket (SO_REUSEADDR, backlog 1024, close-on-exec). Out of descriptors, connections that
// wait are closed at once, each with a call of `on_accept_error`. Destroying the listener inside its own
// callback is legal.
class Listener final {
 public:
  using OnConnection = std::function<void(std::unique_ptr<Stream>)>;
  using OnAcceptError = std::function<void(const Error&)>;
  static Result<std::unique_ptr<Listener>> Create(Loop& loop, const ListenAddress& address,
                                                  OnConnection on_connection,
                                                  OnAcceptError on_accept_error = nullptr);
  ~Listener();
  uint16_t port() const { return port_; }

 private:
  struct Uv;
  Listener() = default;
  Uv* uv_ = nullptr;  // freed by its close callback
  uint16_t port_ = 0;
};

}  // namespace hearth
