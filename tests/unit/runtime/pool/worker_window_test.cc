#include "tests/unit/runtime/pool/played_worker.h"

// Large bodies that come one after the other go through memory that hearthd and the worker share.

namespace hearth {
namespace {

class WindowFixture : public PlayedWorkerFixture {
 protected:
  // Different ones, of one length.
  static std::string Body(char letter, size_t size = 300'000) {
    std::string body(size, letter);
    body.back() = '.';
    return body;
  }
  std::string Answered(std::string payload) {
    Run(std::move(payload));
    const Attempt attempt = Ended();
    CHECK(attempt.kind == OutcomeKind::kSuccess);
    return attempt.payload;
  }
  // What the worker of EchoAndTell() says before the body that it gives back.
  static std::string Told(const InvokeFrame& event, int windows) {
    return std::string(event.bytes_in_window ? "window" : "memfd") + (event.window ? "+" : "-") +
           std::to_string(windows) + ":";
  }
  static void EchoAndTell(Player& worker) {
    for (InvokeFrame event = worker.BecomeBusy();; event = worker.HearInvoke()) {
      const std::string answer = Told(event, worker.windows()) + event.payload;
      if (event.window) {
        worker.AnswerInWindow(answer);
      } else {
        worker.AnswerInMemfd({MakeSealedMemfd("answer", answer)->get()});
      }
    }
  }
};

TEST_CASE_METHOD(WindowFixture,
                 "the second large event and its answer go through a window, and all behind it",
                 "[worker][window]") {
  PlayUntilStarted(EchoAndTell);
  CHECK(Answered(Body('a')) == "memfd-0:" + Body('a'));
  CHECK(context_.body_windows_left == 64);
  CHECK(Answered(Body('b')) == "window+1:" + Body('b'));
  CHECK(Answered(Body('c', 200'000)) == "window+1:" + Body('c', 200'000));
  CHECK(Answered("{}") == "memfd+1:{}");  // in the packet
  CHECK(Answered(Body('d')) == "window+1:" + Body('d'));
  CHECK(context_.body_windows_left == 63);
  worker_.reset();
  CHECK(context_.body_windows_left == 64);
}

TEST_CASE_METHOD(WindowFixture,
                 "an event that fills its half goes through the window, one byte more does not",
                 "[worker][window]") {
  PlayUntilStarted([](Player& worker) {
    for (InvokeFrame event = worker.BecomeBusy();; event = worker.HearInvoke())
      worker.Answer((event.bytes_in_window ? "window " : "memfd ") + std::to_string(event.payload.size()));
  });
  Answered(Body('a'));
  const size_t most = kWindowBodyBytesMax - 1;  // a zero stands behind it
  CHECK(Answered(Body('b', most)) == "window " + std::to_string(most));
  CHECK(Answered(Body('c', most + 1)) == "memfd " + std::to_string(most + 1));
  CHECK(Answered(Body('d', kInlineBytesMax + 1)) == "window " + std::to_string(kInlineBytesMax + 1));
}

TEST_CASE_METHOD(WindowFixture, "a worker that has answered large is given a window with a small event",
                 "[worker][window]") {
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    worker.AnswerInMemfd({MakeSealedMemfd("answer", Body('a'))->get()});
    const InvokeFrame small = worker.HearInvoke();
    worker.AnswerInWindow((small.window ? "given " : "not ") + Body('b'));
    worker.Wait();
  });
  Answered("{}");
  CHECK(Answered("{}") == "given " + Body('b'));
}

// Goal: hearthd has its own copy before anybody else can look.
TEST_CASE_METHOD(WindowFixture, "what the worker does to the window after its answer changes nothing",
                 "[worker][window]") {
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    worker.AnswerInMemfd({MakeSealedMemfd("answer", Body('a'))->get()});
    worker.HearInvoke();
    worker.AnswerInWindow(Body('b'));
    worker.AwaitGo();
    std::fill_n(worker.window().answer().data(), 300'000, '!');
    worker.Say(EncodeLog(0, {3, "done", ""}));
    worker.Wait();
  });
  Answered(Body('a'));
  Run(Body('b'));
  const Attempt attempt = Ended();
  Go();
  RunUntil([this] { return !logs_.lines.empty(); });
  CHECK(attempt.payload == Body('b'));
}

