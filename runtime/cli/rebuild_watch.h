#pragma once

#include <cstdint>
#include <string>

namespace hearth::cli {

// What tells one content of a file from another, without reading it.
struct FileStamp {
  int64_t mtime_ns = 0;
  uint64_t size = 0;
  uint64_t inode = 0;  // 0: there is none
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};
FileStamp StampOf(const std::string& path);

// Says when a file that is built again and again has been built anew: it is another than the one before, and it has
// not changed for kLooksAtRest looks. A linker that pauses longer is found out by the daemon, which refuses half a
// library; the rest of it is another change.
class RebuildWatch final {
 public:
  static constexpr int kLooksAtRest = 2;

  explicit RebuildWatch(FileStamp built) : built_(built), last_(built) {}
  // True once for each content.
  bool Look(FileStamp now);

 private:
  FileStamp built_;
  FileStamp last_;
  int at_rest_ = 0;
};

}  // namespace hearth::cli
