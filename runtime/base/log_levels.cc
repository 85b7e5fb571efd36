#include "runtime/base/log_levels.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace hearth {
namespace {

bool SameLetters(std::string_view a, std::string_view b) {
  const auto upper = [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return upper(x) == upper(y); });
}

}  // namespace

std::string_view LogLevelName(uint8_t level) {
  static constexpr std::array<std::string_view, 6> kNames = {"TRACE", "DEBUG", "INFO",
                                                             "WARN",  "ERROR", "FATAL"};
  return kNames[std::min<size_t>(level, kNames.size() - 1)];
}

std::optional<uint8_t> ParseLogLevel(std::string_view name) {
  for (uint8_t level = kLogTrace; level <= kLogFatal; ++level) {
    if (SameLetters(name, LogLevelName(level))) return level;
  }
  if (SameLetters(name, "WARNING")) return kLogWarn;
  if (SameLetters(name, "CRITICAL")) return kLogFatal;
  return std::nullopt;
}

}  // namespace hearth
