#include "tests/unit/runtime/http/server_fixture.h"

// Two servers of one process: one hands connections over to the other.

namespace hearth::http {
namespace {

struct HandOverFixture : ServerFixture {
  RouteTable other_routes;
  std::vector<RouteLease> other_leases;
  std::unique_ptr<Server> other;
  std::vector<std::string> bodies;

  HandOverFixture() {
    other_leases.push_back(
        std::move(other_routes.Add("ANY /there", [this](Request request, Responder responder) {
          bodies.push_back(request.body);
          responder.Send(Response::Text(200, "there"));
        })).value());
    other = std::move(Server::Create(*loop, {}, other_routes, log)).value();
    ServerOptions options;
    options.hand_over.concerns = [](const Request& head) { return head.path == "/there"; };
    options.hand_over.take = [this](HandedOver connection) { other->Take(std::move(connection)); };
    Serve(std::move(options));
  }
};

TEST_CASE_METHOD(HandOverFixture, "a connection goes over with the request that concerns the other server",
                 "[http][loops]") {
  PlainClient client = Connect();
  client.Send(Ask("GET", "/hello"));
  CHECK(ReceiveUntil(client, "hello") == Text("hello"));
  client.Send(Ask("GET", "/there"));
  CHECK(ReceiveUntil(client, "there") == Text("there"));
  RunUntil([this] { return server->connections() == 0; });
  CHECK(other->connections() == 1);
  client.Send(Ask("GET", "/there", kClose));
  CHECK(ReceiveAll(client) == Text("there", kClosed));
}

TEST_CASE_METHOD(HandOverFixture, "a head that comes in pieces and a body behind it go over whole",
                 "[http][loops]") {
  PlainClient client = Connect();
  const std::string body(200'000, 'b');
  const std::string bytes =
      Ask("PUT", "/there", kClose + "Content-Length: " + std::to_string(body.size()) + "\r\n", body);
  client.Send(bytes.substr(0, 7));
  RunSomeTurns();
  client.Send(bytes.substr(7, 30));
  RunSomeTurns();
  client.Send(bytes.substr(37));
  CHECK(ReceiveAll(client) == Text("there", kClosed));
  CHECK(bodies == std::vector<std::string>{body});
}

TEST_CASE_METHOD(HandOverFixture, "requests before it are answered first", "[http][loops]") {
  PlainClient client = Connect();
  client.Send(Ask("GET", "/hold") + Ask("GET", "/there", kClose));
  WaitForHeld(1);
  RunSomeTurns();
  CHECK(bodies.empty());
  held[0].responder.Send(Response::Text(200, "held"));
  CHECK(ReceiveAll(client) == Text("held") + Text("there", kClosed));
}

TEST_CASE_METHOD(HandOverFixture, "a client that goes before its turn leaves nothing behind",
                 "[http][loops]") {
  {
    PlainClient client = Connect();
    client.Send(Ask("GET", "/hold") + Ask("GET", "/there"));
    WaitForHeld(1);
  }
  RunSomeTurns();
  held.clear();
  WaitForNoConnections();
  RunUntil([this] { return other->connections() == 0; });
}

TEST_CASE_METHOD(ServerFixture, "a handler runs when its prelude says so", "[http][loops]") {
  std::vector<std::function<void()>> waiting;
  ServerOptions options;
  options.prelude = [&waiting](std::function<void()> handle) { waiting.push_back(std::move(handle)); };
  Serve(std::move(options));
  PlainClient client = Connect();
  client.Send(Ask("POST", "/echo", kClose + "Content-Length: 4\r\n", "body"));
  RunUntil([&waiting] { return !waiting.empty(); });
  RunSomeTurns();
  CHECK(client.Receive().empty());
  waiting[0]();
  CHECK(ReceiveAll(client) == Text("body", kClosed));
}

TEST_CASE_METHOD(ServerFixture, "a prelude that is dropped answers 500", "[http][loops]") {
  ServerOptions options;
  options.prelude = [](const std::function<void()>&) {};
  Serve(std::move(options));
  CHECK_THAT(Exchange(Ask("GET", "/hello", kClose)), Catch::StartsWith("HTTP/1.1 500"));
}

TEST_CASE_METHOD(ServerFixture, "a port is shared with servers of this process once it says so",
                 "[http][loops]") {
  ServerOptions shared;
  shared.shared = PortShared::kYes;
  const ListenAddress same{"127.0.0.1", server->port()};
  CHECK_FALSE(Server::Create(*loop, same, routes, log, shared).ok());
  REQUIRE(server->SharePort().ok());
  const auto second = Server::Create(*loop, same, routes, log, shared);
  REQUIRE(second.ok());
  // Not with those who do not ask for it: another daemon finds the port taken.
  CHECK_FALSE(Server::Create(*loop, same, routes, log).ok());
  std::vector<PlainClient> clients;
  for (int n = 0; n < 64; ++n) clients.emplace_back(server->port());
  RunUntil([&] { return server->connections() + (*second)->connections() == 64; });
  CHECK(server->connections() > 0);
  CHECK((*second)->connections() > 0);
}

}  // namespace
}  // namespace hearth::http
