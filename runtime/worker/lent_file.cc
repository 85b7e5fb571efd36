#include "runtime/worker/lent_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <utility>

namespace hearth {

void LentFile::Lend(UniqueFd fd) {
  struct stat st {};
  if (fstat(fd.get(), &st) != 0) return;
  device_ = st.st_dev;
  inode_ = st.st_ino;
  fd_ = fd.Release();
}

void LentFile::TakeBack() {
  const int fd = std::exchange(fd_, -1);
  struct stat st {};
  const bool ours = fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == device_ && st.st_ino == inode_;
  if (ours) close(fd);
}

}  // namespace hearth
