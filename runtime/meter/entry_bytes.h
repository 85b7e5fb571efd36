#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace hearth {

// What the fields of ledger entries are written with; docs/ledger-format.md, "The meter's entries".

inline constexpr size_t kEntryNameBytesMax = 255;
inline constexpr size_t kEntryNumberBytesMax = 10;

// Into a buffer of a fixed size that its user has counted out.
template <size_t kBytesMax>
class EntryWriter final {
 public:
  void Byte(uint8_t value) { buffer_[size_++] = static_cast<char>(value); }
  // Seven bits a byte, least first, the top bit set on all but the last.
  void Number(uint64_t value) {
    for (; value >= 0x80; value >>= 7) Byte(static_cast<uint8_t>(value) | 0x80);
    Byte(static_cast<uint8_t>(value));
  }
  void Name(std::string_view name) {
    Byte(static_cast<uint8_t>(name.size()));
    Raw(name);
  }
  void Raw(std::string_view bytes) {
    std::memcpy(&buffer_[size_], bytes.data(), bytes.size());
    size_ += bytes.size();
  }
  void Fixed64(uint64_t value) {
    for (int shift = 0; shift < 64; shift += 8) Byte(static_cast<uint8_t>(value >> shift));
  }
  // The wall clock may stand before 1970 on a machine without a battery: signs alternate, so that small
  // stays short.
  void Signed(int64_t value) {
    Number((static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63));
  }
  std::string_view bytes() const { return {buffer_, size_}; }

 private:
  char buffer_[kBytesMax];
  size_t size_ = 0;
};

// After the first thing that does not fit every read gives zero; failed() names it.
class EntryReader final {
 public:
  explicit EntryReader(std::string_view bytes) : rest_(bytes) {}
  uint8_t Byte(const char* field) {
    if (rest_.empty()) return Fail(field);
    const auto value = static_cast<uint8_t>(rest_[0]);
    rest_.remove_prefix(1);
    return value;
  }
  uint64_t Number(const char* field) {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const uint8_t byte = Byte(field);
      if (shift == 63 && byte > 1) break;
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return Fail(field);
  }
  std::string_view Raw(const char* field, size_t size) {
    if (rest_.size() < size) {
      Fail(field);
      return {};
    }
    const std::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return bytes;
  }
  std::string_view Name(const char* field) { return Raw(field, Byte(field)); }
  uint8_t Choice(const char* field, uint8_t last) {
    const uint8_t value = Byte(field);
    return value <= last ? value : Fail(field);
  }
  uint32_t Number32(const char* field) {
    const uint64_t value = Number(field);
    return value <= UINT32_MAX ? static_cast<uint32_t>(value) : Fail(field);
  }
  int64_t Signed(const char* field) {
    const uint64_t value = Number(field);
    return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
  }
  uint64_t Fixed64(const char* field) {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 8) value |= static_cast<uint64_t>(Byte(field)) << shift;
    return value;
  }
  std::string_view Rest() { return Raw("", rest_.size()); }
  const char* failed() const { return failed_; }
  bool at_end() const { return rest_.empty(); }

 private:
  uint8_t Fail(const char* field) {
    if (!failed_) failed_ = field;
    rest_ = {};
    return 0;
  }
  std::string_view rest_;
  const char* failed_ = nullptr;
};

}  // namespace hearth
