#include <fcntl.h>
#include <signal.h>

#include "runtime/loop/fd_watch.h"
#include "runtime/loop/signal_watch.h"
#include "tests/unit/runtime/loop/loop_fixture.h"

namespace hearth {
namespace {

struct Pipe {
  Pipe() {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    out = UniqueFd(ends[0]);
    in = UniqueFd(ends[1]);
  }
  UniqueFd out, in;
};

}  // namespace

TEST_CASE_METHOD(LoopFixture, "a readable descriptor calls until it is read", "[loop]") {
  const Pipe pipe;
  int calls = 0;
  auto watch = FdWatch::Create(*loop, pipe.out.get(), FdEvents::kReadable, [&](FdEvents ready) {
    CHECK(ready == FdEvents::kReadable);
    char byte;
    if (++calls == 3) CHECK(::read(pipe.out.get(), &byte, 1) == 1);
  });
  REQUIRE(watch.ok());
  RunSomeTurns();
  CHECK(calls == 0);
  REQUIRE(::write(pipe.in.get(), "x", 1) == 1);
  RunUntil([&] { return calls == 3; });
  RunSomeTurns();
  CHECK(calls == 3);
}

TEST_CASE_METHOD(LoopFixture, "a watch may wait for writing, then for reading", "[loop]") {
  const Pipe pipe;
  bool writable = false;
  auto watch = FdWatch::Create(*loop, pipe.in.get(), FdEvents::kWritable, [&](FdEvents) { writable = true; });
  REQUIRE(watch.ok());
  RunUntil([&] { return writable; });
  REQUIRE(watch.value()->Change(FdEvents::kReadable).ok());
  writable = false;
  RunSomeTurns();
  CHECK_FALSE(writable);
}

TEST_CASE_METHOD(LoopFixture, "hang-up of the other end is readable", "[loop]") {
  Pipe pipe;
  bool ready = false;
  auto watch = FdWatch::Create(*loop, pipe.out.get(), FdEvents::kReadable, [&](FdEvents) { ready = true; });
  pipe.in.Reset();
  RunUntil([&] { return ready; });
}

TEST_CASE_METHOD(LoopFixture, "a watch destroyed in its own callback is never called again", "[loop]") {
  const Pipe pipe;
  REQUIRE(::write(pipe.in.get(), "x", 1) == 1);
  int calls = 0;
  const std::string captured(100, 'c');
  std::unique_ptr<FdWatch> watch;
  watch = std::move(FdWatch::Create(*loop, pipe.out.get(), FdEvents::kReadable, [&, captured](FdEvents) {
            watch.reset();
            calls += captured.size() == 100 ? 1 : 1000;  // what it captured still lives
          })).value();
  RunUntil([&] { return calls > 0; });
  RunSomeTurns();
  CHECK(calls == 1);
}

TEST_CASE_METHOD(LoopFixture, "a descriptor that cannot be watched is an error that names it", "[loop]") {
  auto watch = FdWatch::Create(*loop, 987654, FdEvents::kReadable, [](FdEvents) {});
  REQUIRE_FALSE(watch.ok());
  CHECK(watch.error().message.find("987654") != std::string::npos);
}

TEST_CASE_METHOD(LoopFixture, "a signal calls its watch on the loop", "[loop]") {
  int calls = 0;
  std::unique_ptr<SignalWatch> watch;
  watch = std::move(SignalWatch::Create(*loop, SIGHUP, [&] {
            ++calls;
            CHECK(loop->OnLoopThread());
            watch.reset();
          })).value();
  REQUIRE(::kill(::getpid(), SIGHUP) == 0);
  RunUntil([&] { return calls == 1; });
}

}  // namespace hearth
