#include "runtime/loop/manual_executor.h"

#include <catch2/catch.hpp>

namespace hearth {

using std::chrono::seconds;

TEST_CASE("time stops at each timer on the way", "[loop]") {
  ManualExecutor executor;
  const MonotonicTime begun = executor.clock().Now();
  std::vector<std::chrono::nanoseconds> seen;
  const Timer second = executor.After(seconds(2), [&] { seen.push_back(executor.clock().Now() - begun); });
  const Timer first = executor.After(seconds(1), [&] { seen.push_back(executor.clock().Now() - begun); });
  const Timer never = executor.After(seconds(9), [] { FAIL("not due"); });
  executor.Advance(seconds(5));
  CHECK(seen == std::vector<std::chrono::nanoseconds>{seconds(1), seconds(2)});
  CHECK(executor.clock().Now() - begun == seconds(5));
}

TEST_CASE("a cancelled manual timer never runs", "[loop]") {
  ManualExecutor executor;
  Timer timer = executor.After(seconds(1), [] { FAIL("cancelled"); });
  timer.Cancel();
  executor.Advance(seconds(5));
  CHECK(executor.timers_armed() == 0);
}

TEST_CASE("a timer that re-arms itself runs as often as time allows", "[loop]") {
  ManualExecutor executor;
  int runs = 0;
  Timer timer;
  std::function<void()> task = [&] {
    ++runs;
    timer = executor.After(seconds(1), task);
  };
  timer = executor.After(seconds(1), task);
  executor.Advance(seconds(3));
  CHECK(runs == 3);
}

TEST_CASE("posted tasks run only when told, with what they post", "[loop]") {
  ManualExecutor executor;
  int ran = 0;
  executor.Post([&] { executor.Post([&] { ++ran; }); });
  CHECK(ran == 0);
  executor.RunPosted();
  CHECK(ran == 1);
}

}  // namespace hearth
