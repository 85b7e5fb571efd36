#include "triggers/http/text_body.h"

#include <algorithm>
#include <cstdint>
#include <string>

namespace hearth {
namespace {

// Bytes that follow a lead byte, or -1 when it cannot lead.
int ContinuationsAfter(unsigned char lead) {
  if (lead < 0x80) return 0;
  if (lead >= 0xc2 && lead <= 0xdf) return 1;
  if (lead >= 0xe0 && lead <= 0xef) return 2;
  if (lead >= 0xf0 && lead <= 0xf4) return 3;
  return -1;
}

// Overlong forms, surrogates and what is past U+10FFFF show in the second byte.
bool SecondByteFits(unsigned char lead, unsigned char second) {
  if (lead == 0xe0) return second >= 0xa0;
  if (lead == 0xed) return second <= 0x9f;
  if (lead == 0xf0) return second >= 0x90;
  if (lead == 0xf4) return second <= 0x8f;
  return true;
}

std::string MediaTypeOf(std::string_view content_type) {
  std::string type(content_type.substr(0, content_type.find(';')));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.pop_back();
  std::transform(type.begin(), type.end(), type.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return type;
}

bool IsTextType(std::string_view type) {
  return type.starts_with("text/") || type == "application/json" || type == "application/xml" ||
         type == "application/javascript" || type.ends_with("+json") || type.ends_with("+xml");
}

}  // namespace

bool IsUtf8Text(std::string_view bytes) {
  for (size_t i = 0; i < bytes.size();) {
    const auto lead = static_cast<unsigned char>(bytes[i]);
    const int more = ContinuationsAfter(lead);
    if (more < 0 || bytes.size() - i <= static_cast<size_t>(more)) return false;
    for (int k = 1; k <= more; ++k) {
      const auto next = static_cast<unsigned char>(bytes[i + static_cast<size_t>(k)]);
      if ((next & 0xc0) != 0x80 || (k == 1 && !SecondByteFits(lead, next))) return false;
    }
    i += static_cast<size_t>(more) + 1;
  }
  return true;
}

bool IsTextBody(std::string_view content_type, std::string_view body) {
  const std::string type = MediaTypeOf(content_type);
  return (type.empty() || IsTextType(type)) && IsUtf8Text(body);
}

}  // namespace hearth
