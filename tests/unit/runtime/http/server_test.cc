#include "runtime/http/server.h"

#include "tests/unit/runtime/http/server_fixture.h"

namespace hearth::http {

TEST_CASE_METHOD(ServerFixture, "one request, one answer, to the byte", "[http]") {
  CHECK(Exchange(Ask("GET", "/hello", kClose)) == Text("hello", kClosed));
}

TEST_CASE_METHOD(ServerFixture, "a connection is kept for the next request", "[http]") {
  PlainClient client = Connect();
  for (int i = 0; i < 3; ++i) {
    client.Send(Ask("GET", "/hello"));
    CHECK(ReceiveUntil(client, "hello") == Text("hello"));
  }
  CHECK(server->stats().connections_accepted == 1);
  CHECK(server->stats().requests_handled == 3);
}

TEST_CASE_METHOD(ServerFixture,
                 "three pipelined requests are answered in order, the later ones handled first", "[http]") {
  PlainClient client = Connect();
  client.Send(Ask("GET", "/hold?1") + Ask("GET", "/hold?2") + Ask("GET", "/hello", kClose));
  WaitForHeld(2);
  held[1].responder.Send(Response::Text(200, "second"));
  RunSomeTurns();
  CHECK(client.Receive().empty());
  held[0].responder.Send(Response::Text(200, "first"));
  CHECK(ReceiveAll(client) == Text("first") + Text("second") + Text("hello", kClosed));
}

TEST_CASE_METHOD(ServerFixture, "requests over the pipeline's depth wait for answers", "[http]") {
  Serve({.limits = {.pipeline_max = 2}});
  PlainClient client = Connect();
  std::string all;
  for (int i = 0; i < 5; ++i) all += Ask("GET", "/hold");
  client.Send(all);
  WaitForHeld(2);
  RunSomeTurns();
  CHECK(held.size() == 2);
  for (size_t answered = 0; answered < 5; ++answered) {
    WaitForHeld(std::min<size_t>(answered + 2, 5));
    held[answered].responder.Send(Response::Text(200, "x"));
  }
  CHECK(Receive(client, [](const std::string& got) {
          return std::count(got.begin(), got.end(), 'x') >= 10;
        }).ends_with("\r\n\r\nx"));
}

TEST_CASE_METHOD(ServerFixture, "a handler answers within its call or later, large and small", "[http]") {
  Mount("GET /large",
        [](Request, Responder responder) { responder.Send(Response::Text(200, std::string(5 << 20, 'L'))); });
  CHECK(Exchange(Ask("GET", "/hello") + Ask("GET", "/large") + Ask("GET", "/hello", kClose)) ==
        Text("hello") + Text(std::string(5 << 20, 'L')) + Text("hello", kClosed));
}

TEST_CASE_METHOD(ServerFixture, "bodies come whole, by length and by chunks, in any pieces", "[http]") {
  const std::string bytes =
      Ask("POST", "/echo", "Content-Length: 5\r\n", "hello") +
      Ask("POST", "/echo", "Transfer-Encoding: chunked\r\n" + kClose, "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  const std::string answers = Text("hello") + Text("abcde", kClosed);
  CHECK(Exchange(bytes) == answers);
  PlainClient client = Connect();
  for (const char byte : bytes) {
    client.Send({&byte, 1});
    RunSomeTurns();
  }
  CHECK(ReceiveAll(client) == answers);
}

TEST_CASE_METHOD(ServerFixture, "a handler sees peer, route and parameters", "[http]") {
  Request seen;
  Mount("GET /thumbs/{name}", [&](Request request, Responder responder) {
    seen = std::move(request);
    responder.Send({});
  });
  Exchange(Ask("GET", "/thumbs/a%20b.png?size=2", kClose));
  CHECK(seen.peer_address == "127.0.0.1");
  CHECK(seen.route == "GET /thumbs/{name}");
  REQUIRE(seen.parameters.size() == 1);
  CHECK(seen.parameters[0].value == "a b.png");
  CHECK(seen.raw_query == "size=2");
}

TEST_CASE_METHOD(ServerFixture, "head has the length and no body", "[http]") {
  CHECK(Exchange(Ask("HEAD", "/hello") + Ask("HEAD", "/nowhere", kClose)) ==
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 5\r\n\r\n"
        "HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: 69\r\nconnection: "
        "close\r\n\r\n");
}

TEST_CASE_METHOD(ServerFixture, "HTTP/1.0 is closed, or kept when it asks", "[http]") {
  CHECK(Exchange("GET /hello HTTP/1.0\r\n\r\n") == Text("hello", kClosed));
  PlainClient client = Connect();
  client.Send("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK(ReceiveUntil(client, "hello") == Text("hello", "connection: keep-alive\r\n"));
  client.Send("GET /hello HTTP/1.0\r\n\r\n");
  CHECK(ReceiveAll(client) == Text("hello", kClosed));
}

TEST_CASE_METHOD(ServerFixture, "nothing mounted there, and the wrong method", "[http]") {
  const std::string not_found = Exchange(Ask("GET", "/nowhere", kClose));
  CHECK_THAT(
      not_found,
      Catch::StartsWith("HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\n") &&
          Catch::EndsWith("{\"error\":\"not_found\",\"message\":\"nothing is mounted at GET /nowhere\"}"));
  const std::string not_allowed = Exchange(Ask("POST", "/hello", kClose + "Content-Length: 2\r\n", "ab"));
  CHECK_THAT(not_allowed, Catch::StartsWith("HTTP/1.1 405 Method Not Allowed\r\n") &&
                              Catch::Contains("\r\nallow: GET, HEAD\r\n"));
  CHECK_THAT(Exchange(Ask("OPTIONS", "*", kClose)), Catch::StartsWith("HTTP/1.1 404"));
}

TEST_CASE_METHOD(ServerFixture, "the fallback answers the rest", "[http]") {
  routes.SetFallback([](Request request, Responder responder) {
    responder.Send(Response::Text(200, request.route + request.path));
  });
  CHECK(Exchange(Ask("GET", "/nowhere", kClose)) == Text("/nowhere", kClosed));
  routes.SetFallback(nullptr);
}

TEST_CASE_METHOD(ServerFixture, "expect 100-continue is met before the body is sent", "[http]") {
  PlainClient client = Connect();
  client.Send(Ask("POST", "/echo", "Expect: 100-Continue\r\nContent-Length: 2\r\n"));
  CHECK(ReceiveUntil(client, "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  client.Send("hi");
  CHECK(ReceiveUntil(client, "hi") == Text("hi"));
}

TEST_CASE_METHOD(ServerFixture, "100-continue waits for the answers before it", "[http]") {
  PlainClient client = Connect();
  client.Send(Ask("GET", "/hold") + Ask("POST", "/echo", "Expect: 100-continue\r\nContent-Length: 2\r\n"));
  WaitForHeld(1);
  RunSomeTurns();
  CHECK(client.Receive().empty());
  held[0].responder.Send(Response::Text(200, "first"));
  CHECK(ReceiveUntil(client, "Continue\r\n\r\n") == Text("first") + "HTTP/1.1 100 Continue\r\n\r\n");
}

TEST_CASE_METHOD(ServerFixture, "no 100 for a body that is refused, nor one that has begun, nor for HTTP/1.0",
                 "[http]") {
  CHECK_THAT(Exchange(Ask("POST", "/echo", "Expect: 100-continue\r\nContent-Length: 99000000\r\n")),
             Catch::StartsWith("HTTP/1.1 413 Content Too Large\r\n"));
  CHECK(Exchange(Ask("POST", "/echo", kClose + "Expect: 100-continue\r\nContent-Length: 2\r\n", "hi")) ==
        Text("hi", kClosed));
  CHECK(Exchange("POST /echo HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi") ==
        Text("hi", kClosed));
  CHECK_THAT(Exchange(Ask("POST", "/echo", "Expect: a pony\r\nContent-Length: 2\r\n")),
             Catch::StartsWith("HTTP/1.1 417 Expectation Failed\r\n"));
}

TEST_CASE_METHOD(ServerFixture, "an answer of unknown length is chunked", "[http]") {
  PlainClient client = Connect();
  client.Send(Ask("GET", "/hold"));
  WaitForHeld(1);
  Responder& responder = held[0].responder;
  responder.Begin(Response::Text(200, ""));
  responder.Write("hello");
  CHECK(ReceiveUntil(client, "hello\r\n") ==
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\ntransfer-encoding: "
        "chunked\r\n\r\n5\r\nhello\r\n");
  responder.Write("");
  responder.Write(std::string(26, 'x'));
  responder.End();
  CHECK(ReceiveUntil(client, "0\r\n\r\n") == "1a\r\n" + std::string(26, 'x') + "\r\n0\r\n\r\n");
  client.Send(Ask("GET", "/hello"));
  CHECK(ReceiveUntil(client, "hello") == Text("hello"));
}

TEST_CASE_METHOD(ServerFixture, "an answer of unknown length to HTTP/1.0 ends with the connection",
                 "[http]") {
  PlainClient client = Connect();
  client.Send("GET /hold HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  WaitForHeld(1);
  held[0].responder.Begin({});
  held[0].responder.Write("hello");
  held[0].responder.End();
  CHECK(ReceiveAll(client) == "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello");
}

TEST_CASE_METHOD(ServerFixture, "streaming to head, and with a status that has no body, sends none",
                 "[http]") {
  PlainClient client = Connect();
  client.Send(Ask("HEAD", "/hold") + Ask("GET", "/hold", kClose));
  WaitForHeld(2);
  for (Held& each : held) {
    each.responder.Begin({.status = &each == &held[0] ? 200 : 204});
    each.responder.Write("never seen");
    each.responder.End();
  }
  CHECK(ReceiveAll(client) ==
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nHTTP/1.1 204 No Content\r\nconnection: "
        "close\r\n\r\n");
}

TEST_CASE_METHOD(ServerFixture, "a handler's answer that is not legal becomes a 500", "[http]") {
  Mount("GET /forge", [](Request, Responder responder) {
    responder.Send({200, {{"x", "a\r\nset-cookie: b"}}, ""});
  });
  Mount("GET /status", [](Request, Responder responder) { responder.Send({.status = 99}); });
  for (const char* path : {"/forge", "/status"}) {
    const std::string answer = Exchange(Ask("GET", path, kClose));
    CHECK_THAT(answer, Catch::StartsWith("HTTP/1.1 500 Internal Server Error\r\n") &&
                           Catch::Contains("\"error\":\"internal\""));
    CHECK(answer.find("set-cookie") == std::string::npos);
  }
}

TEST_CASE_METHOD(ServerFixture, "a handler may close the connection", "[http]") {
  Mount("GET /bye", [](Request, Responder responder) {
    responder.Send({200, {{"connection", "close"}}, "bye"});
  });
  CHECK(Exchange(Ask("GET", "/bye") + Ask("GET", "/hello")) ==
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\nbye");
}

TEST_CASE_METHOD(ServerFixture, "the filter refuses before the body is read", "[http]") {
  Serve({.filter = [](const Request& head) -> std::optional<Response> {
    if (head.headers.Get("authorization") == "Bearer right") return std::nullopt;
    return Response::Text(401, "who are you");
  }});
  CHECK_THAT(Exchange(Ask("POST", "/echo", "Content-Length: 1000\r\n")),
             Catch::StartsWith("HTTP/1.1 401 Unauthorized\r\n") &&
                 Catch::EndsWith("connection: close\r\n\r\nwho are you"));
  CHECK(Exchange(Ask("GET", "/hello", kClose + "Authorization: Bearer right\r\n")) == Text("hello", kClosed));
  CHECK(server->stats().requests_refused == 1);
}

TEST_CASE_METHOD(ServerFixture, "a route unmounted while its handler works is answered all the same",
                 "[http]") {
  PlainClient client = Connect();
  client.Send(Ask("GET", "/hold", kClose));
  WaitForHeld(1);
  leases.clear();
  held[0].responder.Send(Response::Text(200, "late"));
  CHECK(ReceiveAll(client) == Text("late", kClosed));
}

}  // namespace hearth::http
