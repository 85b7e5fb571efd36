#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <deque>
#include <map>

#include "tests/unit/runtime/pool/played_worker.h"

// Events that stand behind another, and answers, in memory that hearthd and the worker share.

namespace hearth {
namespace {

class LaneFixture : public PlayedWorkerFixture {
 protected:
  LaneFixture() {
    takes_ahead_ = true;
    context_.lanes = &lanes_;
    context_.hold_up_max = std::chrono::hours(1);
  }
  ~LaneFixture() { worker_.reset(); }

  size_t Hand(std::string payload = "") {
    Event& event = events_.emplace_back();
    const size_t number = events_.size();
    event.request_id = RequestId("request-" + std::to_string(number));
    event.payload = payload.empty() ? std::to_string(number) : std::move(payload);
    worker_->Run(event, [this, number](Attempt attempt) {
      REQUIRE(told_.count(number) == 0);
      order_.push_back(number);
      told_[number] = std::move(attempt);
    });
    return number;
  }
  void AwaitTold(size_t count) {
    RunUntil([this, count] { return told_.size() >= count; });
    RunSomeTurns();
    CHECK(told_.size() == count);
  }
  // Events 1 and 2, after which the worker is worth a lane; what it does from then on is `then`.
  void PlayUntilWorthALane(const Script& then) {
    PlayUntilStarted([then](Player& worker) {
      worker.Started();
      worker.Initialise();
      const std::string first = worker.HearInvoke().payload;
      worker.AwaitGo();
      worker.Answer(first);
      worker.Answer(worker.HearInvoke().payload);
      then(worker);
      worker.Wait();
    });
    Hand();
    RunUntil([this] { return worker_->TakesAhead(); });
    Hand();
    Go();
    AwaitTold(2);
    REQUIRE(worker_->usable());
  }
  // The same; then event 3, which brings the lane, with 4 and 5 behind it in the lane.
  void PlayWithThree(const Script& then) {
    PlayUntilWorthALane([then](Player& worker) {
      worker.HearInvoke();
      worker.AwaitGo();
      then(worker);
    });
    Hand();
    REQUIRE(worker_->TakesAhead());
    Hand();
    Hand();
    RunSomeTurns();
  }
  // Waits, as a worker does when nothing is left to do, and answers what stands in the lane by then.
  static void AnswerNext(Player& worker, int events = 1) {
    for (int n = 0; n < events; ++n) {
      const auto event = worker.TakeFromLane();
      if (!event) ::_exit(2);
      worker.AnswerInLane(event->payload + " from the lane");
    }
  }
  // Bytes in the worker's channel, as the kernel counts them, that it has not read.
  int Unheard() {
    int bytes = -1;
    REQUIRE(::ioctl(channel_, SIOCOUTQ, &bytes) == 0);
    return bytes;
  }
  void CheckNoTimeIsTwice(size_t first, size_t last) {
    for (size_t n = first; n <= last; ++n) {
      CHECK(told_[n].duration >= nanoseconds(0));
      if (n > first) CHECK(told_[n].began >= told_[n - 1].began + told_[n - 1].duration);
    }
    CHECK(told_[last].began + told_[last].duration <= loop->clock().Now());
  }

  std::deque<Event> events_;
  std::map<size_t, Attempt> told_;
  std::vector<size_t> order_;
};

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
    worker.StopOnce();
    worker.HearInvoke();
    worker.AnswerInLane("4");
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
  CHECK(Unheard() == 0);
  while (loop->clock().Now() < handed + milliseconds(2)) {
  }  // a turn that takes long
  const MonotonicTime turn_ended = loop->clock().Now();
  RunSomeTurns();
  CHECK(Unheard() > 0);
  Continue();
  AwaitTold(6);
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
    const std::string bell = worker.Hear().bytes;
    worker.lane().EndSleep();
    worker.AnswerInLane(bell == EncodeEmpty(WorkerFrameKind::kBell) ? "rung" : bell);
    AnswerNext(worker, 3);
    worker.Answer(worker.HearInvoke().payload);
  });
  Hand();
  AwaitStopped();
  Hand();
  Hand();
  CHECK(Unheard() == 0);
  RunSomeTurns();
  const int one = Unheard();
  CHECK(one > 0);
  Hand();
  RunSomeTurns();
  CHECK(Unheard() == one);
  Continue();
  AwaitTold(6);
  CHECK(told_[3].payload == "rung");
  CHECK(told_[6].payload == "6 from the lane");
  Hand();
  AwaitTold(7);
  CHECK(told_[7].payload == "7");  // no second Bell was before it
}

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

