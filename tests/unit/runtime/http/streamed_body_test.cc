#include "runtime/http/route_table.h"
#include "tests/unit/runtime/http/server_fixture.h"

// Bodies that nobody holds whole: taken as they come, and sent in pieces whose sum was said.

namespace hearth::http {
namespace {

struct Taken {
  std::string bytes;
  bool ended = false;
  bool broke_off = false;
  bool full = false;
  size_t bytes_max = SIZE_MAX;
  std::function<void()> resume;
};

class TestSink final : public BodySink {
 public:
  explicit TestSink(Taken& taken) : taken_(taken) {}
  ~TestSink() override { taken_.broke_off = !taken_.ended; }
  std::optional<Response> OnBytes(std::string bytes) override {
    taken_.bytes += bytes;
    if (taken_.bytes.size() > taken_.bytes_max) return Response::Text(507, "no room");
    return std::nullopt;
  }
  bool full() const override { return taken_.full; }
  void OnEnd(std::unique_ptr<BodySink>, Responder responder) override {
    taken_.ended = true;
    responder.Send(Response::Text(200, std::to_string(taken_.bytes.size())));
  }

 private:
  Taken& taken_;
};

struct StreamedBodyFixture : ServerFixture {
  Taken taken;
  std::optional<Response> refusal;

