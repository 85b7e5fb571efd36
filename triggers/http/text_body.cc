#include "triggers/http/text_body.h"

#include <algorithm>
#include <string>

#include "runtime/base/json_text.h"

namespace hearth {
namespace {

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

bool IsTextBody(std::string_view content_type, std::string_view body) {
  const std::string type = MediaTypeOf(content_type);
  return (type.empty() || IsTextType(type)) && IsUtf8(body);
}

}  // namespace hearth
