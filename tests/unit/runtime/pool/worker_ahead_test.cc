#include <deque>
#include <map>

#include "tests/unit/runtime/pool/fake_cgroup.h"
#include "tests/unit/runtime/pool/played_worker.h"

// Events that a worker gets before it has answered the one before.

namespace hearth {
namespace {

class AheadFixture : public PlayedWorkerFixture {
 protected:
  AheadFixture() { takes_ahead_ = true; }

  // Which one it was: 1, 2, ...
  size_t Hand(std::string payload = "{}") {
    Event& event = events_.emplace_back();
    const size_t number = events_.size();
    event.request_id = RequestId("request-" + std::to_string(number));
    event.payload = std::move(payload);
    worker_->Run(event, [this, number](Attempt attempt) {
      REQUIRE(told_.count(number) == 0);
      order_.push_back(number);
      told_[number] = std::move(attempt);
    });
    return number;
  }
  // Busy with the first event, two more behind it.
  void HandThree() {
    Hand("1");
    RunUntil([this] { return worker_->state() == WorkerState::kBusy; });
    REQUIRE(worker_->TakesAhead());
    Hand("2");
    Hand("3");
  }
  void AwaitTold(size_t count) {
    RunUntil([this, count] { return told_.size() >= count; });
    RunSomeTurns();
    CHECK(told_.size() == count);
  }
  // Answers events with their payloads.
  static void Echo(Player& worker, int events) {
    for (int n = 0; n < events; ++n) worker.Answer(worker.HearInvoke().payload);
  }

  std::deque<Event> events_;
  std::map<size_t, Attempt> told_;
  std::vector<size_t> order_;
};

TEST_CASE_METHOD(AheadFixture, "events handed ahead are answered in turn, one after the other",
                 "[worker][prefetch]") {
  PlayUntilStarted([](Player& worker) {
    worker.Started();
    worker.Initialise();
    worker.AwaitGo();
    Echo(worker, 3);
    worker.Wait();
  });
  context_.hold_up_max = std::chrono::hours(1);
  HandThree();
  Go();
  AwaitTold(3);
  CHECK(order_ == std::vector<size_t>{1, 2, 3});
  for (size_t n = 1; n <= 3; ++n) {
    CHECK(told_[n].kind == OutcomeKind::kSuccess);
    CHECK(told_[n].payload == std::to_string(n));
    CHECK(told_[n].prefetched == (n > 1));
    CHECK(told_[n].its_turn_came);
    CHECK(told_[n].duration > nanoseconds(0));
  }
  // None has time that another had.
  CHECK(told_[2].began >= told_[1].began + told_[1].duration);
  CHECK(told_[3].began >= told_[2].began + told_[2].duration);
  CHECK(told_[3].began + told_[3].duration <= loop->clock().Now());
  CHECK(worker_->usable());
}

TEST_CASE_METHOD(AheadFixture, "only the event at the head may be answered", "[worker][prefetch]") {
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    worker.AwaitGo();
    worker.HearInvoke();
    worker.Answer("too soon");
    worker.Wait();
  });
  context_.hold_up_max = std::chrono::hours(1);
  HandThree();
  Go();
  AwaitTold(3);
  CHECK(told_[1].error.type == "Runtime.ProtocolError");
  CHECK(told_[1].its_turn_came);
  CHECK_FALSE(told_[2].its_turn_came);
  CHECK_FALSE(told_[3].its_turn_came);
}

TEST_CASE_METHOD(AheadFixture, "a worker that dies takes only the event at the head with it",
                 "[worker][prefetch]") {
  context_.hold_up_max = std::chrono::hours(1);
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    worker.AwaitGo();
    worker.Answer("1");
    worker.HearInvoke();
    ::_exit(3);
  });
  HandThree();
  Go();
  ReapAndTell();
  AwaitTold(3);
  CHECK(told_[1].kind == OutcomeKind::kSuccess);
  CHECK(told_[2].kind == OutcomeKind::kCrash);
  CHECK(told_[2].its_turn_came);
  CHECK_FALSE(told_[3].its_turn_came);
  CHECK_FALSE(worker_->usable());
}

