#include "runtime/worker/unpack.h"

// Apart from libzip: a pure decision.

namespace hearth {
namespace {

constexpr size_t kNameBytesMax = 1024;
constexpr size_t kPartBytesMax = 255;

}  // namespace

std::string CheckEntryName(std::string_view name) {
  if (name.empty()) return "its name is empty";
  if (name.size() > kNameBytesMax)
    return "its name is longer than " + std::to_string(kNameBytesMax) + " bytes";
  if (name.front() == '/') return "its name is absolute";
  for (const char c : name) {
    if (c == '\\') return "its name has a backslash; write paths with /";
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return "its name has a control character";
  }
  if (name.back() == '/') name.remove_suffix(1);
  while (!name.empty()) {
    const size_t end = std::min(name.find('/'), name.size());
    const std::string_view part = name.substr(0, end);
    if (part.empty() || part == "." || part == "..")
      return "its name has a part \"" + std::string(part) + "\"";
    if (part.size() > kPartBytesMax) return "a part of its name is longer than 255 bytes";
    name.remove_prefix(std::min(end + 1, name.size()));
  }
  return {};
}

}  // namespace hearth
