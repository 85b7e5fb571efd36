#include "runtime/control/form_fields.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "runtime/base/json_text.h"

namespace hearth {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> Decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high << 4 | low);
    i += 2;
  }
  return out;
}

Error Malformed(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

}  // namespace

Result<std::vector<FormField>> ParseForm(std::string_view text) {
  std::vector<FormField> fields;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('&', begin), text.size());
    const std::string_view part = text.substr(begin, end - begin);
    const std::string at = " at byte " + std::to_string(begin);
    begin = end + 1;
    if (part.empty()) continue;
    if (fields.size() == kFormFieldsMax)
      return Malformed("the form has over " + std::to_string(kFormFieldsMax) + " parameters");
    const size_t equals = std::min(part.find('='), part.size());
    auto name = Decode(part.substr(0, equals));
    auto value = Decode(part.substr(std::min(equals + 1, part.size())));
    if (!name || !value)
      return Malformed("the parameter" + at + " has a '%' that is not followed by two hexadecimal digits");
    if (name->empty()) return Malformed("the parameter" + at + " has no name");
    if (!IsUtf8(*name) || !IsUtf8(*value)) return Malformed("the parameter" + at + " is not UTF-8");
    fields.push_back({std::move(*name), std::move(*value)});
  }
  return fields;
}

}  // namespace hearth
