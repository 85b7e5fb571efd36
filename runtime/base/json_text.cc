#include "runtime/base/json_text.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace hearth {
namespace {

// What cannot stand in a JSON string as it is: controls, the quote, the backslash, and what must be checked.
constexpr std::array<bool, 256> MakeSpecial() {
  std::array<bool, 256> special{};
  for (size_t c = 0; c < 0x20; ++c) special[c] = true;
  for (size_t c = 0x80; c < 0x100; ++c) special[c] = true;
  special['"'] = special['\\'] = true;
  return special;
}
constexpr std::array<bool, 256> kSpecial = MakeSpecial();

constexpr size_t kWord = sizeof(uint64_t), kHalf = sizeof(uint32_t);

uint64_t WordAt(const char* at) {
  uint64_t bytes;
  std::memcpy(&bytes, at, sizeof bytes);
  return bytes;
}

uint64_t HalvesAt(const char* one, const char* other) {
  uint32_t low, high;
  std::memcpy(&low, one, sizeof low);
  std::memcpy(&high, other, sizeof high);
  return uint64_t{high} << 32 | low;
}

// What both scans begin with: most bodies are ASCII with few escapes, and 256 KiB byte by byte cost more than to copy them.
// One lane a byte, signed: below 0x20 are then also the bytes from 0x80 on.
using Lanes = signed char __attribute__((vector_size(16)));
constexpr size_t kBlock = 4 * sizeof(Lanes);

bool AnyLane(Lanes mask) {
  uint64_t halves[2];
  std::memcpy(halves, &mask, sizeof mask);
  return (halves[0] | halves[1]) != 0;
}

template <class StopsOf>
size_t BlocksWithout(std::string_view text, StopsOf stops_of) {
  size_t i = 0;
  for (; i + kBlock <= text.size(); i += kBlock) {
    Lanes lanes[kBlock / sizeof(Lanes)];
    std::memcpy(lanes, text.data() + i, sizeof lanes);
    if (AnyLane(stops_of(lanes[0]) | stops_of(lanes[1]) | stops_of(lanes[2]) | stops_of(lanes[3]))) break;
  }
  return i;
}

// Eight bytes at a time: a byte's top bit stays set where the byte is below 0x20, is one of the two, or had it set.
bool AllPlain(uint64_t bytes) {
  constexpr uint64_t kOnes = 0x0101010101010101, kTops = 0x8080808080808080;
  const auto zeros = [](uint64_t of) { return (of - kOnes) & ~of; };
  const uint64_t stops =
      bytes | ((bytes - kOnes * 0x20) & ~bytes) | zeros(bytes ^ kOnes * '"') | zeros(bytes ^ kOnes * '\\');
  return (stops & kTops) == 0;
}

void AppendEscaped(std::string& out, unsigned char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  constexpr char kHex[] = "0123456789abcdef";
  out += "\\u00";
  out += kHex[c >> 4];
  out += kHex[c & 15];
}

}  // namespace

size_t Utf8SequenceAt(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  const size_t length = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
  if (length == 0 || length > text.size() - at) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return 0;
  }
  const unsigned char second = byte(at + 1);
  // Longer than need be, a half of a surrogate pair, or past the last letter.
  if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
      (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) {
    return 0;
  }
  return length;
}

bool IsUtf8(std::string_view text) {
  const auto not_ascii = [](Lanes lanes) { return Lanes(lanes < 0); };
  size_t at = BlocksWithout(text, not_ascii);
  for (size_t in_ascii = 0; at < text.size();) {
    const bool ascii = static_cast<unsigned char>(text[at]) < 0x80;
    const size_t length = ascii ? 1 : Utf8SequenceAt(text, at);
    if (length == 0) return false;
    at += length;
    in_ascii = ascii ? in_ascii + 1 : 0;
    if (in_ascii < kBlock) continue;
    at += BlocksWithout(text.substr(at), not_ascii);
    in_ascii = 0;
  }
  return true;
}

size_t PlainJsonPrefix(std::string_view text) {
  const char* const begin = text.data();
  const size_t size = text.size();
  size_t i = size < kBlock ? 0 : BlocksWithout(text, [](Lanes lanes) {
    return Lanes((lanes < 0x20) | (lanes == '"') | (lanes == '\\'));
  });
  while (i + kWord <= size && AllPlain(WordAt(begin + i))) i += kWord;
  // The end once more, with bytes that have been looked at already: mostly all of it is plain.
  if (i + kWord > size) {
    if (size >= kWord && AllPlain(WordAt(begin + size - kWord))) return size;
    if (size >= kHalf && size < kWord && AllPlain(HalvesAt(begin, begin + size - kHalf))) return size;
  }
  while (i < size && !kSpecial[static_cast<unsigned char>(begin[i])]) ++i;
  return i;
}

void AppendJsonString(std::string& out, std::string_view text) {
  out += '"';
  while (true) {
    const size_t plain = PlainJsonPrefix(text);
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    const auto c = static_cast<unsigned char>(text.front());
    const size_t length = c < 0x80 ? 0 : Utf8SequenceAt(text, 0);
    if (length > 0) {
      out += text.substr(0, length);
    } else if (c < 0x80) {
      AppendEscaped(out, c);
    } else {
      out += "\xEF\xBF\xBD";
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  out += '"';
}

void JsonObjectText::StringNamed(std::string_view name, std::string_view value) {
  if (!std::exchange(empty_, false)) out_ += ',';
  AppendJsonString(out_, name);
  out_ += ':';
  AppendJsonString(out_, value);
}

}  // namespace hearth
