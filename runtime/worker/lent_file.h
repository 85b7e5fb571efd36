#pragma once

#include <cstdint>

#include "runtime/base/unique_fd.h"

namespace hearth {

// A descriptor that a handler may use until its call returns, and may have closed by then: its number may be
// another file's, which is not ours to close.
class LentFile final {
 public:
  LentFile() = default;
  LentFile(const LentFile&) = delete;
  LentFile& operator=(const LentFile&) = delete;
  ~LentFile() { TakeBack(); }
  void Lend(UniqueFd fd);
  void TakeBack();
  int fd() const { return fd_; }  // -1: nothing is lent

 private:
  int fd_ = -1;
  uint64_t device_ = 0;
  uint64_t inode_ = 0;
};

}  // namespace hearth
