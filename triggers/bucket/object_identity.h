#pragma once

#include <cstdint>
#include <string>

namespace hearth {

// Which content a key had: another write, another rename, another file gives another identity. ctime is in it
// because it cannot be set back, as mtime can; so a chmod counts as a change too.
struct ObjectIdentity {
  uint64_t inode = 0;
  uint64_t size = 0;
  int64_t mtime_ns = 0;
  int64_t ctime_ns = 0;

  // "INODE SIZE MTIME CTIME"
  std::string Text() const {
    return std::to_string(inode) + ' ' + std::to_string(size) + ' ' + std::to_string(mtime_ns) + ' ' +
           std::to_string(ctime_ns);
  }
  friend bool operator==(const ObjectIdentity&, const ObjectIdentity&) = default;
};

}  // namespace hearth
