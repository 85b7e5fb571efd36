#include "runtime/base/base64.h"

#include <openssl/evp.h>

namespace hearth {

std::string Base64Encode(std::string_view raw) {
  std::string out(4 * ((raw.size() + 2) / 3) + 1, '\0');  // libcrypto adds a NUL
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(raw.data()), static_cast<int>(raw.size()));
  out.resize(size);
  return out;
}

Result<std::string> Base64Decode(std::string_view text) {
  const auto bad = [](const char* why) {
    return Error{ErrorCode::kInvalidArgument, std::string("base64: ") + why};
  };
  if (text.size() % 4 != 0) return bad("the length is not a multiple of 4");
  const size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  for (const char c : text.substr(0, text.size() - padding)) {
    const bool known =
        (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
    if (!known) return bad("a character outside the alphabet");
  }
  std::string out(text.size() / 4 * 3, '\0');
  const int size =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (size < 0) return bad("it cannot be decoded");
  out.resize(out.size() - padding);
  return out;
}

}  // namespace hearth
