#include "runtime/base/ids.h"

#include <array>
#include <span>

namespace hearth {
namespace {
constexpr char kHex[] = "0123456789abcdef";
}

RequestId RequestId::Make(Random& random) { return RequestId(MakeUuid(random)); }

std::string MakeUuid(Random& random) {
  std::array<std::byte, 16> raw;
  random.Fill(raw);
  raw[6] = (raw[6] & std::byte{0x0f}) | std::byte{0x40};  // version 4
  raw[8] = (raw[8] & std::byte{0x3f}) | std::byte{0x80};  // RFC 9562 variant
  std::string text;
  text.reserve(36);
  for (size_t i = 0; i < raw.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += kHex[std::to_integer<int>(raw[i]) >> 4];
    text += kHex[std::to_integer<int>(raw[i]) & 15];
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
