#include "runtime/store/attributes_md5.h"

#include "runtime/base/digest.h"

namespace hearth {
namespace {

constexpr char kTextValue = 1;
constexpr char kBinaryValue = 2;

void AppendField(std::string& out, std::string_view bytes) {
  const auto size = static_cast<uint32_t>(bytes.size());
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(size >> shift & 0xff);
  out += bytes;
}

}  // namespace

std::string Md5OfAttributes(const std::map<std::string, MessageAttribute>& attributes) {
  std::string bytes;
  for (const auto& [name, attribute] : attributes) {
    AppendField(bytes, name);
    AppendField(bytes, attribute.type);
    bytes += attribute.type.starts_with("Binary") ? kBinaryValue : kTextValue;
    AppendField(bytes, attribute.value);
  }
  return Md5Hex(bytes);
}

}  // namespace hearth
