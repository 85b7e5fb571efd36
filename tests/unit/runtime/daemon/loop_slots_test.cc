#include "runtime/daemon/loop_slots.h"

#include <catch2/catch.hpp>

#include "runtime/base/files.h"
#include "tests/unit/runtime/store/ledger_fixture.h"

namespace hearth {

TEST_CASE("each loop has two files of slots, and those of loops that are no more go once they are empty",
          "[daemon][loops]") {
  TemporaryFolder folder;
  const auto exists = [&folder](const std::string& name) { return PathExists(folder.path() + "/" + name); };
  {
    LoopSlots slots = LoopSlots::Open(folder.path(), 3, 4).value();
    CHECK(slots.all().size() == 6);
    REQUIRE(slots.TakeSettled(2)->Put("left over").ok());
  }
  CHECK(exists("open.3.slots"));
  {
    LoopSlots slots = LoopSlots::Open(folder.path(), 0, 4).value();
    REQUIRE(slots.all().size() == 6);
    REQUIRE(slots.RemoveSpent().ok());
    CHECK_FALSE(exists("open.3.slots"));
    CHECK(exists("settled.2.slots"));  // it is in nobody's ledger yet
  }
  {
    LoopSlots slots = LoopSlots::Open(folder.path(), 1, 4).value();
    REQUIRE(slots.all().size() == 4);
    OpenSlots::Opened& settled = *slots.all()[2];
    REQUIRE(settled.left.size() == 1);
    CHECK(settled.left[0].payload == "left over");
    settled.slots->Free(settled.left[0].slot);
    REQUIRE(slots.RemoveSpent().ok());
    CHECK_FALSE(exists("settled.2.slots"));
    CHECK(exists("open.1.slots"));
  }
}

TEST_CASE("without loops there are no files", "[daemon][loops]") {
  TemporaryFolder folder;
  CHECK(LoopSlots::Open(folder.path(), 0, 4).value().all().empty());
  CHECK_FALSE(PathExists(folder.path() + "/open.1.slots"));
}

}  // namespace hearth
