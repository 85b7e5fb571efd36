#include "runtime/wire/body_window.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace hearth {
namespace {

constexpr off_t kWindowBytes = 2 * static_cast<off_t>(kWindowBodyBytesMax);

}  // namespace

Result<BodyWindow> BodyWindow::Make(uint32_t& left) {
  if (left == 0) return Error{ErrorCode::kThrottled, "no window for bodies is left"};
  UniqueFd fd(memfd_create("hearth-bodies", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd.valid()) return ErrnoError("memfd_create");
  if (ftruncate(fd.get(), kWindowBytes) != 0) return ErrnoError("size a window for bodies");
  if (fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    return ErrnoError("seal a window for bodies");
  --left;
  return BodyWindow(std::move(fd), left);
}

BodyWindow::BodyWindow(BodyWindow&& other) noexcept
    : fd_(std::move(other.fd_)), left_(std::exchange(other.left_, nullptr)) {}

BodyWindow::~BodyWindow() {
  if (left_ == nullptr) return;
  ++*left_;
  (void)fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, kWindowBytes);
}

Status BodyWindow::PutEvent(std::string_view body) const {
  for (size_t done = 0; done < body.size();) {
    const ssize_t n = pwrite(fd_.get(), body.data() + done, body.size() - done, static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return ErrnoError("write a body", n == 0 ? EIO : errno);
    done += static_cast<size_t>(n);
  }
  return Ok();
}

Result<std::string> BodyWindow::TakeAnswer(uint64_t bytes) const {
  if (bytes > kWindowBodyBytesMax) {
    return Error{ErrorCode::kCorrupt,
                 "a body of " + std::to_string(bytes) + " bytes is larger than its window"};
  }
  std::string body(bytes, '\0');
  for (size_t done = 0; done < body.size();) {
    const ssize_t n = pread(fd_.get(), body.data() + done, body.size() - done,
                            static_cast<off_t>(kWindowBodyBytesMax + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return ErrnoError("read a body", n == 0 ? EIO : errno);
    done += static_cast<size_t>(n);
  }
  return body;
}

Result<MappedBodyWindow> MappedBodyWindow::Map(UniqueFd fd) {
  void* const memory = mmap(nullptr, kWindowBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (memory == MAP_FAILED) return ErrnoError("map a window for bodies");
  MappedBodyWindow window;
  window.memory_ = static_cast<char*>(memory);
  return window;
}

MappedBodyWindow& MappedBodyWindow::operator=(MappedBodyWindow&& other) noexcept {
  std::swap(memory_, other.memory_);
  return *this;
}

MappedBodyWindow::~MappedBodyWindow() {
  if (memory_ != nullptr) munmap(memory_, kWindowBytes);
}

}  // namespace hearth
