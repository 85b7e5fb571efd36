#include "tests/unit/runtime/http/server_fixture.h"

// Clients that go, handlers that do not answer, a server that drains.

namespace hearth::http {

TEST_CASE_METHOD(ServerFixture, "a handler that drops its responder answers 500", "[http]") {
  Mount("GET /drop", [](Request, Responder) {});
  CHECK_THAT(Exchange(Ask("GET", "/drop", kClose)),
             Catch::StartsWith("HTTP/1.1 500 Internal Server Error\r\n") &&
                 Catch::Contains("\"error\":\"internal\""));
}

TEST_CASE_METHOD(ServerFixture, "a handler that drops its responder mid-answer cuts the connection",
                 "[http]") {
  PlainClient client = Connect();
  client.Send(Ask("GET", "/hold"));
  WaitForHeld(1);
  held[0].responder.Begin({});
  held[0].responder.Write("half");
  held.clear();
  CHECK_THAT(ReceiveAll(client), Catch::EndsWith("4\r\nhalf\r\n"));
  WaitForNoConnections();
}

TEST_CASE_METHOD(ServerFixture,
                 "a client that resets while its request is handled is told to the handler once", "[http]") {
  PlainClient client = Connect();
  client.Send(Ask("GET", "/hold"));
  WaitForHeld(1);
  int gone = 0;
  held[0].responder.OnClientGone([&] { ++gone; });
  RunSomeTurns();
  CHECK(gone == 0);
  CHECK_FALSE(held[0].responder.client_gone());
  client.Reset();
  RunUntil([&] { return gone == 1; });
  CHECK(held[0].responder.client_gone());
  held[0].responder.Send(Response::Text(200, "to nobody"));
  WaitForNoConnections();
  CHECK(gone == 1);
}

TEST_CASE_METHOD(ServerFixture,
                 "a client that has only finished sending is told to the handler and gets its answer",
                 "[http]") {
  PlainClient client = Connect();
  client.Send(Ask("GET", "/hold"));
  client.FinishSending();
  WaitForHeld(1);
  RunUntil([&] { return held[0].responder.client_gone(); });
  int told = 0;
  held[0].responder.OnClientGone([&] { ++told; });
  CHECK(told == 0);  // never inside the call
  RunUntil([&] { return told == 1; });
  held[0].responder.Send(Response::Text(200, "still"));
  CHECK(ReceiveAll(client) == Text("still", kClosed));
}

TEST_CASE_METHOD(ServerFixture, "an answered request hears nothing of its client", "[http]") {
  PlainClient client = Connect();
  client.Send(Ask("GET", "/hold"));
  WaitForHeld(1);
  bool told = false;
  held[0].responder.OnClientGone([&] { told = true; });
  held[0].responder.Send({});
  client.Reset();
  WaitForNoConnections();
  CHECK_FALSE(told);
}

TEST_CASE_METHOD(ServerFixture, "a client that goes mid-head or mid-body leaves nothing", "[http]") {
  for (const std::string& part :
       {std::string("GET / HT"), Ask("POST", "/hold", "Content-Length: 9\r\n", "half")}) {
    PlainClient polite = Connect();
    polite.Send(part);
    RunUntil([&] { return server->connections() == 1; });
    polite.Close();
    WaitForNoConnections();
    PlainClient rude = Connect();
    rude.Send(part);
    RunUntil([&] { return server->connections() == 1; });
    rude.Reset();
    WaitForNoConnections();
  }
  CHECK(held.empty());
}

TEST_CASE_METHOD(ServerFixture, "a client that goes mid-answer leaves nothing", "[http]") {
  PlainClient client = Connect();
  client.Send(Ask("GET", "/hold") + Ask("GET", "/hold"));
  WaitForHeld(2);
  bool told = false;
  held[1].responder.OnClientGone([&] { told = true; });
  held[0].responder.Send(Response::Text(200, std::string(16 << 20, 'x')));
  client.Reset();
  WaitForNoConnections();
  CHECK(told);
}

TEST_CASE_METHOD(ServerFixture, "a responder may outlive connection and server", "[http]") {
  PlainClient client = Connect();
  client.Send(Ask("GET", "/hold") + Ask("GET", "/hold"));
  WaitForHeld(2);
  server.reset();
  held[0].responder.Send(Response::Text(200, "to nobody"));
  held.clear();
  CHECK(ReceiveAll(client).empty());
}

TEST_CASE_METHOD(ServerFixture,
                 "drain closes the idle, finishes what is in flight, refuses what is half sent", "[http]") {
  PlainClient idle = Connect();
  idle.Send(Ask("GET", "/hello"));
  ReceiveUntil(idle, "hello");
  PlainClient busy = Connect();
  busy.Send(Ask("GET", "/hold") + Ask("GET", "/hold"));
  WaitForHeld(2);
  PlainClient half = Connect();
  half.Send("GET /hello HTTP/1.1\r\n");
  PlainClient body = Connect();
  body.Send("POST /hello HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf");
  RunUntil([&] { return server->connections() == 4; });
  RunSomeTurns();

  const uint16_t port = server->port();
  bool drained = false;
  server->Drain([&] { drained = true; });
  CHECK_FALSE(drained);
  CHECK(ReceiveAll(idle).empty());
  CHECK_FALSE(drained);
  held[0].responder.Send(Response::Text(200, "first"));
  held[1].responder.Send(Response::Text(200, "last"));
  CHECK(ReceiveAll(busy) == Text("first") + Text("last", kClosed));
  CHECK(ReceiveAll(half).substr(0, 12) == "HTTP/1.1 503");
  CHECK(ReceiveAll(body).substr(0, 12) == "HTTP/1.1 503");
  RunUntil([&] { return drained; });

  const UniqueFd refused(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK(::connect(refused.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) != 0);
}

TEST_CASE_METHOD(ServerFixture, "drain of a server without connections is told later", "[http]") {
  bool drained = false;
  server->Drain([&] { drained = true; });
  CHECK_FALSE(drained);
  RunUntil([&] { return drained; });
}

}  // namespace hearth::http
