#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

// Writing a result so that nobody ever sees half of it.

namespace hearth {
namespace internal {

// Hops of the invocation that runs in this worker, -1 outside of one. One runs at a time.
inline std::atomic<std::int64_t> running_hops{-1};

}  // namespace internal

// A file that appears under its name, whole, at Commit(), and not at all without.
//
// Owns:    a temporary file beside the target; its name begins with ".part-", which bucket triggers ignore, and says
//          how many functions led to it: what it is renamed to makes events that count on, so that functions
//          which start each other in a circle come to an end. Removed by the destructor unless committed.
// Thread:  one at a time.
// Failure: std::system_error that names the path. Folders on the way are made.
// Promise: a reader sees the old file or the whole new one. After Commit() the bytes are on the disk; the
//          name is with the next commit of the file system.
class OutputFile final {
 public:
  explicit OutputFile(std::filesystem::path path) : path_(std::move(path)) {
    if (path_.has_parent_path()) std::filesystem::create_directories(path_.parent_path());
    // Workers have pid namespaces of their own, so that a pid would not tell two of them apart; random bits
    // do.
    std::random_device random;
    for (int tries = 0; fd_ < 0; ++tries) {
      temporary_ = path_.parent_path() / TemporaryName(random);
      fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
      if (fd_ < 0 && (errno != EEXIST || tries == kTriesMax)) Throw("create", temporary_);
    }
  }
  ~OutputFile() {
    if (fd_ < 0) return;
    ::close(fd_);
    ::unlink(temporary_.c_str());
  }
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void Write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) Throw("write", temporary_);
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  void Write(const void* data, std::size_t size) {
    Write(std::string_view(static_cast<const char*>(data), size));
  }

  // Once. Nothing may be written after it.
  void Commit() {
    if (::fdatasync(fd_) != 0 && errno != EINVAL && errno != ENOSYS) Throw("sync", temporary_);
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) Throw("rename into place", path_);
    ::close(std::exchange(fd_, -1));
  }

  const std::filesystem::path& path() const { return path_; }

 private:
  static constexpr int kTriesMax =
      8;  // names of 64 random bits do not meet; a loop without end must not be possible

  static std::string TemporaryName(std::random_device& random) {
    const std::int64_t hops = internal::running_hops;
    const std::string led = hops < 0 ? "" : "h" + std::to_string(hops + 1) + "-";
    char bits[32];
    std::snprintf(bits, sizeof bits, "%08x%08x", random(), random());
    return ".part-" + led + bits;
  }
  [[noreturn]] static void Throw(const char* what, const std::filesystem::path& path) {
    const int error = errno;
    throw std::system_error(error, std::generic_category(), std::string(what) + " " + path.string());
  }

  const std::filesystem::path path_;
  std::filesystem::path temporary_;
  int fd_ = -1;
};

}  // namespace hearth
