#include "runtime/loop/deadline_timer.h"

#include <catch2/catch.hpp>

#include "runtime/loop/manual_executor.h"

namespace hearth {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {
struct Fixture {
  MonotonicTime In(std::chrono::nanoseconds time) { return executor.clock().Now() + time; }
  ManualExecutor executor;
  int due = 0;
  DeadlineTimer timer{executor, [this] { ++due; }};
};
}  // namespace

TEST_CASE_METHOD(Fixture, "a deadline comes once, not before its time", "[loop]") {
  timer.Set(In(seconds(2)));
  executor.Advance(seconds(2) - milliseconds(1));
  CHECK(due == 0);
  executor.Advance(milliseconds(1));
  CHECK(due == 1);
  CHECK_FALSE(timer.set());
  executor.Advance(seconds(9));
  CHECK(due == 1);
}

TEST_CASE_METHOD(Fixture, "a deadline that is put off comes when it was put off to", "[loop]") {
  for (int n = 0; n < 5; ++n) {
    timer.Set(In(seconds(2)));
    executor.Advance(seconds(1));
  }
  CHECK(due == 0);
  CHECK(executor.timers_armed() == 1);
  executor.Advance(seconds(1));
  CHECK(due == 1);
}

TEST_CASE_METHOD(Fixture, "an earlier deadline does not wait for a later one", "[loop]") {
  timer.Set(In(seconds(60)));
  timer.Set(In(seconds(1)));
  executor.Advance(seconds(1));
  CHECK(due == 1);
  executor.Advance(seconds(60));
  CHECK(due == 1);
}

TEST_CASE_METHOD(Fixture, "a lifted deadline never comes, the one set after it does", "[loop]") {
  timer.Set(In(seconds(1)));
  timer.Lift();
  executor.Advance(milliseconds(500));
  timer.Set(In(seconds(3)));
  executor.Advance(seconds(3) - milliseconds(1));
  CHECK(due == 0);
  executor.Advance(milliseconds(1));
  CHECK(due == 1);
  timer.Set(In(seconds(1)));
  timer.Lift();
  executor.Advance(seconds(9));
  CHECK(due == 1);
  CHECK(executor.timers_armed() == 0);
}

}  // namespace hearth
