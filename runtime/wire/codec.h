#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

// The bytes of a frame: little-endian integers, strings with a 32-bit length before them. Reading never goes
// past the end: the first short or over-long field makes the reader fail for good, and the caller asks once,
// at the end.

namespace hearth {

class FrameWriter final {
 public:
  FrameWriter() = default;
  // Writes into the memory of `buffer`; what is in it goes.
  explicit FrameWriter(std::string buffer) : out_(std::move(buffer)) { out_.clear(); }
  FrameWriter& U8(uint8_t v) { return Raw(&v, sizeof v); }
  FrameWriter& U32(uint32_t v) { return Raw(&v, sizeof v); }
  FrameWriter& I32(int32_t v) { return Raw(&v, sizeof v); }
  FrameWriter& U64(uint64_t v) { return Raw(&v, sizeof v); }
  FrameWriter& I64(int64_t v) { return Raw(&v, sizeof v); }
  FrameWriter& String(std::string_view v) {
    U32(static_cast<uint32_t>(v.size()));
    out_.append(v);
    return *this;
  }
  // Bytes to be filled in later.
  FrameWriter& Skip(size_t bytes) {
    out_.append(bytes, '\0');
    return *this;
  }
  std::string Take() { return std::move(out_); }
  const std::string& bytes() const { return out_; }
  void Clear() { out_.clear(); }

 private:
  FrameWriter& Raw(const void* data, size_t size) {
    out_.append(static_cast<const char*>(data), size);
    return *this;
  }
  std::string out_;
};

class FrameReader final {
 public:
  explicit FrameReader(std::string_view bytes) : rest_(bytes) {}
  uint8_t U8() { return Raw<uint8_t>(); }
  uint32_t U32() { return Raw<uint32_t>(); }
  int32_t I32() { return Raw<int32_t>(); }
  uint64_t U64() { return Raw<uint64_t>(); }
  int64_t I64() { return Raw<int64_t>(); }
  // A view into the frame.
  std::string_view String() {
    const uint32_t size = U32();
    if (!ok_ || size > rest_.size()) return Fail();
    const std::string_view text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return text;
  }
  // Everything was there and nothing is left over.
  bool Complete() const { return ok_ && rest_.empty(); }
  bool ok() const { return ok_; }

 private:
  template <class T>
  T Raw() {
    T value{};
    if (!ok_ || sizeof value > rest_.size()) {
      Fail();
      return value;
    }
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_.remove_prefix(sizeof value);
    return value;
  }
  std::string_view Fail() {
    ok_ = false;
    rest_ = {};
    return {};
  }

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace hearth
