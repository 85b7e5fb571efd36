#include <fcntl.h>

#include "tests/unit/runtime/pool/lane_fixture.h"

// Events that stand behind another, and answers, in memory that hearthd and the worker share.

namespace hearth {
namespace {

TEST_CASE_METHOD(LaneFixture, "what stands behind others comes in the lane, and is answered there, in turn",
                 "[worker][lane]") {
  PlayWithThree([](Player& worker) {
    worker.AnswerInLane("3, lanes " + std::to_string(worker.lanes()));
    AnswerNext(worker, 2);
  });
  CHECK(lanes_.left() == BusyLanes::kLanesMax - 1);
  Go();
  AwaitTold(5);
  CHECK(order_ == std::vector<size_t>{1, 2, 3, 4, 5});
  CHECK(told_[3].payload == "3, lanes 1");
  CHECK(told_[4].payload == "4 from the lane");
  CHECK(told_[5].payload == "5 from the lane");
  CHECK_FALSE(told_[3].prefetched);
  CHECK(told_[5].prefetched);
  CheckNoTimeIsTwice(3, 5);
  CHECK(worker_->usable());
  worker_.reset();
  CHECK(lanes_.left() == BusyLanes::kLanesMax);
}

TEST_CASE_METHOD(LaneFixture,
                 "an event that is the first of its turn wakes the worker when the turn ends, and once",
                 "[worker][lane]") {
  PlayUntilWorthALane([](Player& worker) {
    worker.HearInvoke();
    worker.AnswerInLane("3");
    worker.lane().BeginSleep();
    worker.StopOnce();
    const int rings = worker.UnheardRings();
    worker.HearInvoke();
    worker.AnswerInLane("4, rings " + std::to_string(rings));
    AnswerNext(worker, 2);
  });
  Hand();
  AwaitTold(3);
  AwaitStopped();
  const MonotonicTime handed = loop->clock().Now();
  Hand();
  REQUIRE(worker_->TakesAhead());
  Hand();
  Hand();
  while (loop->clock().Now() < handed + milliseconds(2)) {
  }  // a turn that takes long
  const MonotonicTime turn_ended = loop->clock().Now();
  RunSomeTurns();
  Continue();
  AwaitTold(6);
  CHECK(told_[4].payload == "4, rings 1");
  CHECK(told_[6].payload == "6 from the lane");
  CHECK(told_[4].began >= turn_ended);  // what the turn took is not billed
  CheckNoTimeIsTwice(4, 6);
}

TEST_CASE_METHOD(LaneFixture, "a worker that sleeps is rung for, once for all that it has been given",
                 "[worker][lane]") {
  PlayUntilWorthALane([](Player& worker) {
    worker.HearInvoke();
    worker.lane().BeginSleep();
    worker.StopOnce();
    const int rings = worker.UnheardRings();
    worker.AwaitRing();
    worker.lane().EndSleep();
    worker.AnswerInLane("rings " + std::to_string(rings));
    AnswerNext(worker, 3);
    worker.HearInvoke();
    worker.Answer("7, rings " + std::to_string(worker.UnheardRings()));
  });
  Hand();
  AwaitStopped();
  Hand();
  Hand();
  RunSomeTurns();
  Hand();
  RunSomeTurns();
  Continue();
  AwaitTold(6);
  CHECK(told_[3].payload == "rings 1");
  CHECK(told_[6].payload == "6 from the lane");
  Hand();
  AwaitTold(7);
  CHECK(told_[7].payload == "7, rings 0");
}

TEST_CASE_METHOD(LaneFixture, "how long it was at an event the worker says, for guesses, within its duration",
                 "[worker][lane]") {
  PlayWithThree([](Player& worker) {
    worker.AnswerInLane("3", std::nullopt, -5);
    AnswerNext(worker);
    worker.TakeFromLane();
    worker.AnswerInLane("5", std::nullopt, INT64_MAX);
  });
  Go();
  AwaitTold(5);
  CHECK_FALSE(told_[1].occupied);
  CHECK(told_[3].occupied == nanoseconds(0));
  CHECK(told_[4].occupied == nanoseconds(0));
  CHECK(told_[5].occupied == told_[5].duration);
}

TEST_CASE_METHOD(LaneFixture, "an event that takes long gives up those behind it that have not been taken",
                 "[worker][lane]") {
  PlayWithThree([](Player& worker) {
    worker.AnswerInLane("3");
    worker.TakeFromLane();
    worker.AwaitGo();
    worker.AnswerInLane("4, at last");
    if (worker.TakeFromLane()) worker.AnswerInLane("5, taken back?");
    worker.AnswerInLane(worker.HearInvoke().payload);
  });
  context_.hold_up_max = milliseconds(2);  // from the next one on
  Go();
  AwaitTold(4);
  CHECK(told_[3].payload == "3");
  CHECK_FALSE(told_[5].its_turn_came);
  CHECK_FALSE(worker_->TakesAhead());  // until it is idle again
  Go();
  AwaitTold(5);
  CHECK(told_[4].payload == "4, at last");
  Hand();
  AwaitTold(6);
  CHECK(told_[6].payload == "6");
}

TEST_CASE_METHOD(LaneFixture,
                 "an event that does not fit, and all behind it, go through the channel, in order",
                 "[worker][lane]") {
  PlayUntilWorthALane([](Player& worker) {
    worker.HearInvoke();
    worker.AwaitGo();
    worker.AnswerInLane("3");
    AnswerNext(worker);
    for (int n = 0; n < 2; ++n) {
      if (worker.TakeFromLane()) ::_exit(2);
      worker.AnswerInLane(std::to_string(worker.TakeInvoke(worker.Hear()).payload.size()) +
                          " from the channel");
    }
  });
  Hand();
  Hand();
  Hand(std::string(kLaneFrameBytesMax, 'x'));
  Hand("six");
  Go();
  AwaitTold(6);
  CHECK(told_[4].payload == "4 from the lane");
  CHECK(told_[5].payload == std::to_string(kLaneFrameBytesMax) + " from the channel");
  CHECK(told_[6].payload == "3 from the channel");
}

// Goal: a line is of the request that logged it.
// Bug once: it was in the channel before the head, which waited for the end of the turn.
TEST_CASE_METHOD(LaneFixture,
                 "an event that goes through the channel comes behind one that waits for the turn's end",
                 "[worker][lane]") {
  PlayUntilWorthALane([](Player& worker) {
    worker.HearInvoke();
    worker.AnswerInLane("3");
    worker.AwaitGo();
    for (int n = 0; n < 3; ++n) {
      const std::string heard = worker.HearInvoke().payload;
      worker.Answer(heard.substr(0, 8));
    }
    worker.HearInvoke();
    AnswerNext(worker, 0);
    worker.AnswerInLane("7");
    AnswerNext(worker);
  });
  Hand();
  AwaitTold(3);
  Hand("fourth");
  Hand("fifth" + std::string(kLaneFrameBytesMax, 'x'));
  Hand("sixth");
  Go();
  AwaitTold(6);
  CHECK(told_[4].payload == "fourth");
  CHECK(told_[5].payload == "fifthxxx");
  CHECK(told_[6].payload == "sixth");
  CheckNoTimeIsTwice(4, 6);
  Hand();
  Hand();
  AwaitTold(8);
  CHECK(told_[8].payload == "8 from the lane");
}

// Bug once: the number of one that found the channel full was lost, and the worker waited for it in its lane.
TEST_CASE_METHOD(LaneFixture,
                 "one that finds the channel full leaves no gap before those that come in the lane",
                 "[worker][lane]") {
  PlayUntilWorthALane([](Player& worker) {
    worker.HearInvoke();
    worker.AwaitGo();
    worker.AnswerInLane("3");
    for (;;) {
      worker.HearInvoke();
      worker.AwaitGo();
      worker.Answer("large");
      if (const auto next = worker.TakeFromLane())
        return worker.AnswerInLane(next->payload + " from the lane");
    }
  });
  Hand();
  size_t large = 0;
  for (; told_.size() == 2 && large < 8; ++large) {
    REQUIRE(worker_->TakesAhead());
    Hand(std::string(kInlineBytesMax, 'x'));
    RunSomeTurns();
  }
  REQUIRE(told_.size() == 3);  // the last one did not fit
  for (size_t n = 1; n < large; ++n) {
    Go();
    RunUntil([&] { return told_.size() == 3 + n; });
  }
  const size_t last = Hand("behind the last");
  Go();
  AwaitTold(3 + large + 1);
  CHECK(told_[last].payload == "behind the last from the lane");
}

TEST_CASE_METHOD(LaneFixture, "answers in the lane are taken before what the worker said after them",
                 "[worker][lane]") {
  PlayWithThree([](Player& worker) {
    worker.AnswerInLane("3");
    worker.TakeFromLane();
    worker.Say(EncodeLog(worker.sequence(), {2, "of the fourth", ""}));
    worker.Answer("4");
    worker.TakeFromLane();
    worker.Print("of the fifth\n");
    worker.Say(Player::ResponsePacket(worker.sequence(), "5", kFlagOutput));
    worker.StopOnce();
  });
  Go();
  AwaitStopped();  // all of it lies there
  Continue();
  AwaitTold(5);
  CHECK(LinesOf(LogSource::kHandler) == std::vector<std::string>{"request-4|of the fourth"});
  CHECK(LinesOf(LogSource::kStdout) == std::vector<std::string>{"request-5|of the fifth"});
}

TEST_CASE_METHOD(LaneFixture, "a worker that is frozen has no lane; it is given one as it was the first time",
                 "[worker][lane]") {
  context_.idle_linger = milliseconds(1);
  context_.short_events_worth_lane = 1;
  PlayUntilStarted([](Player& worker) {
    worker.Started();
    worker.Initialise();
    for (int n = 1;; ++n) {
      const std::string payload = worker.HearInvoke().payload;
      if (n % 3 == 1) worker.AwaitGo();
      worker.Answer(payload + ", lanes " + std::to_string(worker.lanes()));
    }
  });
  const auto busy_with_two_then_one = [this] {
    Event& last = events_.emplace_back();
    last.payload = "last";
    std::string answer;
    Event& first = events_.emplace_back();
    Event& second = events_.emplace_back();
    worker_->Run(first, [](Attempt) {});
    RunUntil([this] { return worker_->TakesAhead(); });
    worker_->Run(second, [&](Attempt) {  // at once, so that it is not frozen between the two
      worker_->Run(last, [&](Attempt attempt) { answer = attempt.payload; });
    });
    Go();
    RunUntil([&] { return !answer.empty(); });
    return answer;
  };
  CHECK(busy_with_two_then_one() == "last, lanes 1");
  RunUntil([this] { return worker_->state() == WorkerState::kFrozen; });
  CHECK(lanes_.left() == BusyLanes::kLanesMax);
  CHECK(busy_with_two_then_one() == "last, lanes 2");
}

TEST_CASE_METHOD(LaneFixture, "without a lane left everything goes through the channel", "[worker][lane]") {
  lanes_.left() = 0;
  PlayUntilWorthALane([](Player& worker) {
    for (int n = 0; n < 2; ++n)
      worker.Answer(worker.HearInvoke().payload + "/" + std::to_string(worker.lanes()));
  });
  Hand();
  REQUIRE(worker_->TakesAhead());
  Hand();
  AwaitTold(4);
  CHECK(told_[3].payload == "3/0");
  CHECK(told_[4].payload == "4/0");
}

TEST_CASE_METHOD(LaneFixture, "short events one at a time are worth a lane too, from the seventeenth on",
                 "[worker][lane]") {
  PlayUntilStarted([](Player& worker) {
    worker.Started();
    worker.Initialise();
    for (;;) {
      const InvokeFrame event = worker.HearInvoke();
      event.lane ? worker.AnswerInLane("lane") : worker.Answer("packet");
    }
  });
  context_.short_events_worth_lane = 16;
  size_t n = 0;
  do {
    Hand();
    AwaitTold(++n);
  } while (told_[n].payload == "packet" && n < 1'000);  // on a busy machine some are not short
  CHECK(n > 16);
  CHECK(told_[n].payload == "lane");
}

TEST_CASE_METHOD(LaneFixture, "events that take long are not worth a lane", "[worker][lane]") {
  PlayUntilStarted([](Player& worker) {
    worker.Started();
    worker.Initialise();
    for (;;) {
      const InvokeFrame event = worker.HearInvoke();
      const int64_t began = Player::Now();
      while (Player::Now() - began < 1'100'000) {
      }
      worker.Answer(event.lane ? "lane" : "packet");
    }
  });
  for (size_t n = 1; n <= 20; ++n) {
    Hand();
    AwaitTold(n);
  }
  CHECK(told_[20].payload == "packet");
}

// A worker with a lane does not wait for packets.
TEST_CASE_METHOD(LaneFixture, "a worker that sleeps is rung for what does not come in its lane",
                 "[worker][lane]") {
  const int how = GENERATE(range(0, 3));
  PlayUntilWorthALane([](Player& worker) {
    worker.HearInvoke();
    worker.AnswerInLane("3");
    worker.HearInvoke();  // rung for: it does not look into its channel after that without another ring
    worker.AnswerInLane("4");
    worker.HearInvoke();
    worker.AwaitGo();
    worker.AnswerInLane("5");
    for (;;) {
      const InvokeFrame event = worker.HearInvoke();
      worker.AnswerInLane(std::to_string(event.payload.size()) + (event.object ? " with a file" : ""));
    }
  });
  for (size_t n = 3; n <= 4; ++n) {
    Hand();
    AwaitTold(n);
  }
  const std::string large(kLaneFrameBytesMax, 'x');
  Hand();
  if (how == 0) {
    Hand(large);  // behind 5
    RunSomeTurns();
    Go();
    AwaitTold(6);
  } else {
    Go();
    AwaitTold(5);
    if (how == 1) {
      Hand(large);
    } else {
      Event& event = events_.emplace_back();
      event.object = std::make_shared<EventObject>();
      event.object->fd.Reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
      worker_->Run(event, [this](Attempt attempt) { told_[6] = std::move(attempt); });
    }
    AwaitTold(6);
  }
  CHECK(told_[6].payload == (how == 2 ? "0 with a file" : std::to_string(kLaneFrameBytesMax)));
}

// A worker asks its lane for one number after the other.
TEST_CASE_METHOD(LaneFixture, "those that are given up leave their numbers to the next, and no others",
                 "[worker][lane]") {
  PlayUntilWorthALane([](Player& worker) {
    const uint64_t head = worker.HearInvoke().attempt > 0 ? worker.sequence() : 0;
    worker.AwaitGo();
    worker.TakeFromLane();  // hearthd does not know yet that the head has been answered
    worker.StopOnce();
    worker.PutInLane(head, Player::ResponsePacket(head, "3"), Player::Now());
    worker.AnswerInLane("4");
    worker.AnswerInLane(worker.HearInvoke().payload);
  });
  Hand();
  context_.hold_up_max = milliseconds(300);
  Hand();
  Hand();
  RunSomeTurns();
  Go();
  AwaitStopped();
  RunUntil([this] { return told_.count(5) == 1; });
  CHECK_FALSE(told_[5].its_turn_came);
  Continue();
  AwaitTold(5);
  CHECK(told_[4].payload == "4");
  Hand("the next");
  AwaitTold(6);
  CHECK(told_[6].payload == "the next");
}

// Both ends go to sleep all the time: what one does while the other is about to must not be missed. Nothing else wakes the
// loop in this test.
TEST_CASE_METHOD(LaneFixture, "of thousands of events none waits, whoever goes to sleep when",
                 "[worker][lane]") {
  constexpr int kRounds = 5'000, kEventsEach = 3;
  PlayUntilWorthALane([](Player& worker) {
    for (;;) {
      const InvokeFrame event = worker.HearInvoke();
      event.lane ? worker.AnswerInLane(event.payload) : worker.Answer(event.payload);
    }
  });
  Event event;
  int rounds = 0, answered = 0;
  bool stuck = false;
  std::function<void()> round = [&] {
    answered = 0;
    for (int n = 0; n < kEventsEach; ++n) {
      worker_->Run(event, [&](const Attempt& attempt) {
        REQUIRE(attempt.kind == OutcomeKind::kSuccess);
        if (++answered < kEventsEach) return;
        if (++rounds == kRounds) return loop->Stop();
        loop->Post(round);
      });
    }
  };
  const Timer watch = loop->After(kPatience, [&] {
    stuck = true;
    loop->Stop();
  });
  round();
  loop->Run();
  CHECK_FALSE(stuck);
  CHECK(rounds == kRounds);
}

}  // namespace
}  // namespace hearth
