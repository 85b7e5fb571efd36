#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>

namespace hearth {

// Where unpredictable bits come from. Owned by main, given by reference; tests give a seeded one and print
// the seed.
class Random {
 public:
  virtual ~Random() = default;
  virtual void Fill(std::span<std::byte> out) = 0;
  uint64_t Next64();
};

// getrandom(2), in blocks of 4 KiB so that an id does not cost a system call.
class SystemRandom final : public Random {
 public:
  void Fill(std::span<std::byte> out) override;

 private:
  std::byte block_[4096];
  size_t used_ = sizeof(block_);
};

class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed) : engine_(seed) {}
  void Fill(std::span<std::byte> out) override;

 private:
  std::mt19937_64 engine_;
};

}  // namespace hearth
