#include "triggers/bucket/sequencer.h"

#include <catch2/catch.hpp>

#include "runtime/loop/manual_executor.h"
#include "runtime/store/memory_key_store.h"

using namespace std::chrono_literals;

namespace hearth {
namespace {

struct SequencerFixture {
  ManualExecutor executor;
  MemoryKeyStore keys{executor};
  std::unique_ptr<Sequencer> sequencer;

  SequencerFixture() { Restart(); }
  void Restart() {
    sequencer = std::make_unique<Sequencer>(keys, executor.clock(), "photos");
    bool loaded = false;
    sequencer->Load([&](const Status& status) { loaded = status.ok(); });
    executor.RunPosted();
    REQUIRE(loaded);
  }
  uint64_t Next() {
    const uint64_t next = sequencer->Next();
    executor.RunPosted();
    return next;
  }
};

TEST_CASE_METHOD(SequencerFixture, "numbers grow though the clock is set back", "[bucket]") {
  const uint64_t first = Next();
  executor.manual_clock().SetWall(executor.clock().WallNow() - 24h);
  const uint64_t second = Next();
  CHECK(second == first + 1);
}

TEST_CASE_METHOD(SequencerFixture, "numbers grow though the clock is set back while the daemon is down",
                 "[bucket]") {
  uint64_t last = 0;
  for (int i = 0; i < 100; ++i) {
    executor.Advance(1s);
    last = Next();
  }
  executor.manual_clock().SetWall(executor.clock().WallNow() - 24h);
  Restart();
  CHECK(Next() > last);
}

TEST_CASE_METHOD(SequencerFixture, "a mark that cannot be stored holds nobody up", "[bucket]") {
  const uint64_t first = Next();
  executor.Advance(1h);
  keys.FailNext({ErrorCode::kIo, "disk full"});
  CHECK(Next() > first);
  CHECK(Next() > first);
}

}  // namespace
}  // namespace hearth
