#include "runtime/cli/rebuild_watch.h"

#include <catch2/catch.hpp>

namespace hearth::cli {
namespace {

constexpr FileStamp kBuilt{1, 100, 7}, kNext{2, 120, 7}, kHalf{2, 60, 7}, kNone{}, kEmpty{3, 0, 8};

TEST_CASE("a build is told once, when it has come to rest", "[cli][dev]") {
  RebuildWatch watch(kBuilt);
  CHECK_FALSE(watch.Look(kBuilt));
  CHECK_FALSE(watch.Look(kNext));
  CHECK_FALSE(watch.Look(kNext));
  CHECK(watch.Look(kNext));
  CHECK_FALSE(watch.Look(kNext));
}

TEST_CASE("a linker that still writes is waited for", "[cli][dev]") {
  RebuildWatch watch(kBuilt);
  for (const FileStamp& stamp : {kHalf, kHalf, kNext, kNext}) CHECK_FALSE(watch.Look(stamp));
  CHECK(watch.Look(kNext));
}

TEST_CASE("a file that is away, or empty, is no build; the same one back is none either", "[cli][dev]") {
  RebuildWatch watch(kBuilt);
  for (const FileStamp& stamp : {kNone, kNone, kNone, kEmpty, kEmpty, kEmpty, kBuilt, kBuilt, kBuilt})
    CHECK_FALSE(watch.Look(stamp));
}

TEST_CASE("a file that is not there has no stamp", "[cli][dev]") {
  CHECK(StampOf("/nowhere/lib.so") == kNone);
  CHECK(StampOf("/proc/self/exe").inode != 0);
}

}  // namespace
}  // namespace hearth::cli
