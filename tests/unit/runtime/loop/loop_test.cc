#include "runtime/loop/loop.h"

#include "tests/unit/runtime/loop/loop_fixture.h"

namespace hearth {

using std::chrono::milliseconds;

TEST_CASE_METHOD(LoopFixture, "posted tasks run in order, never inside the call", "[loop]") {
  std::string order;
  loop->Post([&] {
    loop->Post([&] { order += "c"; });
    order += "a";
  });
  loop->Post([&] { order += "b"; });
  CHECK(order.empty());
  RunUntil([&] { return order.size() == 3; });
  CHECK(order == "abc");
}

TEST_CASE_METHOD(LoopFixture, "a task posted from another thread wakes the loop", "[loop]") {
  std::thread other([&] {
    for (int i = 0; i < 1000; ++i) loop->Post([] {});
    loop->Post([&] { loop->Stop(); });
  });
  loop->Run();
  other.join();
  SUCCEED();
}

TEST_CASE_METHOD(LoopFixture, "timers run in the order they are due, not before", "[loop]") {
  std::string order;
  const MonotonicTime begun = clock.Now();
  MonotonicTime ended;
  const Timer late = loop->After(milliseconds(20), [&] {
    order += "c";
    ended = clock.Now();
  });
  const Timer early = loop->After(milliseconds(5), [&] { order += "b"; });
  const Timer at_once = loop->After(milliseconds(0), [&] { order += "a"; });
  CHECK(order.empty());
  RunUntil([&] { return order.size() == 3; });
  CHECK(order == "abc");
  CHECK(ended - begun >= milliseconds(20));
}

TEST_CASE_METHOD(LoopFixture, "a cancelled timer never runs", "[loop]") {
  bool ran = false;
  bool later = false;
  Timer cancelled = loop->After(milliseconds(1), [&] { ran = true; });
  const Timer after = loop->After(milliseconds(5), [&] { later = true; });
  cancelled.Cancel();
  RunUntil([&] { return later; });
  CHECK_FALSE(ran);
}

TEST_CASE_METHOD(LoopFixture, "a timer may re-arm itself and cancel another that is due", "[loop]") {
  int runs = 0;
  bool other_ran = false;
  Timer self;
  Timer other;
  std::function<void()> task = [&] {
    other.Cancel();
    if (++runs < 3) self = loop->After(milliseconds(1), task);
  };
  self = loop->After(milliseconds(1), task);
  other = loop->After(milliseconds(1), [&] { other_ran = true; });
  RunUntil([&] { return runs == 3; });
  CHECK_FALSE(other_ran);
}

TEST_CASE("what is posted but has not run is dropped with the loop", "[loop]") {
  const SystemClock clock;
  auto owned = std::make_shared<int>(1);
  {
    auto loop = std::move(Loop::Create(clock)).value();
    loop->Post([owned] { FAIL("ran"); });
  }
  CHECK(owned.use_count() == 1);
}

TEST_CASE_METHOD(LoopFixture, "the loop knows its thread", "[loop]") {
  bool inside = false;
  bool outside = true;
  loop->Post([&] {
    inside = loop->OnLoopThread();
    std::thread([&] { outside = loop->OnLoopThread(); }).join();
    loop->Stop();
  });
  loop->Run();
  CHECK(inside);
  CHECK_FALSE(outside);
}

}  // namespace hearth
