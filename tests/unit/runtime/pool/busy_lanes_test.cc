#include "runtime/pool/busy_lanes.h"

#include <functional>
#include <vector>

#include "tests/unit/runtime/loop/loop_fixture.h"

namespace hearth {
namespace {

struct FakeUser final : LaneUser {
  size_t TakeAnswers(MonotonicTime) override {
    story += answers > 0 ? 'a' : '-';
    if (on_look) on_look();
    return answers > 0 && answers-- > 0 ? 1 : 0;
  }
  bool Wake() override {
    if (!to_wake) return false;
    story += 'w';
    to_wake = false;
    return true;
  }
  bool BeginSleep() override {
    story += 's';
    return may_sleep;
  }
  void EndSleep() override { story += '('; }

  std::string story;
  int answers = 0;
  bool to_wake = false;
  bool may_sleep = true;
  std::function<void()> on_look;
};

class BusyLanesFixture : public LoopFixture {
 protected:
  void RunOneTurn() {
    loop->Stop();
    loop->Run();
  }
  nanoseconds waited_{0};
  BusyLanes lanes_{*loop, [this] { return waited_; }};
  FakeUser one_, two_;
};

TEST_CASE_METHOD(BusyLanesFixture,
                 "at a turn's end answers are taken until there is none; after several it may not sleep yet",
                 "[lane]") {
  lanes_.Add(one_);
  lanes_.Add(one_);  // once
  one_.answers = 2;
  RunOneTurn();
  CHECK(one_.story == "(aa-");
  RunOneTurn();
  CHECK(one_.story == "(aa-(-s");
  one_.answers = 1;
  RunOneTurn();
  CHECK(one_.story == "(aa-(-s(a-s");
}

TEST_CASE_METHOD(BusyLanesFixture, "who was woken may have answered already: it is looked once more",
                 "[lane]") {
  lanes_.Add(one_);
  one_.to_wake = true;
  RunOneTurn();
  CHECK(one_.story == "(-w-s");
}

TEST_CASE_METHOD(BusyLanesFixture, "one that always has an answer does not hold up the loop", "[lane]") {
  lanes_.Add(one_);
  lanes_.Add(two_);
  one_.answers = 1'000'000;
  RunOneTurn();
  CHECK(one_.story == "(aaaa");
  CHECK(two_.story == "(----");
}

TEST_CASE_METHOD(BusyLanesFixture, "while one may not sleep the next turn comes at once", "[lane]") {
  lanes_.Add(one_);
  lanes_.Add(two_);
  bool slept = false;
  int turns = 0;
  one_.may_sleep = false;
  two_.on_look = [&] {
    if (++turns == 50) loop->Stop();
  };
  const Timer patience = loop->After(kPatience, [&] {
    slept = true;
    loop->Stop();
  });
  loop->Run();
  CHECK_FALSE(slept);
}

// Goal: who had answered while hearthd wanted to run and could not does not pay for that.
TEST_CASE_METHOD(BusyLanesFixture,
                 "for how long the loop was kept waiting is known from when it went to sleep", "[lane]") {
  lanes_.Add(one_);
  waited_ = seconds(5);
  RunOneTurn();
  CHECK(lanes_.KeptWaiting() == nanoseconds(0));
  waited_ += milliseconds(7);
  const MonotonicTime noted = loop->clock().Now();
  while (loop->clock().Now() < noted + BusyLanes::kWaitedKnownFor) {
  }  // it slept so long
  nanoseconds seen{0};
  one_.on_look = [&] { seen = lanes_.KeptWaiting(); };
  RunOneTurn();
  CHECK(seen == milliseconds(7));
}

TEST_CASE_METHOD(BusyLanesFixture, "users may go and come while they are looked at", "[lane]") {
  lanes_.Add(one_);
  lanes_.Add(two_);
  FakeUser late;
  one_.on_look = [&] {
    lanes_.Remove(one_);
    lanes_.Remove(two_);
    lanes_.Add(late);
  };
  RunOneTurn();
  CHECK(one_.story == "(-");
  CHECK(two_.story == "(");
  CHECK(late.story == "-s");
  RunOneTurn();
  CHECK(one_.story == "(-");
  CHECK(late.story == "-s(-s");
  lanes_.Remove(late);
}

}  // namespace
}  // namespace hearth
