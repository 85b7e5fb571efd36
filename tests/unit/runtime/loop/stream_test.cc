#include "runtime/loop/stream.h"

#include "tests/unit/runtime/loop/loop_fixture.h"

namespace hearth {
namespace {

// One connection: `stream` here, `client` there.
struct StreamFixture : LoopFixture {
  std::unique_ptr<Stream> stream;
  std::unique_ptr<Listener> listener =
      std::move(Listener::Create(*loop, {}, [this](std::unique_ptr<Stream> accepted) {
        stream = std::move(accepted);
      })).value();
  PlainClient client{listener->port()};
  std::string received;
  std::string client_received;
  std::vector<Error> closed;
  int drained = 0;

  StreamFixture() {
    RunUntil([this] { return stream != nullptr; });
  }
  void Start() {
    stream->Start({.on_bytes = [this](std::string_view bytes) { received += bytes; },
                   .on_closed = [this](const Error& reason) { closed.push_back(reason); },
                   .on_drained = [this] { ++drained; }});
  }
  void ClientReadsUntil(const std::function<bool()>& condition) {
    RunUntil([&] {
      client_received += client.Receive();
      return condition();
    });
  }
};

}  // namespace

TEST_CASE_METHOD(StreamFixture, "bytes go both ways", "[loop]") {
  Start();
  client.Send("ping");
  RunUntil([&] { return received == "ping"; });
  stream->Write("po", "ng");
  CHECK(stream->bytes_unsent() == 0);
  ClientReadsUntil([&] { return client_received == "pong"; });
  CHECK(stream->PeerAddress() == "127.0.0.1");
  CHECK(drained == 0);  // nothing ever waited
}

TEST_CASE_METHOD(StreamFixture, "what the socket does not take is kept, in order, and drained", "[loop]") {
  Start();
  std::string expected;
  for (char c = 'a'; c <= 'd'; ++c) {
    const std::string head(1000, c);
    const std::string body(4 << 20, static_cast<char>(c - 'a' + 'A'));
    expected += head + body;
    stream->Write(head, body);
  }
  CHECK(stream->bytes_unsent() > 0);
  ClientReadsUntil([&] { return client_received.size() == expected.size(); });
  CHECK(client_received == expected);
  RunUntil([&] { return drained == 1; });
  CHECK(stream->bytes_unsent() == 0);
}

TEST_CASE_METHOD(StreamFixture, "a paused stream is not read", "[loop]") {
  Start();
  stream->PauseReading();
  client.Send("later");
  RunSomeTurns();
  CHECK(received.empty());
  stream->ResumeReading();
  RunUntil([&] { return received == "later"; });
}

TEST_CASE_METHOD(StreamFixture, "an orderly end is told once, and writing stays legal", "[loop]") {
  Start();
  client.FinishSending();
  RunUntil([&] { return !closed.empty(); });
  CHECK(closed[0].code == ErrorCode::kCancelled);
  stream->Write("answer");
  ClientReadsUntil([&] { return client_received == "answer"; });
  CHECK(closed.size() == 1);
}

TEST_CASE_METHOD(StreamFixture, "after an orderly end, bytes that wait are drained", "[loop]") {
  Start();
  client.FinishSending();
  RunUntil([&] { return !closed.empty(); });
  stream->Write(std::string(16 << 20, 'x'));
  CHECK(stream->bytes_unsent() > 0);
  ClientReadsUntil([&] { return drained == 1; });
}

TEST_CASE_METHOD(StreamFixture, "after an orderly end, a write that fails is told", "[loop]") {
  Start();
  client.FinishSending();
  RunUntil([&] { return !closed.empty(); });
  stream->Write(std::string(16 << 20, 'x'));
  client.Reset();
  RunUntil([&] { return closed.size() == 2; });
  CHECK(closed[1].code == ErrorCode::kIo);
}

TEST_CASE_METHOD(StreamFixture, "a reset is an error, told once", "[loop]") {
  Start();
  client.Reset();
  RunUntil([&] { return !closed.empty(); });
  CHECK(closed[0].code == ErrorCode::kIo);
  stream->Write("to nobody");
  stream->Write("again");
  RunSomeTurns();
  CHECK(closed.size() == 1);
}

TEST_CASE_METHOD(StreamFixture, "a peer that vanishes while bytes wait is an error after the call",
                 "[loop]") {
  Start();
  stream->PauseReading();
  stream->Write(std::string(16 << 20, 'x'));
  client.Reset();
  CHECK(closed.empty());
  RunUntil([&] { return !closed.empty(); });
  CHECK(closed.size() == 1);
}

TEST_CASE_METHOD(StreamFixture, "a stream destroyed in its own callback is never called again", "[loop]") {
  int calls = 0;
  const std::string captured(100, 'c');
  stream->Start({.on_bytes =
                     [&, captured](std::string_view bytes) {
                       stream.reset();
                       calls += captured.size() == 100 && bytes == "x" ? 1 : 1000;  // both still live
                     },
                 .on_closed = [&](const Error&) { calls += 1000; },
                 .on_drained = nullptr});
  client.Send("x");
  RunUntil([&] { return calls > 0; });
  client.Close();
  RunSomeTurns();
  CHECK(calls == 1);
}

TEST_CASE_METHOD(StreamFixture, "a stream destroyed when it closes is legal", "[loop]") {
  bool ran = false;
  stream->Start({.on_bytes = [](std::string_view) {},
                 .on_closed =
                     [&](const Error&) {
                       stream.reset();
                       ran = true;
                     },
                 .on_drained = nullptr});
  client.Close();
  RunUntil([&] { return ran; });
}

TEST_CASE_METHOD(StreamFixture, "a stream destroyed with bytes unsent drops them", "[loop]") {
  Start();
  stream->Write(std::string(16 << 20, 'x'));
  stream.reset();
  ClientReadsUntil([&] { return client.at_end(); });
  CHECK(client_received.size() < (16U << 20));
}

TEST_CASE_METHOD(StreamFixture, "finish and close sends everything first", "[loop]") {
  Start();
  stream->Write(std::string(16 << 20, 'x'));
  Stream::FinishAndClose(std::move(stream));
  ClientReadsUntil([&] { return client.at_end(); });
  CHECK(client_received.size() == 16U << 20);
  CHECK_FALSE(client.was_reset());
  CHECK(closed.empty());
}

TEST_CASE_METHOD(StreamFixture, "closing while the peer still sends does not reset what it has yet to read",
                 "[loop]") {
  Start();
  stream->PauseReading();
  client.Send(std::string(100000, 'x'));
  stream->Write("413");
  Stream::FinishAndClose(std::move(stream));
  client.Send(std::string(100000, 'y'));
  ClientReadsUntil([&] { return client.at_end(); });
  CHECK(client_received == "413");
  CHECK_FALSE(client.was_reset());
}

TEST_CASE_METHOD(StreamFixture, "a loop may end while a stream finishes", "[loop]") {
  Start();
  stream->Write(std::string(16 << 20, 'x'));
  Stream::FinishAndClose(std::move(stream));
  RunSomeTurns();
}

}  // namespace hearth
