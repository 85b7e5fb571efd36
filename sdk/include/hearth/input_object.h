#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>
#include <utility>

#include <hearth/abi.h>
#include <hearth/error.h>

// The file that an invocation is about, already open.

namespace hearth {

// A file of a bucket as the platform opened it for this invocation: read-only, whoever owns it, whether the bucket is
// mounted or not. Valid until the handler returns, then the platform closes it; duplicate fd() to keep it.
//
// Failure: fd() and what reads throw EventError where it is not open: it was changed or deleted since its event was
//          made, it could not be opened, or the invocation has none. So nobody reads other content than was told of.
class InputObject final {
 public:
  InputObject() = default;  // none
  explicit InputObject(const struct hearth_request* request) {
    if (!HEARTH_HAS(request, object_problem)) return;
    state_ = request->object_state;
    fd_ = request->object_fd;
    if (request->object_problem.size > 0)
      problem_.assign(request->object_problem.data, request->object_problem.size);
  }

  bool is_open() const { return state_ == HEARTH_OBJECT_OPEN; }
  std::uint32_t state() const { return state_; }  // enum hearth_object_state
  // Its offset is 0 and this invocation's own.
  int fd() const {
    if (is_open()) return fd_;
    if (state_ == HEARTH_OBJECT_NONE) {
      throw EventError(
          "this invocation has no open object: only those that a bucket's trigger makes for a file have "
          "one; read record.path() instead");
    }
    throw EventError(problem_.empty() ? "the object is not open" : problem_);
  }
  std::uint64_t size() const {  // bytes
    struct stat st {};
    if (::fstat(fd(), &st) != 0) Throw("stat the object");
    return static_cast<std::uint64_t>(st.st_size);
  }
  // All of it, at most `bytes_max`: EventError when it is larger, or was cut while it was read.
  std::string Read(std::size_t bytes_max) const {
    const std::uint64_t whole = size();
    if (whole > bytes_max) {
      throw EventError("the object has " + std::to_string(whole) + " bytes; at most " +
                       std::to_string(bytes_max) + " are read");
    }
    std::string bytes(whole, '\0');
    for (std::size_t done = 0; done < bytes.size();) {
      const ssize_t n = ::pread(fd_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) Throw("read the object");
      if (n == 0) throw EventError("the object was cut while it was read");
      done += static_cast<std::size_t>(n);
    }
    return bytes;
  }

 private:
  [[noreturn]] static void Throw(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
  }

  std::uint32_t state_ = HEARTH_OBJECT_NONE;
  int fd_ = -1;
  std::string problem_;
};

}  // namespace hearth
