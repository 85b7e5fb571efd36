#include "runtime/store/receipt_handle.h"

#include "runtime/base/digest.h"

namespace hearth {
namespace {

constexpr size_t kHandleDigits = 2 * (8 + 8 + 4);

void PutBigEndian(std::string& out, uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(value >> (8 * i)));
}

int DigitOf(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

std::string ReceiptHandle::Encode(int64_t queue) const {
  std::string raw;
  PutBigEndian(raw, message, 8);
  PutBigEndian(raw, generation, 8);
  std::string checked = raw;
  PutBigEndian(checked, queue, 8);
  PutBigEndian(raw, Crc32(checked), 4);
  return ToHex(raw);
}

Result<ReceiptHandle> ReceiptHandle::Decode(std::string_view text, int64_t queue) {
  const Error garbage{ErrorCode::kInvalidArgument, "receipt handle \"" + std::string(text.substr(0, 64)) +
                                                       "\" is not one that this queue gave out"};
  if (text.size() != kHandleDigits) return garbage;
  uint64_t words[2] = {0, 0};
  for (size_t i = 0; i < 32; ++i) {
    const int digit = DigitOf(text[i]);
    if (digit < 0) return garbage;
    words[i / 16] = words[i / 16] << 4 | static_cast<uint64_t>(digit);
  }
  const ReceiptHandle handle{static_cast<int64_t>(words[0]), static_cast<int64_t>(words[1])};
  if (handle.Encode(queue) != text) return garbage;
  return handle;
}

}  // namespace hearth