TEST_CASE_METHOD(WindowFixture, "an answer in a window that was not given ends the worker",
                 "[worker][window]") {
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    worker.SayAnswerInWindow(10);
    worker.Wait();
  });
  Run();
  CHECK(EndedByProtocol().error.message.find("where it may not") != std::string::npos);
}

TEST_CASE_METHOD(WindowFixture, "an event that was sent ahead is not answered in the window",
                 "[worker][window]") {
  takes_ahead_ = true;
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    worker.AnswerInMemfd({MakeSealedMemfd("answer", Body('a'))->get()});
    worker.HearInvoke();
    worker.AwaitGo();
    worker.Answer("in its packet");  // not in the window, which hearthd might read after the next answer
    worker.HearInvoke();
    worker.AnswerInWindow("where it may not be");
    worker.Wait();
  });
  Answered("{}");
  Event head, behind;
  std::vector<Attempt> ends;
  worker_->Run(head, [&](Attempt attempt) { ends.push_back(std::move(attempt)); });
  REQUIRE(worker_->TakesAhead());
  worker_->Run(behind, [&](Attempt attempt) { ends.push_back(std::move(attempt)); });
  Go();
  RunUntil([&] { return ends.size() == 2; });
  CHECK(ends[0].payload == "in its packet");
  CHECK(ends[1].error.type == "Runtime.ProtocolError");
}

TEST_CASE_METHOD(WindowFixture, "an answer larger than its half, or in two places, ends the worker",
                 "[worker][window]") {
  const uint64_t bytes = GENERATE(uint64_t{10}, kWindowBodyBytesMax + 1, UINT64_MAX);
  PlayUntilStarted([bytes](Player& worker) {
    worker.BecomeBusy();
    worker.AnswerInMemfd({MakeSealedMemfd("answer", Body('a'))->get()});
    worker.HearInvoke();
    const auto memfd = MakeSealedMemfd("answer", "0123456789");
    worker.SayAnswerInWindow(bytes, bytes == 10 ? kFlagBodyInMemfd : 0, {memfd->get()});
    worker.Wait();
  });
  Answered(Body('a'));
  Run(Body('b'));
  EndedByProtocol();
}

TEST_CASE_METHOD(WindowFixture, "an answer in a window is held to the limit of answers", "[worker][window]") {
  context_.response_bytes_max = 100'000;
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    worker.AnswerInMemfd({MakeSealedMemfd("answer", Body('a', 100'000))->get()});
    for (const size_t size : {100'000, 100'001, 100'000}) {
      worker.HearInvoke();
      worker.AnswerInWindow(Body('b', size));
    }
    worker.Wait();
  });
  Answered("{}");
  CHECK(Answered("{}") == Body('b', 100'000));
  Run();
  CHECK(Ended().error.type == "Function.ResponseSizeTooLarge");
  CHECK(Answered("{}") == Body('b', 100'000));
}

TEST_CASE_METHOD(WindowFixture, "without a window left large bodies travel in memfds", "[worker][window]") {
  context_.body_windows_left = 0;
  PlayUntilStarted(EchoAndTell);
  for (const char letter : {'a', 'b', 'c'}) CHECK(Answered(Body(letter)) == "memfd-0:" + Body(letter));
  context_.body_windows_left = 1;
  CHECK(Answered(Body('d')) == "window+1:" + Body('d'));
}

TEST_CASE_METHOD(WindowFixture,
                 "a worker that is frozen has no window; its next large body comes as the first did",
                 "[worker][window]") {
  context_.idle_linger = milliseconds(1);
  PlayUntilStarted(EchoAndTell);
  Event first, second;
  first.payload = Body('a');
  second.payload = Body('b');
  std::string answer;
  worker_->Run(first, [&](Attempt) {  // at once, so that it is not frozen between the two
    worker_->Run(second, [&](Attempt attempt) { answer = attempt.payload; });
  });
  RunUntil([&] { return !answer.empty(); });
  CHECK(answer == "window+1:" + Body('b'));
  RunUntil([this] { return worker_->state() == WorkerState::kFrozen; });
  CHECK(context_.body_windows_left == 64);
  CHECK(Answered(Body('c')) == "memfd-1:" + Body('c'));
}

}  // namespace
}  // namespace hearth