TEST_CASE_METHOD(AheadFixture, "the time limit of the event at the head leaves those behind it unharmed",
                 "[worker][prefetch]") {
  context_.hold_up_max = std::chrono::hours(1);
  version_->settings.timeout = seconds(1);
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    worker.Wait();
  });
  HandThree();
  AwaitTold(3);
  CHECK(told_[1].kind == OutcomeKind::kTimeout);
  CHECK_FALSE(told_[2].its_turn_came);
  CHECK_FALSE(told_[3].its_turn_came);
}

// Goal: nobody waits for a slow event of somebody else, and none runs twice.
TEST_CASE_METHOD(AheadFixture, "an event that takes long gives up those behind it, unread",
                 "[worker][prefetch]") {
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    worker.AwaitGo();
    worker.Answer("at last");
    Echo(worker, 1);
    worker.Wait();
  });
  HandThree();
  AwaitTold(2);
  CHECK(order_ == std::vector<size_t>{2, 3});
  CHECK_FALSE(told_[2].its_turn_came);
  CHECK_FALSE(told_[3].its_turn_came);
  CHECK(worker_->state() == WorkerState::kBusy);
  CHECK_FALSE(worker_->TakesAhead());  // until it is idle again
  Go();
  AwaitTold(3);
  CHECK(told_[1].payload == "at last");
  Hand("4");
  AwaitTold(4);
  CHECK(told_[4].payload == "4");
}

// Bugs once: the worker, which had not had the processor yet, waited for it until its time was up; and when it was taken
// out and put back, the worker read what stood behind it first, answered that, and was ended for it.
TEST_CASE_METHOD(AheadFixture, "while an event has not been read nothing behind it is taken back; then it is",
                 "[worker][prefetch]") {
  PlayUntilStarted([](Player& worker) {
    worker.Started();
    worker.Initialise();
    worker.AwaitGo();
    const std::string payload = worker.HearInvoke().payload;
    worker.AwaitGo();
    worker.Answer(payload);
    worker.Wait();
  });
  HandThree();
  RunUntil([this] { return !worker_->TakesAhead(); });  // it has been looked
  CHECK(told_.empty());
  Go();
  AwaitTold(2);
  CHECK(order_ == std::vector<size_t>{2, 3});
  CHECK_FALSE(told_[2].its_turn_came);
  Go();
  AwaitTold(3);
  CHECK(told_[1].payload == "1");
}

TEST_CASE_METHOD(AheadFixture,
                 "one that is given up behind another ends the worker when its turn comes, not before",
                 "[worker][prefetch]") {
  context_.hold_up_max = std::chrono::hours(1);
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    worker.AwaitGo();
    worker.Answer("1");
    worker.Wait();
  });
  HandThree();
  worker_->Abort(events_[1], "its client went away");
  RunSomeTurns();
  CHECK(told_.empty());
  Go();
  AwaitTold(3);
  CHECK(told_[1].kind == OutcomeKind::kSuccess);
  CHECK(told_[2].kind == OutcomeKind::kAborted);
  CHECK_FALSE(told_[3].its_turn_came);
}

// Goal: a line is of the request that printed it.
TEST_CASE_METHOD(AheadFixture, "what prints is not given events ahead, and its lines are its own",
                 "[worker][prefetch]") {
  context_.hold_up_max = std::chrono::hours(1);
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    worker.AwaitGo();
    worker.Print("of the first\n");
    worker.Say(Player::ResponsePacket(worker.sequence(), "1", kFlagOutput));
    const Packet second = worker.Hear();
    std::string_view body;
    const auto header = TakeHeader(second.bytes, body);
    worker.Say(
        Player::ResponsePacket(header->sequence, (header->flags & kFlagAhead) != 0 ? "ahead" : "alone"));
    Echo(worker, 1);
    worker.HearInvoke();
    worker.Wait();
  });
  HandThree();
  Go();
  AwaitTold(3);
  CHECK(told_[2].payload == "ahead");
  CHECK(LinesOf(LogSource::kStdout) == std::vector<std::string>{"request-1|of the first"});
  Hand("4");
  RunSomeTurns();
  CHECK_FALSE(worker_->TakesAhead());
}

