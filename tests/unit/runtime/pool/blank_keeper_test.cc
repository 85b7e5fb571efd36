#include "runtime/pool/blank_keeper.h"

#include <vector>

#include <catch2/catch.hpp>

#include "runtime/loop/manual_executor.h"

namespace hearth {
namespace {

class CountingLog final : public Log {
 public:
  void Write(LogLevel level, std::string_view, std::initializer_list<LogField>) override {
    warnings += level == LogLevel::kWarn ? 1 : 0;
  }
  int warnings = 0;
};

struct Fixture {
  explicit Fixture(uint32_t most = 4)
      : keeper(most, executor, log, [this](uint32_t count) { kept.push_back(count); }) {
    keeper.SetUsed([this] { return used; });
    keeper.SetRoom([this](uint32_t wanted) { return std::min(wanted, room); });
    keeper.OnLauncher();
  }
  void Start(int times = 1) {
    for (int i = 0; i < times; ++i) keeper.OnStart(true);
  }
  ManualExecutor executor;
  CountingLog log;
  bool used = true;
  uint32_t room = 100;
  std::vector<uint32_t> kept;
  BlankKeeper keeper;
};

using Kept = std::vector<uint32_t>;

TEST_CASE("how many blank sandboxes are wanted", "[blanks]") {
  CHECK(BlanksWanted(false, 100, 4) == 0);
  CHECK(BlanksWanted(true, 0, 4) == 1);
  CHECK(BlanksWanted(true, 2, 4) == 3);
  CHECK(BlanksWanted(true, 3, 4) == 4);
  CHECK(BlanksWanted(true, 4, 4) == 4);
  CHECK(BlanksWanted(true, ~0u, 4) == 4);
  CHECK(BlanksWanted(true, 9, 0) == 0);
}

TEST_CASE("starts that can use none are counted, and none is kept for them", "[blanks]") {
  Fixture f;
  for (int i = 0; i < 3; ++i) f.keeper.OnWholeStart();
  f.keeper.Review();
  CHECK(f.keeper.wanted() == 1);
  CHECK(f.keeper.starts_without() == 3);
  CHECK(f.kept == Kept{1});
}

TEST_CASE("none are kept while no function uses them", "[blanks]") {
  Fixture f;
  CHECK(f.kept == Kept{1});
  f.used = false;
  f.keeper.Review();
  CHECK(f.kept == Kept{1, 0});
}

TEST_CASE("more are kept while they are used, up to the limit, and fewer again", "[blanks]") {
  Fixture f;
  f.Start(2);
  CHECK(f.keeper.wanted() == 3);
  f.Start(10);
  CHECK(f.keeper.wanted() == 4);
  CHECK(f.keeper.starts_from_blanks() == 12);
  f.executor.Advance(BlankKeeper::kSpan);
  CHECK(f.keeper.wanted() == 4);  // the span before counts
  f.executor.Advance(BlankKeeper::kSpan);
  CHECK(f.keeper.wanted() == 1);
  CHECK(f.kept == Kept{1, 2, 3, 4, 1});
}

TEST_CASE("no more than the limit of them all are kept", "[blanks]") {
  Fixture f(kBlanksMax + 1);
  f.Start(200);
  CHECK(f.keeper.wanted() == kBlanksMax);
}

TEST_CASE("no more are kept than there is room for", "[blanks]") {
  Fixture f;
  f.room = 2;
  f.Start(10);
  CHECK(f.keeper.wanted() == 2);
}

TEST_CASE("a worker that needs their room gets it, and they come back later", "[blanks]") {
  Fixture f;
  f.keeper.OnRoomTaken();
  CHECK(f.kept == Kept{1, 0});
  f.Start(3);
  f.keeper.Review();
  CHECK(f.keeper.wanted() == 0);
  f.executor.Advance(BlankKeeper::kAgain);
  CHECK(f.keeper.wanted() == 1);
}

TEST_CASE("a launcher that cannot make them is left in peace for a while", "[blanks]") {
  Fixture f;
  f.keeper.OnBlanks(0, "clone init: Cannot allocate memory");
  CHECK(f.log.warnings == 1);
  f.Start(2);
  CHECK(f.kept == Kept{1});
  f.executor.Advance(BlankKeeper::kAgain);
  CHECK(f.kept == Kept{1, 1});
}

TEST_CASE("a new launcher makes them anew", "[blanks]") {
  Fixture f;
  f.keeper.OnBlanks(1, "");
  CHECK(f.keeper.ready() == 1);
  f.keeper.OnLauncherDeath();
  CHECK(f.keeper.ready() == 0);
  f.Start();
  CHECK(f.keeper.wanted() == 0);
  f.keeper.OnLauncher();
  CHECK(f.kept == Kept{1, 2});
}

}  // namespace
}  // namespace hearth
