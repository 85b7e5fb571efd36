#include "runtime/pool/phase_clock.h"

#include <catch2/catch.hpp>

namespace hearth {
namespace {

class PhaseClockFixture {
 protected:
  PhaseClockFixture() { phase_.Begin(clock_); }
  ManualClock clock_;
  PhaseClock phase_;
};

TEST_CASE_METHOD(PhaseClockFixture, "a phase ends with its answer, not when that is read", "[phase]") {
  clock_.Advance(milliseconds(3));
  const WallTime answered = clock_.WallNow();
  clock_.Advance(milliseconds(40));
  CHECK(phase_.Took(clock_, answered) == milliseconds(3));
  CHECK(phase_.Took(clock_, std::nullopt) == milliseconds(43));
}

// Goal: whoever sets the wall clock changes no bill by more than what cannot be noticed.
TEST_CASE_METHOD(PhaseClockFixture, "a wall clock that is set during a phase changes nothing", "[phase]") {
  const auto step = GENERATE(microseconds(101), microseconds(-101), microseconds(3'600'000'000),
                             microseconds(-3'600'000'000));
  SECTION("before the answer") {
    clock_.Advance(milliseconds(1));
    clock_.SetWall(clock_.WallNow() + step);
    clock_.Advance(milliseconds(2));
    const WallTime answered = clock_.WallNow();
    clock_.Advance(milliseconds(40));
    CHECK(phase_.Took(clock_, answered) == milliseconds(43));
  }
  SECTION("while the answer lies unread") {
    clock_.Advance(milliseconds(3));
    const WallTime answered = clock_.WallNow();
    clock_.SetWall(clock_.WallNow() + step);
    clock_.Advance(milliseconds(40));
    CHECK(phase_.Took(clock_, answered) == milliseconds(43));
  }
}

TEST_CASE_METHOD(PhaseClockFixture, "steps at the limit and one past it", "[phase]") {
  clock_.Advance(milliseconds(3));
  const WallTime answered = clock_.WallNow();
  clock_.SetWall(answered + PhaseClock::kStepNoticed);
  clock_.Advance(milliseconds(40));
  CHECK(phase_.Took(clock_, answered) == milliseconds(3) - PhaseClock::kStepNoticed);
  clock_.SetWall(clock_.WallNow() + microseconds(1));
  CHECK(phase_.Took(clock_, answered) == milliseconds(43));
}

TEST_CASE_METHOD(PhaseClockFixture, "no answer makes a phase longer than it was, or negative", "[phase]") {
  clock_.Advance(milliseconds(3));
  CHECK(phase_.Took(clock_, clock_.WallNow() + microseconds(1)) == milliseconds(3));
  CHECK(phase_.Took(clock_, clock_.WallNow() - milliseconds(4)) == nanoseconds(0));
}

}  // namespace
}  // namespace hearth
