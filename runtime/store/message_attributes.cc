#include "runtime/store/message_attributes.h"

namespace hearth {
namespace {

void PutField(std::string& out, std::string_view field) {
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(field.size() >> shift));
  out.append(field);
}

bool TakeField(std::string_view& from, std::string& field) {
  if (from.size() < 4) return false;
  uint32_t size = 0;
  for (int i = 3; i >= 0; --i) size = size << 8 | static_cast<uint8_t>(from[i]);
  if (from.size() - 4 < size) return false;
  field.assign(from.substr(4, size));
  from.remove_prefix(4 + size);
  return true;
}

}  // namespace

std::string EncodeAttributes(const MessageAttributes& attributes) {
  std::string out;
  for (const auto& [name, attribute] : attributes) {
    PutField(out, name);
    PutField(out, attribute.type);
    PutField(out, attribute.value);
  }
  return out;
}

Result<MessageAttributes> DecodeAttributes(std::string_view bytes) {
  MessageAttributes attributes;
  while (!bytes.empty()) {
    std::string name;
    MessageAttribute attribute;
    if (!TakeField(bytes, name) || !TakeField(bytes, attribute.type) || !TakeField(bytes, attribute.value)) {
      return Error{ErrorCode::kCorrupt, "stored message attributes are cut short"};
    }
    attributes.emplace(std::move(name), std::move(attribute));
  }
  return attributes;
}

}  // namespace hearth
