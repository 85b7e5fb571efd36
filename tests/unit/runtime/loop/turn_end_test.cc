#include "runtime/loop/turn_end.h"

#include <unistd.h>

#include "runtime/loop/fd_watch.h"
#include "tests/unit/runtime/loop/loop_fixture.h"

namespace hearth {
namespace {

TEST_CASE_METHOD(LoopFixture, "the end of a turn comes after all that had happened", "[loop]") {
  int pipes[2][2];
  std::string order;
  std::vector<std::unique_ptr<FdWatch>> watches;
  for (auto& fds : pipes) {
    REQUIRE(pipe(fds) == 0);
    REQUIRE(write(fds[1], "x", 1) == 1);
    watches.push_back(
        std::move(FdWatch::Create(*loop, fds[0], FdEvents::kReadable, [&order, fd = fds[0]](FdEvents) {
          char byte;
          REQUIRE(read(fd, &byte, 1) == 1);
          order += 'r';
        })).value());
  }
  const auto end = TurnEnd::Create(*loop, [&] {
    order += '.';
    return TurnEnd::Next::kMaySleep;
  });
  RunUntil([&] { return order.find("rr") != std::string::npos; });
  loop->Post([&] { loop->Stop(); });
  loop->Run();
  CHECK(order.find("r.r") == std::string::npos);
  CHECK(order.find("rr.") != std::string::npos);
  watches.clear();
  for (auto& fds : pipes) {
    close(fds[0]);
    close(fds[1]);
  }
}

TEST_CASE_METHOD(LoopFixture, "a turn's end that is not to sleep runs again at once", "[loop]") {
  int ends = 0;
  bool slept = false;
  const auto end = TurnEnd::Create(*loop, [&] {
    if (++ends == 100) loop->Stop();
    return TurnEnd::Next::kAtOnce;
  });
  const Timer patience = loop->After(kPatience, [&] {  // nothing else would wake the loop
    slept = true;
    loop->Stop();
  });
  loop->Run();
  CHECK_FALSE(slept);
}

TEST_CASE_METHOD(LoopFixture, "a turn's end that is gone does not run", "[loop]") {
  int ends = 0;
  auto end = TurnEnd::Create(*loop, [&] {
    ++ends;
    return TurnEnd::Next::kAtOnce;
  });
  RunUntil([&] { return ends > 0; });
  end.reset();
  const int before = ends;
  RunSomeTurns();
  CHECK(ends == before);
}

}  // namespace
}  // namespace hearth
