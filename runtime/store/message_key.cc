#include "runtime/store/message_key.h"

#include <utility>

namespace hearth {
namespace {

constexpr int kHalfBits = 31;
constexpr uint64_t kHalfMask = (uint64_t{1} << kHalfBits) - 1;
constexpr int kRounds = 4;
constexpr size_t kUuidBytes = 36;
constexpr uint64_t kVersion = 8;  // RFC 9562: a format of our own
constexpr uint64_t kVariant = uint64_t{2} << 62;

// The finisher of splitmix64.
uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

// A Feistel network: each round changes one half by the other, so it can be undone.
uint64_t Scramble(uint64_t row, uint64_t key) {
  uint64_t left = row >> kHalfBits;
  uint64_t right = row & kHalfMask;
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t next = left ^ (Mix(right + key + round) & kHalfMask);
    left = right;
    right = next;
  }
  return left << kHalfBits | right;
}

uint64_t Unscramble(uint64_t scrambled, uint64_t key) {
  uint64_t left = scrambled >> kHalfBits;
  uint64_t right = scrambled & kHalfMask;
  for (int round = kRounds - 1; round >= 0; --round) {
    const uint64_t previous = right ^ (Mix(left + key + round) & kHalfMask);
    right = left;
    left = previous;
  }
  return left << kHalfBits | right;
}

// 60 bits with the version in their midst.
uint64_t CheckOf(uint64_t row, uint64_t key) {
  const uint64_t check = Mix(row ^ Mix(key));
  return (check & ~uint64_t{0xf000}) | kVersion << 12;
}

void PutHex(char*& out, uint64_t value, int digits) {
  static constexpr char kDigits[] = "0123456789abcdef";
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) *out++ = kDigits[value >> shift & 15];
}

// The 32 digits of a UUID as two words; nothing when it is none.
std::optional<std::pair<uint64_t, uint64_t>> WordsOf(std::string_view id) {
  if (id.size() != kUuidBytes) return std::nullopt;
  uint64_t words[2] = {0, 0};
  int digits = 0;
  for (size_t i = 0; i < id.size(); ++i) {
    const char c = id[i];
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      if (c != '-') return std::nullopt;
      continue;
    }
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) return std::nullopt;
    words[digits / 16] = words[digits / 16] << 4 | static_cast<uint64_t>(digit);
    ++digits;
  }
  return std::pair(words[0], words[1]);
}

}  // namespace

std::string MessageIds::Encode(int64_t row) const {
  const auto bits = static_cast<uint64_t>(row);
  const uint64_t high = CheckOf(bits, key_);
  const uint64_t low = kVariant | Scramble(bits, key_);
  std::string id(kUuidBytes, '-');
  char* out = id.data();
  PutHex(out, high >> 32, 8);
  ++out;
  PutHex(out, high >> 16 & 0xffff, 4);
  ++out;
  PutHex(out, high & 0xffff, 4);
  ++out;
  PutHex(out, low >> 48, 4);
  ++out;
  PutHex(out, low & 0xffffffffffff, 12);
  return id;
}

std::optional<int64_t> MessageIds::Decode(std::string_view id) const {
  const auto words = WordsOf(id);
  if (!words || (words->second & uint64_t{3} << 62) != kVariant) return std::nullopt;
  const uint64_t row = Unscramble(words->second & ~(uint64_t{3} << 62), key_);
  if (CheckOf(row, key_) != words->first) return std::nullopt;
  return static_cast<int64_t>(row);
}

}  // namespace hearth
