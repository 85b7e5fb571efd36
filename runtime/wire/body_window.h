#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/base/unique_fd.h"

// Memory that hearthd and one worker share for bodies that are too large for a packet: a memfd, its first half for the
// event, its second for the answer. A memfd for each body costs more than its bytes: the kernel clears 64 pages for
// 256 KiB, and takes them back, each time, in both directions.
//
// Sealed against SHRINK, GROW and SEAL, so that neither end can cut it, but not against WRITE: what the worker has
// written hearthd copies out once, by read and never through a mapping, and looks at the copy alone. Of no worker but
// one: a second could read what the first was given.

namespace hearth {

// A half. What is larger travels in a memfd of its own.
inline constexpr size_t kWindowBodyBytesMax = 1 << 20;

// hearthd's end: a descriptor, never mapped, so that nothing the worker does to it can fault here.
// Limits: `left` windows can be made, and one more for each that goes.
class BodyWindow final {
 public:
  // kThrottled: there are as many as there may be.
  static Result<BodyWindow> Make(uint32_t& left);
  BodyWindow(BodyWindow&& other) noexcept;
  BodyWindow& operator=(BodyWindow&&) = delete;
  // Its pages go back to the kernel, also those that the worker has mapped still.
  ~BodyWindow();

  int fd() const { return fd_.get(); }
  Status PutEvent(std::string_view body) const;
  // kCorrupt: more than a half.
  Result<std::string> TakeAnswer(uint64_t bytes) const;

 private:
  BodyWindow(UniqueFd fd, uint32_t& left) : fd_(std::move(fd)), left_(&left) {}
  UniqueFd fd_;
  uint32_t* left_;  // null: moved from
};

// The worker's end: both halves mapped.
class MappedBodyWindow final {
 public:
  MappedBodyWindow() = default;
  static Result<MappedBodyWindow> Map(UniqueFd fd);
  MappedBodyWindow(MappedBodyWindow&& other) noexcept { *this = std::move(other); }
  MappedBodyWindow& operator=(MappedBodyWindow&& other) noexcept;
  ~MappedBodyWindow();

  bool mapped() const { return memory_ != nullptr; }
  std::string_view event() const { return {memory_, kWindowBodyBytesMax}; }
  std::span<char> answer() const { return {memory_ + kWindowBodyBytesMax, kWindowBodyBytesMax}; }

 private:
  char* memory_ = nullptr;
};

}  // namespace hearth
