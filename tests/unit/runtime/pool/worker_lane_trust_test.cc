#include "tests/unit/runtime/pool/lane_fixture.h"

// What a worker may say in its lane, and what is believed of it; what lies there when it dies.

namespace hearth {
namespace {

// Goal: a worker that lies about when it was done wins and loses nothing worth the lie.
TEST_CASE_METHOD(LaneFixture,
                 "when an answer was there the worker says, and is believed between two looks alone",
                 "[worker][lane]") {
  const int64_t said = GENERATE(INT64_MIN, int64_t{0}, INT64_MAX);
  PlayWithThree([said](Player& worker) {
    worker.AnswerInLane("3");
    worker.TakeFromLane();
    worker.AwaitGo();
    worker.AnswerInLane("4", said);
    worker.AwaitGo();
    AnswerNext(worker);
  });
  Go();
  RunUntil([this] { return told_.count(3) == 1; });
  const MonotonicTime looked = loop->clock().Now();
  RunSomeTurns();  // so that it has been looked after that
  Go();
  RunUntil([this] { return told_.count(4) == 1; });
  const MonotonicTime end = told_[4].began + told_[4].duration;
  CHECK(end >= looked);
  CHECK(end <= loop->clock().Now());
  Go();
  AwaitTold(5);
  CheckNoTimeIsTwice(3, 5);
}

TEST_CASE_METHOD(LaneFixture, "an honest worker pays until it had answered, and not until that was read",
                 "[worker][lane]") {
  PlayWithThree([](Player& worker) {
    worker.AnswerInLane("3");
    worker.StopOnce();
    AnswerNext(worker, 2);
  });
  Go();
  AwaitStopped();
  const MonotonicTime answered_before = loop->clock().Now();
  while (loop->clock().Now() < answered_before + milliseconds(2)) {
  }  // it lies there
  Continue();
  AwaitTold(5);
  CHECK(told_[3].began + told_[3].duration <= answered_before);
}

TEST_CASE_METHOD(LaneFixture, "what lies in the lane for another event than the head's is left there",
                 "[worker][lane]") {
  PlayWithThree([](Player& worker) {
    const uint64_t head = worker.sequence();
    for (const uint64_t other : {head - 1, head + 2, head + kLanePlaces})
      worker.PutInLane(other, Player::ResponsePacket(other, "forged"), Player::Now());
    worker.Ring();
    worker.AwaitGo();
    worker.AnswerInLane("3");
    AnswerNext(worker);
    worker.TakeFromLane();
    worker.Ring();
  });
  Go();
  RunSomeTurns();
  CHECK(told_.size() == 2);
  Go();
  AwaitTold(5);
  CHECK(told_[3].payload == "3");
  CHECK(told_[5].payload == "forged");  // its own answer to its own event
}

TEST_CASE_METHOD(LaneFixture, "what is no answer to the head ends the worker; those behind it go elsewhere",
                 "[worker][lane]") {
  const int how = GENERATE(range(0, 6));
  PlayWithThree([how](Player& worker) {
    const uint64_t head = worker.sequence();
    const std::string frames[] = {
        "",
        "no frame",
        EncodeEmpty(WorkerFrameKind::kReady),
        Player::ResponsePacket(head + 1, "of another"),
        Player::ResponsePacket(head, "flagged", kFlagOutput),
        Player::ResponsePacket(head, "cut").substr(0, 20),
    };
    worker.PutInLane(head, frames[how], Player::Now());
  });
  Go();
  AwaitTold(5);
  CHECK(told_[3].error.type == "Runtime.ProtocolError");
  CHECK(told_[3].error.message.find("lane") != std::string::npos);
  CHECK_FALSE(told_[4].its_turn_came);
  CHECK_FALSE(told_[5].its_turn_came);
  CHECK(lanes_.left() == BusyLanes::kLanesMax);
}

TEST_CASE_METHOD(LaneFixture, "an answer over the limit of answers is refused in the lane too",
                 "[worker][lane]") {
  context_.response_bytes_max = 10;
  PlayWithThree([](Player& worker) {
    worker.AnswerInLane("0123456789");
    worker.TakeFromLane();
    worker.AnswerInLane("0123456789-");
    AnswerNext(worker);
  });
  Go();
  RunUntil([this] { return told_.size() == 5; });
  CHECK(told_[3].payload == "0123456789");
  CHECK(told_[4].error.type == "Function.ResponseSizeTooLarge");
}

TEST_CASE_METHOD(LaneFixture, "what it put into the lane before it died still counts", "[worker][lane]") {
  PlayWithThree([](Player& worker) {
    worker.AnswerInLane("3");
    worker.TakeFromLane();
    ::_exit(3);
  });
  Go();
  ReapAndTell();
  AwaitTold(5);
  CHECK(told_[3].payload == "3");
  CHECK(told_[4].kind == OutcomeKind::kCrash);
  CHECK(told_[4].delivered);
  CHECK_FALSE(told_[5].its_turn_came);
  CHECK(lanes_.left() == BusyLanes::kLanesMax);
}

TEST_CASE_METHOD(LaneFixture, "an event that was still in the lane when the worker died was never begun",
                 "[worker][lane]") {
  PlayWithThree([](Player& worker) {
    worker.AnswerInLane("3");
    ::_exit(3);
  });
  Go();
  ReapAndTell();
  AwaitTold(5);
  CHECK(told_[4].kind == OutcomeKind::kCrash);
  CHECK_FALSE(told_[4].delivered);
  CHECK_FALSE(told_[5].its_turn_came);
}

TEST_CASE_METHOD(LaneFixture,
                 "an event that waited for the end of its turn when the worker died was never begun",
                 "[worker][lane]") {
  PlayUntilWorthALane([](Player& worker) {
    worker.HearInvoke();
    worker.AnswerInLane("3");
    worker.AwaitGo();
  });
  Hand();
  AwaitTold(3);
  Go();
  const ExitStatus ended = [this] {
    Hand();
    REQUIRE(::kill(pid_, SIGKILL) == 0);
    return Reap();
  }();
  worker_->OnExited({ended, {}}, 2048);  // in the same turn
  AwaitTold(4);
  CHECK(told_[4].kind == OutcomeKind::kCrash);
  CHECK_FALSE(told_[4].delivered);
}

TEST_CASE_METHOD(LaneFixture,
                 "an event in the lane that a worker died of was begun, and one that it did not take was not",
                 "[worker][lane]") {
  const bool taken = GENERATE(false, true);
  PlayUntilWorthALane([taken](Player& worker) {
    worker.HearInvoke();
    worker.AnswerInLane("3");
    worker.StopOnce();
    if (taken) worker.TakeFromLane();
    ::_exit(3);
  });
  Hand();
  AwaitTold(3);
  AwaitStopped();
  Hand();
  RunSomeTurns();  // it lies in the lane
  Continue();
  ReapAndTell();
  AwaitTold(4);
  CHECK(told_[4].kind == OutcomeKind::kCrash);
  CHECK(told_[4].delivered == taken);
}

TEST_CASE_METHOD(LaneFixture, "a worker may ring at any time, and does no harm by it", "[worker][lane]") {
  PlayWithThree([](Player& worker) {
    for (int n = 0; n < 1'000; ++n) worker.Ring();
    worker.AnswerInLane("3");
    worker.Ring();
    AnswerNext(worker, 2);
    worker.Ring();
  });
  Go();
  AwaitTold(5);
  CHECK(told_[3].payload == "3");
  CHECK(told_[5].payload == "5 from the lane");
  CHECK(worker_->usable());
  int turns = 0;
  const auto count = TurnEnd::Create(*loop, [&] {
    ++turns;
    return TurnEnd::Next::kMaySleep;
  });
  const Timer enough = loop->After(milliseconds(50), [this] { loop->Stop(); });
  loop->Run();
  CHECK(turns < 20);  // its bell has been emptied: the loop sleeps
}

// Is looked at before the worker.
struct OtherUser final : LaneUser {
  size_t TakeAnswers(MonotonicTime) override {
    if (const auto look = std::exchange(on_look, nullptr)) look();
    return 0;
  }
  bool Wake() override { return false; }
  bool BeginSleep() override { return true; }
  void EndSleep() override {}
  std::function<void()> on_look;
};

// Bug once: its end was cut to the beginning of the look, before it had answered.
TEST_CASE_METHOD(LaneFixture, "an answer that comes during a look ends when it came, not when the look began",
                 "[worker][lane]") {
  OtherUser other;
  lanes_.Add(other);
  PlayWithThree([](Player& worker) {
    worker.AnswerInLane("3");
    worker.TakeFromLane();
    worker.AwaitGo();
    worker.AnswerInLane("4");
    worker.StopOnce();
    AnswerNext(worker);
  });
  Go();
  RunUntil([this] { return told_.count(3) == 1; });
  MonotonicTime before_its_answer{};
  other.on_look = [&] {
    before_its_answer = loop->clock().Now();
    Go();
    AwaitStopped();
  };
  RunUntil([this] { return told_.count(4) == 1; });
  CHECK(told_[4].began + told_[4].duration >= before_its_answer);
  Continue();
  AwaitTold(5);
  lanes_.Remove(other);
}

enum class Answered { kInTime, kWhileHearthdWaits, kWithoutARing };

// Goal: nobody can have been done long before hearthd was woken, or woke, and found the answer.
TEST_CASE_METHOD(LaneFixture,
                 "a worker that answers late is not believed that it was done before, if hearthd was on time",
                 "[worker][lane]") {
  const auto how =
      GENERATE(values({Answered::kInTime, Answered::kWhileHearthdWaits, Answered::kWithoutARing}));
  const bool rings = how != Answered::kWithoutARing;
  PlayWithThree([rings](Player& worker) {
    const int64_t began = Player::Now();
    while (Player::Now() - began < 100'000'000) {
    }
    if (rings) {
      worker.AnswerInLane("3", began);
    } else {
      worker.lane().PutAnswer(worker.sequence(), Player::ResponsePacket(worker.sequence(), "3"), began, 0);
    }
    AnswerNext(worker, 2);
  });
  if (how == Answered::kWhileHearthdWaits) kept_waiting_ = seconds(10);
  on_told_ = [this] { loop->Stop(); };
  Timer other;  // something else for hearthd, for a worker that does not ring
  const std::function<void()> wake = [&] { other = loop->After(milliseconds(120), wake); };
  if (!rings) wake();
  const MonotonicTime began = loop->clock().Now();
  Go();
  loop->Run();  // which sleeps meanwhile
  on_told_ = nullptr;
  other.Cancel();
  const nanoseconds believed = told_[3].began + told_[3].duration - began;
  if (how == Answered::kWhileHearthdWaits) {
    CHECK(believed < milliseconds(50));
  } else {
    CHECK(believed >= milliseconds(99));
  }
  AwaitTold(5);
  CheckNoTimeIsTwice(3, 5);
}

}  // namespace
}  // namespace hearth
