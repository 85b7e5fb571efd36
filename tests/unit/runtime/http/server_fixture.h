#pragma once

#include "runtime/http/server.h"
#include "tests/unit/runtime/loop/loop_fixture.h"

namespace hearth::http {

// A server on a free port, and clients that are plain sockets. Handlers are mounted on `routes`; "ANY /hold"
// keeps what it is asked in `held`, to be answered by the test.
struct ServerFixture : LoopFixture {
  struct Held {
    Request request;
    Responder responder;
  };

  NullLog log;
  RouteTable routes;
  std::vector<RouteLease> leases;
  std::vector<Held> held;
  std::unique_ptr<Server> server;

  ServerFixture() {
    Mount("GET /hello", [](Request, Responder responder) { responder.Send(Response::Text(200, "hello")); });
    Mount("POST /echo",
          [](Request request, Responder responder) { responder.Send(Response::Text(200, request.body)); });
    Mount("ANY /hold", [this](Request request, Responder responder) {
      held.push_back({std::move(request), std::move(responder)});
    });
    Serve({});
  }
  void Mount(std::string_view route, Handler handler, RouteOptions options = {}) {
    auto lease = routes.Add(route, std::move(handler), options);
    REQUIRE(lease.ok());
    leases.push_back(std::move(lease).value());
  }
  void Serve(ServerOptions options) {
    server.reset();
    server = std::move(Server::Create(*loop, {}, routes, log, std::move(options))).value();
  }
  PlainClient Connect() { return PlainClient(server->port()); }

  // What `client` has received once `done` holds for it; without date lines.
  std::string Receive(PlainClient& client, const std::function<bool(const std::string&)>& done) {
    std::string received;
    RunUntil([&] {
      received += client.Receive();
      return done(received);
    });
    return WithoutDates(received);
  }
  std::string ReceiveUntil(PlainClient& client, const std::string& end) {
    return Receive(client,
                   [&](const std::string& received) { return received.find(end) != std::string::npos; });
  }
  std::string ReceiveAll(PlainClient& client) {
    return Receive(client, [&](const std::string&) { return client.at_end(); });
  }
  // Sends on a connection of its own; all that comes until the server closes.
  std::string Exchange(std::string_view bytes) {
    PlainClient client = Connect();
    client.Send(bytes);
    return ReceiveAll(client);
  }
  void WaitForHeld(size_t count) {
    RunUntil([&] { return held.size() == count; });
  }
  void WaitForNoConnections() {
    RunUntil([&] { return server->connections() == 0; });
  }

  static std::string WithoutDates(std::string text) {
    for (size_t at = text.find("date: "); at != std::string::npos; at = text.find("date: ", at)) {
      text.erase(at, text.find("\r\n", at) + 2 - at);
    }
    return text;
  }
  static std::string Ask(const std::string& method, const std::string& path, const std::string& headers = "",
                         const std::string& body = "") {
    return method + " " + path + " HTTP/1.1\r\nHost: h\r\n" + headers + "\r\n" + body;
  }
  static std::string Text(const std::string& body, const std::string& more = "") {
    return "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: " +
           std::to_string(body.size()) + "\r\n" + more + "\r\n" + body;
  }
};

inline const std::string kClose = "Connection: close\r\n";
inline const std::string kClosed = "connection: close\r\n";

}  // namespace hearth::http
