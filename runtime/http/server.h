#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "runtime/base/log.h"
#include "runtime/http/connection.h"
#include "runtime/loop/listener.h"

namespace hearth::http {

struct ServerOptions {
  Limits limits{};
  RequestFilter filter{};  // may be empty
  HandOver hand_over{};
  Prelude prelude{};  // may be empty
  PortShared shared = PortShared::kNo;
};

// An HTTP/1.1 server on one port: keep-alive, pipelining, chunked bodies both ways, Expect: 100-continue.
//
// Owns:    listener and connections. Owned by the daemon. Not to be destroyed inside a handler.
// Borrows: Loop&, RouteTable&, Log& - all outlive the server.
// Thread:  loop.
// Limits:  ServerOptions::limits.
// Failure: every refusal is a JSON body {"error","message"}; see error_response.h.
// Promise: no handler runs after the destructor returns; responders that are still held become no-ops.
class Server final {
 public:
  static Result<std::unique_ptr<Server>> Create(Loop& loop, const ListenAddress& address,
                                                const RouteTable& routes, Log& log,
                                                ServerOptions options = {});
  ~Server();

  // Other servers of this process may listen on the same port.
  Status SharePort() { return listener_->Share(); }
  // A connection that another server began.
  void Take(HandedOver connection);

  uint16_t port() const { return port_; }
  size_t connections() const { return connections_.size(); }
  const ServerStats& stats() const { return context_.stats; }

  // Stops accepting, closes idle connections, answers what is in flight with "connection: close". `drained`
  // runs once, never inside the call, when the last connection has gone; how long that may take is the
  // caller's to limit.
  void Drain(std::function<void()> drained);

 private:
  Server(Loop& loop, const RouteTable& routes, Log& log, ServerOptions options);
  void OnConnection(std::unique_ptr<Stream> stream, std::string_view bytes = {});
  void RefuseConnection(std::unique_ptr<Stream> stream);
  void Sweep();
  void Retire(Connection& connection);
  void TellDrained();

  Log& log_;
  const ServerOptions options_;
  ConnectionContext context_;
  uint16_t port_ = 0;
  std::unique_ptr<Listener> listener_;  // null once draining
  Timer sweep_;                         // armed while there are connections
  std::unordered_map<Connection*, std::unique_ptr<Connection>> connections_;
  std::vector<std::unique_ptr<Connection>> retired_;  // destroyed in the next turn
  std::function<void()> drained_;
  WeakPtrFactory<Server> weak_{this};
};

}  // namespace hearth::http
