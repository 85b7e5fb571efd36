#include <random>

#include "tests/unit/runtime/http/server_fixture.h"

namespace hearth::http {

using std::chrono::milliseconds;

namespace {

void CheckRefusal(const std::string& answer, const std::string& status_line, const std::string& code) {
  CHECK_THAT(answer,
             Catch::StartsWith("HTTP/1.1 " + status_line + "\r\ncontent-type: application/json\r\n") &&
                 Catch::Contains("\r\nconnection: close\r\n") &&
                 Catch::Contains("{\"error\":\"" + code + "\",\"message\":\"") && Catch::EndsWith("\"}"));
}

}  // namespace

TEST_CASE_METHOD(ServerFixture, "refusals close, after the answers before them", "[http]") {
  const std::string answers =
      Exchange(Ask("GET", "/hello") + "GET / HTTP/1.1\r\n\r\n" + Ask("GET", "/hello"));
  REQUIRE_THAT(answers, Catch::StartsWith(Text("hello")));
  CheckRefusal(answers.substr(Text("hello").size()), "400 Bad Request", "bad_request");
  CheckRefusal(Exchange(Ask("GET", "/" + std::string(8192, 'a'))), "414 URI Too Long", "uri_too_long");
  CheckRefusal(Exchange(Ask("GET", "/", "x: " + std::string(65536, 'a') + "\r\n")),
               "431 Request Header Fields Too Large", "headers_too_large");
  CheckRefusal(Exchange("GET / HTTP/3.0\r\n\r\n"), "505 HTTP Version Not Supported",
               "http_version_not_supported");
}

TEST_CASE_METHOD(ServerFixture, "a body over the limit is refused though the client goes on sending",
                 "[http]") {
  Serve({.limits = {.body_max = 100_B}});
  CHECK(Exchange(Ask("POST", "/echo", kClose + "Content-Length: 100\r\n", std::string(100, 'x'))) ==
        Text(std::string(100, 'x'), kClosed));
  PlainClient client = Connect();
  client.Send(Ask("POST", "/echo", "Content-Length: 200000\r\n", std::string(200000, 'x')));
  const std::string answer = ReceiveAll(client);
  CheckRefusal(answer, "413 Content Too Large", "payload_too_large");
  CHECK_THAT(answer, Catch::Contains("is 200000 bytes; the limit here is 100 bytes"));
  CHECK_FALSE(client.was_reset());
}

TEST_CASE_METHOD(ServerFixture, "a route has its own body limit", "[http]") {
  Serve({.limits = {.body_max = 10_B}});
  Mount("PUT /code",
        [](Request request, Responder responder) {
          responder.Send(Response::Text(200, std::to_string(request.body.size())));
        },
        {.body_max = 70_MiB});
  CHECK(Exchange(Ask("PUT", "/code", kClose + "Content-Length: 1000000\r\n", std::string(1000000, 'x'))) ==
        Text("1000000", kClosed));
}

TEST_CASE_METHOD(ServerFixture, "connections over the limit are told so", "[http]") {
  Serve({.limits = {.connections_max = 2}});
  PlainClient first = Connect();
  PlainClient second = Connect();
  RunUntil([&] { return server->connections() == 2; });
  CheckRefusal(Exchange(""), "503 Service Unavailable", "too_many_connections");
  CHECK(server->stats().connections_refused == 1);
  first.Close();
  RunUntil([&] { return server->connections() == 1; });
  CHECK(Exchange(Ask("GET", "/hello", kClose)) == Text("hello", kClosed));
}

TEST_CASE_METHOD(ServerFixture, "a head that drips is timed from its first byte", "[http]") {
  Serve({.limits = {.head_timeout = milliseconds(60)}});
  PlainClient client = Connect();
  const std::string head = Ask("GET", "/hello", "x: " + std::string(60000, 'y') + "\r\n");
  std::string received;
  size_t sent = 0;
  RunUntil([&] {
    if (sent < head.size() && received.empty()) client.Send(std::string_view(head).substr(sent++, 1));
    received += client.Receive();
    return client.at_end();
  });
  CheckRefusal(WithoutDates(received), "408 Request Timeout", "request_timeout");
  CHECK(sent < head.size());
}

TEST_CASE_METHOD(ServerFixture, "a client that never asks is closed without a word", "[http]") {
  Serve({.limits = {.head_timeout = milliseconds(30)}});
  CHECK(Exchange("").empty());
}

TEST_CASE_METHOD(ServerFixture, "a body that stalls is timed out, one that moves is not", "[http]") {
  Serve({.limits = {.body_timeout = milliseconds(80)}});
  CheckRefusal(Exchange(Ask("POST", "/echo", "Content-Length: 5\r\n", "he")), "408 Request Timeout",
               "request_timeout");
  PlainClient client = Connect();
  client.Send(Ask("POST", "/echo", kClose + "Content-Length: 40\r\n"));
  const MonotonicTime begun = clock.Now();
  int sent = 0;
  std::string received;
  RunUntil([&] {
    if (sent < 40 && clock.Now() - begun > milliseconds(5) * sent) {
      client.Send("x");
      ++sent;
    }
    received += client.Receive();
    return client.at_end();
  });
  CHECK(WithoutDates(received) == Text(std::string(40, 'x'), kClosed));
  CHECK(clock.Now() - begun > milliseconds(160));
}

TEST_CASE_METHOD(ServerFixture,
                 "an idle connection is closed without a word, one that waits for its answer is not",
                 "[http]") {
  Serve({.limits = {.idle_timeout = milliseconds(40)}});
  PlainClient waiting = Connect();
  waiting.Send(Ask("GET", "/hold"));
  WaitForHeld(1);
  PlainClient idle = Connect();
  idle.Send(Ask("GET", "/hello"));
  CHECK(ReceiveAll(idle) == Text("hello"));
  RunUntil([&] { return server->connections() == 1; });
  held[0].responder.Send(Response::Text(200, "at last"));
  CHECK(ReceiveAll(waiting) == Text("at last"));
}

TEST_CASE_METHOD(ServerFixture, "a client that takes nothing of its answer is cut", "[http]") {
  Serve({.limits = {.send_timeout = milliseconds(60)}});
  PlainClient client = Connect();
  client.Send(Ask("GET", "/hold"));
  WaitForHeld(1);
  held[0].responder.Send(Response::Text(200, std::string(32 << 20, 'x')));
  CHECK(server->connections() == 1);
  WaitForNoConnections();
}

TEST_CASE_METHOD(ServerFixture, "while handlers hold large bodies the next request waits", "[http]") {
  Serve({.limits = {.bodies_in_flight_max = 10_B}});
  PlainClient client = Connect();
  client.Send(Ask("POST", "/hold", "Content-Length: 11\r\n", "01234567890") + Ask("GET", "/hold"));
  WaitForHeld(1);
  RunSomeTurns();
  CHECK(held.size() == 1);
  held[0].responder.Send({});
  WaitForHeld(2);
}

TEST_CASE_METHOD(ServerFixture, "while answers are not taken the next request waits", "[http]") {
  PlainClient client = Connect();
  client.Send(Ask("GET", "/hold"));
  WaitForHeld(1);
  held[0].responder.Send(Response::Text(200, std::string(16 << 20, 'x')));
  client.Send(Ask("GET", "/hold"));
  RunSomeTurns();
  CHECK(held.size() == 1);
  std::string received;
  RunUntil([&] {
    received += client.Receive();
    return held.size() == 2;
  });
}

TEST_CASE_METHOD(ServerFixture, "a storm of broken clients leaves a server that serves", "[http][fuzz]") {
  const uint64_t seed = 20261123;
  INFO("seed " << seed);
  std::mt19937_64 engine(seed);
  const std::string good = Ask("POST", "/echo", "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n") +
                           Ask("GET", "/hello");
  const MonotonicTime end = clock.Now() + milliseconds(500);
  while (clock.Now() < end) {
    PlainClient client = Connect();
    std::string bytes = good;
    for (int i = 0; i < 4; ++i) bytes[engine() % bytes.size()] = static_cast<char>(engine());
    client.Send(bytes.substr(0, engine() % bytes.size()));
    if (engine() % 2 == 0) RunSomeTurns();
    if (engine() % 3 == 0) {
      client.Reset();
    } else if (engine() % 2 == 0) {
      client.FinishSending();
      RunSomeTurns();
    }
  }
  WaitForNoConnections();
  CHECK(Exchange(Ask("GET", "/hello", kClose)) == Text("hello", kClosed));
}

}  // namespace hearth::http
