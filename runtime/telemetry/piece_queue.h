#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <memory>
#include <utility>

namespace hearth {

// Memory for what comes and goes in order, oldest first: pieces lie behind one another in blocks, so that one costs its
// bytes and no piece of the heap of its own.
//
// Limits: a block is twice as large as the one before, from kFirstBytes to kBlockBytesMax; a piece that is larger has a
//         block to itself. One block that has emptied is kept for the next.
class PieceQueue final {
 public:
  static constexpr size_t kFirstBytes = 512, kBlockBytesMax = 8 << 10;

  // Room behind all others, aligned for any number. It stays where it is until it is dropped.
  char* Add(size_t bytes) {
    bytes = Rounded(bytes);
    if (blocks_.empty() || blocks_.back().bytes - blocks_.back().used < bytes) AddBlock(bytes);
    Block& block = blocks_.back();
    return block.memory.get() + std::exchange(block.used, block.used + bytes);
  }
  // The oldest piece, which was given so many bytes.
  void DropOldest(size_t bytes) {
    Block& block = blocks_.front();
    block.dropped += Rounded(bytes);
    if (block.dropped < block.used) return;
    if (block.bytes == kBlockBytesMax) spare_ = std::move(block.memory);
    blocks_.pop_front();
  }

 private:
  struct Block {
    std::unique_ptr<char[]> memory;
    size_t bytes = 0;
    size_t used = 0;
    size_t dropped = 0;
  };
  static constexpr size_t Rounded(size_t bytes) {
    return (bytes + alignof(std::max_align_t) - 1) / alignof(std::max_align_t) * alignof(std::max_align_t);
  }
  void AddBlock(size_t bytes) {
    const size_t next = blocks_.empty() ? kFirstBytes : std::min(2 * blocks_.back().bytes, kBlockBytesMax);
    const size_t size = std::max(bytes, spare_ ? kBlockBytesMax : next);
    auto memory =
        spare_ && size == kBlockBytesMax ? std::move(spare_) : std::make_unique_for_overwrite<char[]>(size);
    blocks_.push_back({std::move(memory), size});
  }

  std::deque<Block> blocks_;
  std::unique_ptr<char[]> spare_;
};

}  // namespace hearth
