#include "runtime/base/uuid.h"

#include <cstdint>

namespace hearth {
namespace {

constexpr size_t kChars = 36;
// Where the two digits of each byte begin.
constexpr std::array<uint8_t, 16> kDigitAt = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};

// A digit's value; over 15 for what is none.
constexpr std::array<uint8_t, 256> MakeValues() {
  std::array<uint8_t, 256> values{};
  values.fill(0x10);
  for (uint8_t digit = 0; digit < 16; ++digit) values["0123456789abcdef"[digit]] = digit;
  return values;
}
constexpr std::array<uint8_t, 256> kValueOf = MakeValues();

}  // namespace

std::optional<std::array<char, 16>> UuidBytes(std::string_view text) {
  if (text.size() != kChars) return std::nullopt;
  if (text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-') return std::nullopt;
  std::array<char, 16> bytes;
  uint8_t bad = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const uint8_t high = kValueOf[static_cast<uint8_t>(text[kDigitAt[i]])];
    const uint8_t low = kValueOf[static_cast<uint8_t>(text[kDigitAt[i] + 1])];
    bad |= high | low;
    bytes[i] = static_cast<char>(high << 4 | (low & 15));
  }
  if (bad > 15) return std::nullopt;
  return bytes;
}

}  // namespace hearth
