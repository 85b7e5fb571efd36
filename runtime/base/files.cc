#include "runtime/base/files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace hearth {

Result<UniqueFd> OpenFile(const std::string& path, int flags, unsigned mode) {
  UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC, mode));
  if (!fd) return ErrnoError("open " + path);
  return fd;
}

Result<std::string> ReadAll(int fd, uint64_t bytes_max) {
  std::string out;
  char block[65536];
  for (;;) {
    const ssize_t n = ::read(fd, block, sizeof block);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoError("read");
    if (n == 0) return out;
    if (out.size() + n > bytes_max) {
      return Error{ErrorCode::kTooLarge, "more than " + std::to_string(bytes_max) + " bytes"};
    }
    out.append(block, n);
  }
}

Result<std::string> ReadFile(const std::string& path) {
  HEARTH_ASSIGN(UniqueFd fd, OpenFile(path, O_RDONLY));
  auto text = ReadAll(fd.get(), UINT64_MAX);
  if (!text.ok()) return text.error().WithContext(path);
  return text;
}

Status WriteAll(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t n = ::write(fd, data.data(), data.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoError("write");
    data.remove_prefix(n);
  }
  return Ok();
}

Status WriteFileAtomically(const std::string& path, std::string_view data, unsigned mode) {
  const std::string beside = path + ".new";
  {
    HEARTH_ASSIGN(UniqueFd fd, OpenFile(beside, O_WRONLY | O_CREAT | O_TRUNC, mode));
    if (auto wrote = WriteAll(fd.get(), data); !wrote.ok()) return wrote.error().WithContext(beside);
    if (::fsync(fd.get()) != 0) return ErrnoError("fsync " + beside);
  }
  if (::rename(beside.c_str(), path.c_str()) != 0) return ErrnoError("rename " + beside + " to " + path);
  return SyncFolder(std::filesystem::path(path).parent_path().string());
}

Status MakeFolders(const std::string& path, unsigned mode) {
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    if (::mkdir(part.c_str(), mode) != 0 && errno != EEXIST) return ErrnoError("mkdir " + part);
    if (slash == std::string::npos) break;
  }
  struct stat st {};
  if (::stat(path.c_str(), &st) != 0) return ErrnoError("stat " + path);
  if (!S_ISDIR(st.st_mode)) return ErrnoError("mkdir " + path, ENOTDIR);
  return Ok();
}

Status SyncFolder(const std::string& path) {
  HEARTH_ASSIGN(UniqueFd fd, OpenFile(path.empty() ? "." : path, O_RDONLY | O_DIRECTORY));
  if (::fsync(fd.get()) != 0) return ErrnoError("fsync " + path);
  return Ok();
}

Status RemoveTree(const std::string& path) {
  std::error_code failure;
  std::filesystem::remove_all(path, failure);
  if (failure) return ErrnoError("remove " + path, failure.value());
  return Ok();
}

bool PathExists(const std::string& path) {
  struct stat st {};
  return ::lstat(path.c_str(), &st) == 0;
}

Result<UniqueFd> MakeSealedMemfd(const char* name, std::string_view data) {
  UniqueFd fd(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return ErrnoError("memfd_create");
  HEARTH_TRY(WriteAll(fd.get(), data));
  if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) {
    return ErrnoError("fcntl F_ADD_SEALS");
  }
  return fd;
}

}  // namespace hearth
