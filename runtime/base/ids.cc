#include "runtime/base/ids.h"

#include <array>
#include <span>

namespace hearth {
namespace {
constexpr char kHex[] = "0123456789abcdef";
constexpr size_t kUuidChars = 36;
// Where the two digits of each byte begin.
constexpr std::array<uint8_t, 16> kDigitAt = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};
}  // namespace

RequestId RequestId::Make(Random& random) { return RequestId(MakeUuid(random)); }

std::string MakeUuid(Random& random) {
  std::array<std::byte, 16> raw;
  random.Fill(raw);
  raw[6] = (raw[6] & std::byte{0x0f}) | std::byte{0x40};  // version 4
  raw[8] = (raw[8] & std::byte{0x3f}) | std::byte{0x80};  // RFC 9562 variant
  std::string text(kUuidChars, '-');
  for (size_t i = 0; i < raw.size(); ++i) {
    text[kDigitAt[i]] = kHex[std::to_integer<int>(raw[i]) >> 4];
    text[kDigitAt[i] + 1] = kHex[std::to_integer<int>(raw[i]) & 15];
  }
  return text;
}

std::string MakeHex(Random& random, size_t digits) {
  std::string text(digits, '0');
  random.Fill(std::as_writable_bytes(std::span(text)));
  for (char& c : text) c = kHex[static_cast<unsigned char>(c) & 15];
  return text;
}

}  // namespace hearth
