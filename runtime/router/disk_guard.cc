#include "runtime/router/disk_guard.h"

#include <sys/statvfs.h>

#include <utility>

namespace hearth {

bool IsDiskFull(bool was_full, Bytes free, Bytes reserve) {
  return was_full ? free.count < reserve.count + reserve.count / 4 : free < reserve;
}

DiskGuard::DiskGuard(std::string folder, Bytes reserve, Free free, Executor& executor, Log& log)
    : folder_(std::move(folder)),
      reserve_(reserve),
      free_(std::move(free)),
      executor_(executor),
      log_(log),
      why_{ErrorCode::kUnavailable, ""} {
  if (reserve_.count > 0) Look();
}

DiskGuard::Free DiskGuard::FreeOf(std::string folder) {
  return [folder = std::move(folder)]() -> Result<Bytes> {
    struct statvfs disk;
    if (::statvfs(folder.c_str(), &disk) != 0) return ErrnoError("ask for the room of " + folder);
    return Bytes{uint64_t{disk.f_bavail} * disk.f_frsize};
  };
}

void DiskGuard::Look() {
  next_ = executor_.After(kInterval, [this] { Look(); });
  const auto free = free_();
  const bool full = free.ok() && IsDiskFull(full_, *free, reserve_);
  if (full) {
    why_.message = "the disk of " + folder_ + " is full: " + std::to_string(free->mib()) +
                   " MiB are left, and new work is taken from " + std::to_string(reserve_.mib()) +
                   " MiB on (--disk-reserve-mib); what runs is finished. Give it room; it goes on by itself";
  }
  if (full == std::exchange(full_, full)) return;
  if (full) log_.Error("new work is refused", {{"why", why_.message}});
  if (!full) log_.Warn("there is room on the disk again: new work is taken");
}

}  // namespace hearth
