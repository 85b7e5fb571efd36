#include "runtime/base/random.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/base/check.h"

namespace hearth {

uint64_t Random::Next64() {
  uint64_t value;
  Fill(std::as_writable_bytes(std::span(&value, 1)));
  return value;
}

void SystemRandom::Fill(std::span<std::byte> out) {
  while (!out.empty()) {
    if (used_ == sizeof(block_)) {
      ssize_t got;
      do {
        got = getrandom(block_, sizeof(block_), 0);
      } while (got < 0 && errno == EINTR);
      CHECK_TRUE(got == static_cast<ssize_t>(sizeof(block_)));
      used_ = 0;
    }
    const size_t n = std::min(out.size(), sizeof(block_) - used_);
    std::memcpy(out.data(), block_ + used_, n);
    std::memset(block_ + used_, 0, n);  // what was handed out is not kept
    used_ += n;
    out = out.subspan(n);
  }
}

void SeededRandom::Fill(std::span<std::byte> out) {
  for (std::byte& b : out) b = static_cast<std::byte>(engine_());
}

}  // namespace hearth
