// Answers that a worker sends in pieces, and what keeps a slow client from filling this process.

#include "tests/unit/runtime/pool/played_worker.h"

namespace hearth {
namespace {

// A client with memory, that reads when the test says so.
struct FakeClient final : ResponseStream {
  void Begin(std::string type) override { begun.push_back(std::move(type)); }
  void Write(std::string bytes) override {
    waiting += reads ? 0 : bytes.size();
    most = std::max(most, waiting);
    taken += bytes;
  }
  uint64_t bytes_waiting() const override { return waiting; }
  void OnRoom(std::function<void()> callback) override { room = std::move(callback); }
  void Read() {
    waiting = 0;
    if (auto run = std::exchange(room, nullptr)) run();
  }
  std::vector<std::string> begun;
  std::string taken;
  bool reads = true;
  uint64_t waiting = 0, most = 0;
  std::function<void()> room;
};

class Fixture : public PlayedWorkerFixture {
 protected:
  ~Fixture() { worker_.reset(); }
  void RunStreamed() {
    event_.stream = client_;
    Run();
  }
  std::shared_ptr<FakeClient> client_ = std::make_shared<FakeClient>();
};

TEST_CASE_METHOD(Fixture, "pieces of an answer come as they are sent, the last with its end",
                 "[worker][stream]") {
  PlayUntilStarted([](Player& worker) {
    if (!worker.BecomeBusy().streamed) ::_exit(1);
    worker.Say(EncodeChunk(1, "text/plain", "one "));
    worker.AwaitGo();
    worker.Say(EncodeChunk(1, "", "two "));
    worker.Answer("three");
    if (worker.HearInvoke().streamed) ::_exit(1);
    worker.Answer("whole");
    worker.Wait();
  });
  RunStreamed();
  RunUntil([this] { return !client_->taken.empty(); });
  CHECK(client_->taken == "one ");
  CHECK(attempts_.empty());
  Go();
  const Attempt attempt = Ended();
  CHECK(attempt.kind == OutcomeKind::kSuccess);
  CHECK(attempt.payload == "three");
  CHECK(attempt.streamed_bytes == 8);
  CHECK(client_->begun == std::vector<std::string>{"text/plain"});
  CHECK(client_->taken == "one two ");
  event_.stream = nullptr;
  Run();
  CHECK(Ended().payload == "whole");
}

// Goal: memory of this process does not grow with what a slow client has not taken.
TEST_CASE_METHOD(Fixture, "a slow client: its worker is read no further until there is room",
                 "[worker][stream]") {
  constexpr int kPieces = 200;
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    for (int i = 0; i < kPieces; ++i) worker.Say(EncodeChunk(1, "", std::string(kInlineBytesMax, 'x')));
    worker.Answer("");
    worker.Wait();
  });
  client_->reads = false;
  RunStreamed();
  for (int reads = 0; attempts_.empty(); ++reads) {
    REQUIRE(reads < kPieces);
    RunUntil([this] { return client_->room != nullptr || !attempts_.empty(); });
    RunSomeTurns();
    client_->Read();
  }
  CHECK(client_->most <= kStreamWindow + kInlineBytesMax);
  CHECK(client_->taken.size() == kPieces * kInlineBytesMax);
  CHECK(Ended().streamed_bytes == kPieces * kInlineBytesMax);
}

TEST_CASE_METHOD(Fixture, "time goes on while a client is slow", "[worker][stream]") {
  version_->settings.timeout = seconds(1);
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    for (;;) worker.Say(EncodeChunk(1, "", std::string(kInlineBytesMax, 'x')));
  });
  client_->reads = false;
  RunStreamed();
  CHECK(Ended().kind == OutcomeKind::kTimeout);
  client_->Read();  // too late, and harmless
  RunSomeTurns();
}

TEST_CASE_METHOD(Fixture, "a worker that dies in mid-stream while its client is slow", "[worker][stream]") {
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    for (int i = 0; i < 5; ++i) worker.Say(EncodeChunk(1, "", std::string(kInlineBytesMax, 'x')));
    worker.AwaitGo();
    ::_exit(3);
  });
  client_->reads = false;
  RunStreamed();
  RunUntil([this] { return client_->room != nullptr; });
  Go();
  ReapAndTell();
  const Attempt attempt = Ended();
  CHECK(attempt.kind == OutcomeKind::kCrash);
  CHECK(attempt.streamed_bytes == 5 * kInlineBytesMax);
}

TEST_CASE_METHOD(Fixture, "a streamed answer at its limit and one byte past it", "[worker][stream]") {
  context_.stream_bytes_max = 100;
  const size_t size = GENERATE(100, 101);
  PlayUntilStarted([size](Player& worker) {
    worker.BecomeBusy();
    worker.Say(EncodeChunk(1, "", std::string(50, 'x')));
    worker.Say(EncodeChunk(1, "", std::string(size - 50, 'x')));
    worker.Answer("");
    worker.Wait();
  });
  RunStreamed();
  const Attempt attempt = Ended();
  REQUIRE(attempt.kind == (size == 100 ? OutcomeKind::kSuccess : OutcomeKind::kFunctionError));
  CHECK(worker_->usable() == (size == 100));
  if (size == 100) return;
  CHECK(attempt.error.type == "Function.ResponseSizeTooLarge");
  CHECK(Reap().signal == SIGKILL);
}

TEST_CASE_METHOD(Fixture, "forged pieces end the worker", "[worker][stream]") {
  std::string flagged = EncodeChunk(1, "", "x");
  flagged[4] = 1;
  const std::string forged = GENERATE_COPY(EncodeChunk(0, "", "x"), EncodeChunk(2, "", "x"), flagged,
                                           EncodeChunk(1, "", ""), EncodeChunk(1, "", "x") + "y");
  PlayUntilStarted([&](Player& worker) {
    worker.BecomeBusy();
    worker.SayRaw(forged);
    worker.Wait();
  });
  RunStreamed();
  EndedByProtocol();
  CHECK(client_->taken.empty());
}

TEST_CASE_METHOD(Fixture, "a piece of an answer that is not streamed ends the worker", "[worker][stream]") {
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    worker.Say(EncodeChunk(1, "", "x"));
    worker.Wait();
  });
  Run();
  EndedByProtocol();
}

}  // namespace
}  // namespace hearth
