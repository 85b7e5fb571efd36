#include "runtime/cli/rebuild_watch.h"

#include <sys/stat.h>

namespace hearth::cli {

FileStamp StampOf(const std::string& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) return {};
  return {int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec,
          static_cast<uint64_t>(info.st_size), static_cast<uint64_t>(info.st_ino)};
}

bool RebuildWatch::Look(FileStamp now) {
  at_rest_ = now == last_ ? at_rest_ + 1 : 0;
  last_ = now;
  const bool is_there = now.inode != 0 && now.size > 0;
  if (!is_there || now == built_ || at_rest_ < kLooksAtRest) return false;
  built_ = now;
  return true;
}

}  // namespace hearth::cli
