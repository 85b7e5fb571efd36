#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace hearth {

// What a crash report takes of an ELF file that is mapped whole. Reads within `file` only, whatever it says;
// never allocates.
struct NamedPlace {
  std::string_view name;  // of the function, as the linker knows it; empty: none covers the address
  uint64_t offset = 0;    // from its beginning
};
NamedPlace FindFunction(std::span<const std::byte> file, uint64_t address);

// The bytes of the linker's build id; empty where there is none.
std::span<const std::byte> FindBuildId(std::span<const std::byte> file);

}  // namespace hearth