  StreamedBodyFixture() {
    const auto receive = [this](const Request&, std::function<void()> resume) -> BodyChoice {
      if (refusal) return *refusal;
      taken.resume = std::move(resume);
      return std::make_unique<TestSink>(taken);
    };
    Mount("PUT /take", [](Request, Responder) { FAIL("the sink answers"); },
          {.body_max = Bytes{64u << 10}, .receive = receive});
  }
  static std::string Length(size_t length) { return "Content-Length: " + std::to_string(length) + "\r\n"; }
};

TEST_CASE_METHOD(StreamedBodyFixture, "a body is taken as it comes, by length and by chunks", "[http]") {
  const std::string large(60 << 10, 'x');  // fits the socket: the client sends before the server reads
  CHECK(Exchange(Ask("PUT", "/take", Length(large.size()), large) + Ask("GET", "/hello", kClose)) ==
        Text("61440") + Text("hello", kClosed));
  CHECK(taken.bytes == large);
  taken = {};
  CHECK(Exchange(Ask("PUT", "/take", "Transfer-Encoding: chunked\r\n" + kClose,
                     "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")) == Text("5", kClosed));
  CHECK(taken.bytes == "abcde");
  taken = {};
  CHECK(Exchange(Ask("PUT", "/take", Length(0) + kClose)) == Text("0", kClosed));
  CHECK(taken.ended);
}

TEST_CASE_METHOD(StreamedBodyFixture, "a sink that is full stops the reading, until it says so", "[http]") {
  taken.full = true;
  PlainClient client = Connect();
  client.Send(Ask("PUT", "/take", Length(6), "abc"));
  RunUntil([&] { return taken.resume != nullptr; });
  client.Send("def");
  RunSomeTurns();
  const size_t held_back = taken.bytes.size();
  CHECK(held_back <= 3);
  taken.full = false;
  taken.resume();
  CHECK(ReceiveUntil(client, "\r\n\r\n6").ends_with("6"));
  CHECK(taken.bytes == "abcdef");
}

TEST_CASE_METHOD(StreamedBodyFixture, "refused by its head: the body is not taken, and not asked for",
                 "[http]") {
  refusal = Response::Text(412, "no");
  const std::string answer = Exchange(Ask("PUT", "/take", Length(9) + "Expect: 100-continue\r\n"));
  CHECK(answer.starts_with("HTTP/1.1 412"));
  CHECK(answer.find("100 Continue") == std::string::npos);
}

TEST_CASE_METHOD(StreamedBodyFixture, "refused in the middle: the sink goes, the answer says why", "[http]") {
  taken.bytes_max = 5;
  CHECK(Exchange(Ask("PUT", "/take", Length(10), "abcdefghij")).starts_with("HTTP/1.1 507"));
  CHECK(taken.broke_off);
}

TEST_CASE_METHOD(StreamedBodyFixture,
                 "a chunked body at the route's limit is taken, one byte past it refused", "[http]") {
  const std::string at(64u << 10, 'x');
  const auto chunked = [&](const std::string& body) {
    char size[24];
    std::snprintf(size, sizeof size, "%zx", body.size() / 2);
    const std::string half = body.substr(0, body.size() / 2);
    return std::string(size) + "\r\n" + half + "\r\n" + size + "\r\n" + half + "\r\n";
  };
  CHECK(Exchange(Ask("PUT", "/take", "Transfer-Encoding: chunked\r\n" + kClose, chunked(at) + "0\r\n\r\n")) ==
        Text("65536", kClosed));
  taken = {};
  CHECK(Exchange(Ask("PUT", "/take", "Transfer-Encoding: chunked\r\n" + kClose,
                     chunked(at) + "1\r\nx\r\n0\r\n\r\n"))
            .starts_with("HTTP/1.1 413"));
  CHECK(taken.broke_off);
}

TEST_CASE_METHOD(StreamedBodyFixture, "the client goes in the middle of a body: the sink goes", "[http]") {
  {
    PlainClient client = Connect();
    client.Send(Ask("PUT", "/take", Length(10), "abc"));
    RunUntil([&] { return taken.bytes == "abc"; });
  }
  WaitForNoConnections();
  CHECK(taken.broke_off);
}

TEST_CASE_METHOD(StreamedBodyFixture, "an answer in pieces whose length is said keeps the connection",
                 "[http]") {
  Mount("GET /pieces", [](Request, Responder responder) {
    responder.BeginSized({.status = 200}, 6);
    responder.Write("abc");
    responder.Write("def");
    responder.End();
  });
  CHECK(Exchange(Ask("GET", "/pieces") + Ask("HEAD", "/pieces") + Ask("GET", "/hello", kClose)) ==
        "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabcdefHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n" +
            Text("hello", kClosed));
}

TEST_CASE_METHOD(StreamedBodyFixture, "one answer of a connection leaves nothing to the next", "[http]") {
  Mount("GET /pieces", [](Request, Responder responder) {
    responder.Begin({.status = 200});
    responder.Write("abc");
    responder.End();
  });
  Mount("GET /sized", [](Request, Responder responder) {
    responder.BeginSized({.status = 200}, 3);
    responder.Write("abc");
    responder.End();
  });
  PlainClient client = Connect();
  const std::string chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
  client.Send(Ask("GET", "/pieces", "X-Only: here\r\n"));
  CHECK(ReceiveUntil(client, "0\r\n\r\n") == chunked + "3\r\nabc\r\n0\r\n\r\n");
  client.Send(Ask("HEAD", "/pieces"));
  CHECK(ReceiveUntil(client, "\r\n\r\n") == chunked);
  client.Send(Ask("GET", "/sized"));
  CHECK(ReceiveUntil(client, "abc") == "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc");
  client.Send(Ask("HEAD", "/sized"));
  CHECK(ReceiveUntil(client, "\r\n\r\n") == "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n");
  client.Send(Ask("POST", "/hold", "Content-Length: 2\r\n", "hi"));
  WaitForHeld(1);
  CHECK(held[0].request.body == "hi");
  CHECK(held[0].request.headers.CountOf("x-only") == 0);
  held[0].responder.Send(Response::Text(200, "held"));
  CHECK(ReceiveUntil(client, "held") == Text("held"));
  client.Send(Ask("GET", "/hello", kClose));
  CHECK(ReceiveAll(client) == Text("hello", kClosed));
}

TEST_CASE_METHOD(StreamedBodyFixture, "pieces that are more or fewer than said: the connection is cut",
                 "[http]") {
  Mount("GET /wrong/{pieces}", [](Request request, Responder responder) {
    responder.BeginSized({.status = 200}, 3);
    responder.Write(request.parameters[0].value);
    responder.End();
  });
  CHECK(Exchange(Ask("GET", "/wrong/ab") + Ask("GET", "/hello")).find("hello") == std::string::npos);
  CHECK(Exchange(Ask("GET", "/wrong/abcd") + Ask("GET", "/hello")).find("hello") == std::string::npos);
}

TEST_CASE_METHOD(StreamedBodyFixture, "a writer is told when its client has taken all", "[http]") {
  PlainClient client = Connect();
  client.Send(Ask("GET", "/hold", kClose));
  WaitForHeld(1);
  Responder& responder = held[0].responder;
  const std::string piece(4 << 20, 'p');
  bool room = false;
  responder.BeginSized({.status = 200}, 2 * piece.size());
  responder.Write(piece);
  responder.OnRoom([&] { room = true; });
  RunSomeTurns();
  CHECK(room == (responder.bytes_waiting() == 0));
  std::string received;
  RunUntil([&] {
    received += client.Receive();
    return room;
  });
  responder.Write(piece);
  responder.End();
  RunUntil([&] {
    received += client.Receive();
    return client.at_end();
  });
  CHECK(received.size() > 2 * piece.size());
}

// Whoever paused for this client would wait for ever otherwise.
TEST_CASE_METHOD(StreamedBodyFixture,
                 "a writer is told when its client has gone with all that it had not taken", "[http]") {
  bool room = false;
  {
    PlainClient client = Connect();
    client.Send(Ask("GET", "/hold", kClose));
    WaitForHeld(1);
    held[0].responder.Begin({.status = 200});
    held[0].responder.Write(std::string(32 << 20, 'p'));
    held[0].responder.OnRoom([&] { room = true; });
    RunSomeTurns();
    REQUIRE_FALSE(room);
  }
  RunUntil([&] { return room; });
  CHECK(held[0].responder.bytes_waiting() == 0);
  CHECK(held[0].responder.client_gone());
}

}  // namespace
}  // namespace hearth::http
