#include "tests/unit/runtime/store/power_loss_disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>

#include "runtime/base/check.h"
#include "runtime/base/files.h"

namespace hearth {
namespace {

std::string PathOf(int fd) {
  char path[4096];
  const ssize_t size = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), path, sizeof path);
  return size < 0 ? std::string() : std::string(path, size);
}

// Through the descriptor where it can be read: opening a database once more would drop SQLite's locks on
// closing.
std::string ContentOf(int fd, const std::string& path) {
  struct stat st {};
  CHECK_TRUE(::fstat(fd, &st) == 0);
  std::string content(st.st_size, '\0');
  if (::pread(fd, content.data(), content.size(), 0) == st.st_size) return content;
  return ReadFile(path).value();
}

}  // namespace

PowerLossDisk& PowerLossDisk::Instance() {
  static PowerLossDisk disk;
  return disk;
}

void PowerLossDisk::Watch(const std::string& folder) {
  const std::lock_guard lock(mutex_);
  folder_ = folder;
}

void PowerLossDisk::Forget() {
  const std::lock_guard lock(mutex_);
  folder_.clear();
  contents_.clear();
  names_.clear();
}

void PowerLossDisk::OnSync(int fd) {
  const std::lock_guard lock(mutex_);
  const std::string path = folder_.empty() ? std::string() : PathOf(fd);
  if (path.empty() || !path.starts_with(folder_)) return;
  if (!std::filesystem::is_directory(path)) {
    contents_[path] = ContentOf(fd, path);
    return;
  }
  std::erase_if(names_, [&](const std::string& name) {
    return std::filesystem::path(name).parent_path() == path && !PathExists(name);
  });
  for (const auto& entry : std::filesystem::directory_iterator(path)) names_.insert(entry.path().string());
}

void PowerLossDisk::Restore(const std::string& to) {
  const std::lock_guard lock(mutex_);
  for (const std::string& name : names_) {
    const std::string path = to + name.substr(folder_.size());
    if (std::filesystem::is_directory(name)) {
      CHECK_TRUE(MakeFolders(path).ok());
      continue;
    }
    if (name.ends_with("-shm")) continue;  // SQLite never trusts it after a crash
    CHECK_TRUE(MakeFolders(std::filesystem::path(path).parent_path().string()).ok());
    const auto content = contents_.find(name);
    const UniqueFd fd(::creat(path.c_str(), 0600));
    CHECK_TRUE(WriteAll(fd.get(), content == contents_.end() ? std::string() : content->second).ok());
  }
}

}  // namespace hearth

extern "C" int fdatasync(int fd) {
  const int result = static_cast<int>(::syscall(SYS_fdatasync, fd));
  if (result == 0) hearth::PowerLossDisk::Instance().OnSync(fd);
  return result;
}

extern "C" int fsync(int fd) {
  const int result = static_cast<int>(::syscall(SYS_fsync, fd));
  if (result == 0) hearth::PowerLossDisk::Instance().OnSync(fd);
  return result;
}
