#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace hearth {

// The 16 bytes of a UUID in lower case; nothing for any other text.
std::optional<std::array<char, 16>> UuidBytes(std::string_view text);

}  // namespace hearth