// Both lie there at once, unread: the answer, and what the next event has printed since.
TEST_CASE_METHOD(AheadFixture, "a line that was printed after an answer is of the event after it",
                 "[worker][prefetch]") {
  context_.hold_up_max = std::chrono::hours(1);
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    worker.AwaitGo();
    worker.Answer("1");
    worker.HearInvoke();
    worker.Print("of the second\n");
    worker.Say(EncodeLog(worker.sequence(), {2, "printed", ""}));
    worker.AwaitGo();
    worker.Answer("2");
    worker.Wait();
  });
  HandThree();
  Go();
  RunUntil([this] { return !LinesOf(LogSource::kHandler).empty(); });
  Go();
  RunUntil([this] { return told_.size() >= 2; });
  CHECK(LinesOf(LogSource::kHandler) == std::vector<std::string>{"request-2|printed"});
  CHECK(LinesOf(LogSource::kStdout) == std::vector<std::string>{"request-2|of the second"});
}

// The pipe comes out of the poll before the channel: it stands in the kernel's list since something, gone by now, lay in
// it.
TEST_CASE_METHOD(AheadFixture, "a line that is seen before the answer before it is still of the event after",
                 "[worker][prefetch]") {
  context_.hold_up_max = std::chrono::hours(1);
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    worker.AwaitGo();
    worker.Print("-");
    worker.StopOnce();
    worker.Answer("1");
    worker.HearInvoke();
    worker.Print("of the second\n");
    worker.StopOnce();
    worker.AwaitGo();
    worker.Answer("2");
    worker.Wait();
  });
  HandThree();
  Go();
  AwaitStopped();
  char first = 0;
  REQUIRE(::read(stdout_.get(), &first, 1) == 1);
  Continue();
  AwaitStopped();
  Continue();
  RunUntil([this] { return !LinesOf(LogSource::kStdout).empty(); });
  Go();
  RunUntil([this] { return told_.size() >= 2; });
  CHECK(LinesOf(LogSource::kStdout) == std::vector<std::string>{"request-2|of the second"});
}

TEST_CASE_METHOD(AheadFixture, "a worker whose channel cannot be looked into takes nothing ahead",
                 "[worker][prefetch]") {
  SECTION("unknown") { takes_ahead_ = false; }
  SECTION("another file is in its place") {}
  PlayUntilStarted([this](Player& worker) {
    worker.BecomeBusy();
    if (!takes_ahead_) worker.Wait();
    const int own = ::dup(kWorkerChannel);
    int others[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, others) == 0) ::dup2(others[0], kWorkerChannel);
    const std::string ready = EncodeLog(1, {2, "moved", ""});
    if (::write(own, ready.data(), ready.size()) < 0) ::_exit(1);
    worker.Wait();
  });
  Hand("1");
  RunUntil([this] {
    return worker_->state() == WorkerState::kBusy && (!takes_ahead_ || !LinesOf(LogSource::kHandler).empty());
  });
  CHECK_FALSE(worker_->TakesAhead());
}

TEST_CASE_METHOD(AheadFixture,
                 "answers that have come together are read in one turn: usage with the first of them, once",
                 "[worker][prefetch]") {
  context_.hold_up_max = std::chrono::hours(1);
  context_.usage_known_for = std::chrono::hours(1);
  PlayedCgroup played;
  PlayUntilStarted(
      [](Player& worker) {
        worker.Started();
        worker.Initialise();
        worker.AwaitGo();
        Echo(worker, 3);
        worker.StopOnce();
        worker.Wait();
      },
      std::make_unique<FakeCgroup>(played));
  HandThree();
  Go();
  AwaitStopped();  // all of them lie in the channel
  AwaitTold(3);
  CHECK(played.usage_reads == 1);
}

TEST_CASE_METHOD(AheadFixture, "the processor time of several is told in parts, the last has the rest",
                 "[worker][prefetch]") {
  context_.hold_up_max = std::chrono::hours(1);
  context_.usage_known_for = milliseconds(0);
  PlayedCgroup played;
  PlayUntilStarted(
      [](Player& worker) {
        worker.Started();
        worker.Initialise();
        worker.AwaitGo();
        Echo(worker, 3);
        worker.Wait();
      },
      std::make_unique<FakeCgroup>(played));
  HandThree();
  played.usage.cpu_us = 60'000'000;
  Go();
  AwaitTold(3);
  uint64_t sum = 0;
  for (size_t n = 1; n <= 3; ++n) sum += told_[n].cpu_us;
  CHECK(sum == 60'000'000);
  for (size_t n = 1; n <= 2; ++n)
    CHECK(told_[n].cpu_us <= static_cast<uint64_t>(told_[n].duration.count()) / 1000 + 1);
}

}  // namespace
}  // namespace hearth
