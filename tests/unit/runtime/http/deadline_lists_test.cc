#include "runtime/http/deadline_lists.h"

#include <catch2/catch.hpp>

namespace hearth::http {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("a deadline fires once, never early and at most two intervals late", "[http]") {
  ManualClock clock;
  DeadlineLists lists({.head_timeout = seconds(10)}, clock);
  CHECK(lists.interval() == milliseconds(250));
  std::vector<Waiting> overdue;
  DeadlineLists::Entry entry(lists, [&](Waiting kind) { overdue.push_back(kind); });
  entry.Enter(Waiting::kHead);
  clock.Advance(seconds(10));
  lists.Sweep();
  CHECK(overdue.empty());
  clock.Advance(lists.interval());
  lists.Sweep();
  CHECK(overdue == std::vector<Waiting>{Waiting::kHead});
  clock.Advance(seconds(1000));
  lists.Sweep();
  CHECK(overdue.size() == 1);
}

TEST_CASE("entering again restarts the time", "[http]") {
  ManualClock clock;
  DeadlineLists lists({.body_timeout = seconds(30)}, clock);
  int overdue = 0;
  DeadlineLists::Entry entry(lists, [&](Waiting) { ++overdue; });
  for (int i = 0; i < 5; ++i) {
    entry.Enter(Waiting::kBody);
    clock.Advance(seconds(20));
    lists.Sweep();
  }
  CHECK(overdue == 0);
}

TEST_CASE("an entry destroyed by another's call is not called", "[http]") {
  ManualClock clock;
  DeadlineLists lists({}, clock);
  std::unique_ptr<DeadlineLists::Entry> second;
  DeadlineLists::Entry first(lists, [&](Waiting) { second.reset(); });
  second = std::make_unique<DeadlineLists::Entry>(lists, [](Waiting) { FAIL("destroyed"); });
  first.Enter(Waiting::kIdle);
  second->Enter(Waiting::kIdle);
  clock.Advance(seconds(100));
  lists.Sweep();
  CHECK(second == nullptr);
}

TEST_CASE("short limits are looked at more often", "[http]") {
  const ManualClock clock;
  CHECK(DeadlineLists({.body_timeout = milliseconds(40)}, clock).interval() == milliseconds(10));
  CHECK(DeadlineLists({.body_timeout = milliseconds(1)}, clock).interval() == milliseconds(1));
}

}  // namespace hearth::http
