#include "runtime/store/space_keeper.h"

namespace hearth {
namespace {

// The log's size at which it is moved into the file: pages that are written again and again (the ends of the
// trees) are moved once. 16 MiB.
constexpr int64_t kWalPagesMax = 4'096;
// Steps: a page costs two writes to the log. Between calls 4 MiB, some 10 ms; under load a tenth of that.
constexpr uint32_t kIdlePages = 1'024;
constexpr uint32_t kBusyPages = 128;
// Under load the free pages are soon used again, so they are cut off only when there are many, and until
// there are few: at 1/2 and 1/4 of the file each page is moved at most about once.
constexpr int64_t kBusyFreePagesMin = 4'096;
constexpr uint32_t kGroupsBetweenLooks = 64;

}  // namespace

void SpaceKeeper::AfterGroup() {
  if (database_.wal_pages() > kWalPagesMax) {
    (void)database_.Checkpoint(SqliteDatabase::CheckpointKind::kPassive);
  }
  if (!mostly_free_ && ++groups_ % kGroupsBetweenLooks != 0) return;
  const int64_t free = Count("PRAGMA freelist_count");
  const int64_t all = Count("PRAGMA page_count");
  mostly_free_ = free >= kBusyFreePagesMin && free * (mostly_free_ ? 4 : 2) >= all;
  if (mostly_free_) (void)database_.GiveBackPages(kBusyPages);
}

int64_t SpaceKeeper::Count(std::string_view pragma) {
  const auto count = database_.Number(pragma);
  return count.ok() ? *count : 0;
}

bool SpaceKeeper::WhenIdle() {
  if (Count("PRAGMA freelist_count") > 0 && database_.GiveBackPages(kIdlePages).ok()) {
    if (database_.wal_pages() > kWalPagesMax) {
      (void)database_.Checkpoint(SqliteDatabase::CheckpointKind::kPassive);
    }
    if (Count("PRAGMA freelist_count") > 0) return true;
  }
  (void)database_.Checkpoint(SqliteDatabase::CheckpointKind::kTruncate);
  return false;
}

}  // namespace hearth
