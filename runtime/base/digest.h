#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

// Digests, by libcrypto; CRC-32 by zlib. See docs/adr/0002.

namespace hearth {

using Sha256Digest = std::array<uint8_t, 32>;

Sha256Digest Sha256(std::string_view data);
// The same of data that comes in pieces.
class Sha256Stream final {
 public:
  Sha256Stream();
  ~Sha256Stream();
  void Add(std::string_view data);
  Sha256Digest Finish();  // once

 private:
  struct State;
  std::unique_ptr<State> state_;
};
std::string Md5Hex(std::string_view data);  // 32 lower-case digits
// CRC-32 (ISO 3309), continuing from `seed` (0 to start).
uint32_t Crc32(std::string_view data, uint32_t seed = 0);
std::string ToHex(std::string_view raw);
// True when equal; the time taken does not tell where they differ.
bool ConstantTimeEqual(std::string_view a, std::string_view b);

}  // namespace hearth