// A Bell that it had not read says nothing of the event before it.
TEST_CASE_METHOD(LaneFixture,
                 "an event that the worker had begun is not begun again because of an unread Bell",
                 "[worker][lane]") {
  context_.hold_up_max = milliseconds(2);
  PlayUntilWorthALane([](Player& worker) {
    worker.HearInvoke();
    worker.lane().BeginSleep();
    worker.StopOnce();
    worker.AwaitGo();
    ::_exit(3);
  });
  Hand();
  AwaitStopped();
  Hand();
  RunSomeTurns();
  REQUIRE(Unheard() > 0);
  Continue();
  AwaitTold(3);  // 4 has been taken back
  REQUIRE_FALSE(told_[4].its_turn_came);
  Go();
  ReapAndTell();
  AwaitTold(4);
  CHECK(told_[3].kind == OutcomeKind::kCrash);
  CHECK(told_[3].delivered);
}

TEST_CASE_METHOD(LaneFixture, "an event that takes long gives up those behind it that have not been taken",
                 "[worker][lane]") {
  PlayWithThree([](Player& worker) {
    worker.AnswerInLane("3");
    worker.TakeFromLane();
    worker.AwaitGo();
    worker.AnswerInLane("4, at last");
    if (worker.TakeFromLane()) worker.AnswerInLane("5, taken back?");
    worker.Answer(worker.HearInvoke().payload);
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
      worker.AnswerInLane(std::to_string(worker.HearInvoke().payload.size()) + " from the channel");
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

TEST_CASE_METHOD(LaneFixture, "a Bell at any time does no harm", "[worker][lane]") {
  PlayUntilStarted([](Player& worker) {
    worker.Started();
    worker.Initialise();
    worker.Ring();
    worker.HearInvoke();
    for (int n = 0; n < 100; ++n) worker.Ring();
    worker.Answer("1");
    worker.Ring();
    worker.Wait();
  });
  Hand();
  AwaitTold(1);
  CHECK(told_[1].payload == "1");
  CHECK(worker_->usable());
}

TEST_CASE_METHOD(LaneFixture, "a Bell before the worker has started ends it", "[worker][lane]") {
  Play([](Player& worker) {
    worker.Ring();
    worker.Hear();
  });
  RunUntil([this] { return !started_.empty(); });
  REQUIRE_FALSE(started_[0].ok());
  CHECK(started_[0].error().message.find("frame kind 14") != std::string::npos);
}

TEST_CASE_METHOD(LaneFixture, "short events one at a time are worth a lane too, from the seventeenth on", "[worker][lane]") {
  PlayUntilStarted([](Player& worker) {
    worker.Started();
    worker.Initialise();
    for (;;) {
      const InvokeFrame event = worker.HearInvoke();
      event.lane ? worker.AnswerInLane("lane") : worker.Answer("packet");
    }
  });
  for (size_t n = 1; n <= 20; ++n) {
    Hand();
    AwaitTold(n);
    CHECK(told_[n].payload == (n <= 16 ? "packet" : "lane"));
  }
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

// Both ends go to sleep all the time: what one does while the other is about to must not be missed. Nothing else wakes the
// loop in this test.
TEST_CASE_METHOD(LaneFixture, "of thousands of events none waits, whoever goes to sleep when",
                 "[worker][lane]") {
  constexpr int kRounds = 5'000, kEventsEach = 3;
  PlayUntilWorthALane([](Player& worker) {
    for (;;) {
      auto event = worker.lanes() > 0 ? worker.TakeFromLane() : std::nullopt;
      if (!event && worker.lanes() > 0) {
        worker.lane().BeginSleep();
        event = worker.TakeFromLane();
      }
      if (!event) {
        Packet packet = worker.Hear();
        if (packet.bytes == EncodeEmpty(WorkerFrameKind::kBell)) continue;
        event = worker.TakeInvoke(std::move(packet));
      }
      if (worker.lanes() > 0) worker.lane().EndSleep();
      event->lane && !worker.lane().MustRing() ? worker.AnswerInLane(event->payload)
                                               : worker.Answer(event->payload);
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
