#include "runtime/pool/idle_freezer.h"

#include <signal.h>
#include <sys/wait.h>

#include <optional>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "runtime/base/process.h"
#include "runtime/loop/manual_executor.h"
#include "tests/unit/runtime/pool/fake_cgroup.h"

namespace hearth {
namespace {

class FreezerFixture {
 protected:
  using Calls = std::vector<std::string>;

  IdleFreezer& Make(nanoseconds linger) {
    freezer_.emplace(executor_, linger, &group_,
                     IdleFreezer::Observer{[this] { ++frozen_; },
                                           [this](std::string_view why) { troubles_.emplace_back(why); }});
    return *freezer_;
  }

  ManualExecutor executor_;
  PlayedCgroup played_;
  FakeCgroup group_{played_};
  std::optional<IdleFreezer> freezer_;
  int frozen_ = 0;
  std::vector<std::string> troubles_;
};

TEST_CASE_METHOD(FreezerFixture, "idle for the linger: frozen then, not before; thawed for the next event",
                 "[freeze]") {
  IdleFreezer& freezer = Make(milliseconds(5));
  freezer.BeginIdle(executor_.clock().Now());
  executor_.Advance(milliseconds(5) - nanoseconds(1));
  CHECK_FALSE(freezer.frozen());
  CHECK(played_.calls.empty());
  executor_.Advance(nanoseconds(1));
  CHECK(freezer.frozen());
  CHECK(frozen_ == 1);
  CHECK(played_.calls == Calls{"freeze"});
  CHECK(freezer.EndIdle().ok());
  CHECK_FALSE(freezer.frozen());
  CHECK(played_.calls == Calls{"freeze", "thaw"});
}

// Goal: the hot path pays a timer in 5 ms at most, and no system call.
TEST_CASE_METHOD(FreezerFixture, "events within the linger of each other: the group is left alone",
                 "[freeze]") {
  IdleFreezer& freezer = Make(milliseconds(5));
  for (int event = 0; event < 100; ++event) {
    freezer.BeginIdle(executor_.clock().Now());
    CHECK(executor_.timers_armed() == 1);
    executor_.Advance(milliseconds(4));
    CHECK(freezer.EndIdle().ok());
    executor_.Advance(milliseconds(3));
  }
  CHECK(played_.calls.empty());
  freezer.BeginIdle(executor_.clock().Now());
  executor_.Advance(milliseconds(5));
  CHECK(played_.calls == Calls{"freeze"});
}

TEST_CASE_METHOD(FreezerFixture, "an event that outlasts the linger is not frozen", "[freeze]") {
  IdleFreezer& freezer = Make(milliseconds(5));
  freezer.BeginIdle(executor_.clock().Now());
  CHECK(freezer.EndIdle().ok());
  executor_.Advance(std::chrono::hours(1));
  CHECK(played_.calls.empty());
}

TEST_CASE_METHOD(FreezerFixture,
                 "no linger at all: frozen in the next turn, unless it got an event meanwhile", "[freeze]") {
  IdleFreezer& freezer = Make(nanoseconds(0));
  freezer.BeginIdle(executor_.clock().Now());
  CHECK(played_.calls.empty());
  executor_.Advance(nanoseconds(0));
  CHECK(played_.calls == Calls{"freeze"});
  CHECK(freezer.EndIdle().ok());
  freezer.BeginIdle(executor_.clock().Now());
  CHECK(freezer.EndIdle().ok());
  executor_.Advance(nanoseconds(0));
  CHECK(played_.calls == Calls{"freeze", "thaw"});
}

TEST_CASE_METHOD(FreezerFixture, "what does not stand still is looked at again, and told in the end",
                 "[freeze]") {
  IdleFreezer& freezer = Make(milliseconds(5));
  played_.stands_still = false;
  SECTION("it stops late") {
    freezer.BeginIdle(executor_.clock().Now());
    executor_.Advance(milliseconds(7));
    CHECK(played_.looks == 3);
    played_.stands_still = true;
    executor_.Advance(milliseconds(100));
    CHECK(played_.looks == 4);
    CHECK(troubles_.empty());
  }
  SECTION("it never stops") {
    for (int twice = 0; twice < 2; ++twice) {
      freezer.BeginIdle(executor_.clock().Now());
      executor_.Advance(milliseconds(100));
      CHECK(freezer.EndIdle().ok());
    }
    CHECK(played_.looks == 2 * (IdleFreezer::kChecksMax + 1));
    CHECK(troubles_ == Calls{"it runs on"});
  }
  SECTION("its next event comes first") {
    freezer.BeginIdle(executor_.clock().Now());
    executor_.Advance(milliseconds(5));
    CHECK(freezer.EndIdle().ok());
    executor_.Advance(milliseconds(100));
    CHECK(played_.looks == 1);
  }
}

TEST_CASE_METHOD(FreezerFixture, "a group that cannot be frozen is told once and stays awake", "[freeze]") {
  IdleFreezer& freezer = Make(milliseconds(5));
  played_.broken = true;
  for (int twice = 0; twice < 2; ++twice) {
    freezer.BeginIdle(executor_.clock().Now());
    executor_.Advance(milliseconds(5));
    CHECK_FALSE(freezer.frozen());
    CHECK(freezer.EndIdle().ok());
  }
  CHECK(troubles_ == Calls{"no such cgroup"});
  CHECK(frozen_ == 0);
}

TEST_CASE_METHOD(FreezerFixture, "a group that cannot be thawed is an error", "[freeze]") {
  IdleFreezer& freezer = Make(milliseconds(5));
  freezer.BeginIdle(executor_.clock().Now());
  executor_.Advance(milliseconds(5));
  played_.broken = true;
  CHECK_FALSE(freezer.EndIdle().ok());
}

TEST_CASE_METHOD(FreezerFixture, "without a freezer the process is stopped, and goes on", "[freeze]") {
  played_.freezer = FreezerKind::kNone;
  IdleFreezer& freezer = Make(milliseconds(5));
  auto sleeper = std::move(Spawn({.executable = "/bin/sleep", .arguments = {"3600"}})).value();
  const pid_t pid = sleeper.pid();
  freezer.SetProcess(sleeper.pidfd());
  freezer.BeginIdle(executor_.clock().Now());
  executor_.Advance(milliseconds(5));
  int status = 0;
  REQUIRE(::waitpid(pid, &status, WUNTRACED) == pid);
  CHECK(WIFSTOPPED(status));
  CHECK(freezer.EndIdle().ok());
  REQUIRE(::waitpid(pid, &status, WCONTINUED) == pid);
  CHECK(WIFCONTINUED(status));
  REQUIRE(sleeper.Signal(SIGKILL).ok());
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  CHECK(played_.calls.empty());
  freezer.BeginIdle(executor_.clock().Now());
  executor_.Advance(milliseconds(5));
  REQUIRE(troubles_.size() == 1);
  CHECK(troubles_[0] == "send SIGSTOP: No such process");
}

}  // namespace
}  // namespace hearth
