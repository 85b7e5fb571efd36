#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "runtime/base/result.h"

namespace hearth::cli {

// What `hearth deploy` uploads, and what the build said about it.
struct Package {
  std::string name;     // of the function; "" when nothing tells
  std::string handler;  // "" when nothing tells
  std::string bytes;    // a zip or a shared object
  std::optional<int64_t> memory_mib;
  std::optional<int64_t> timeout_s;
  std::string settings_file;  // where memory and timeout come from, or ""
};

// From NAME.function.json (as hearth_add_function writes it), a shared object (with the NAME.function.json
// beside it, if there is one), a zip, or a folder, which is zipped by zip(1). kInvalidArgument: there is no
// such thing, or it is none of these. kMisconfigured: zip(1) is missing.
Result<Package> ReadPackage(const std::string& path);

}  // namespace hearth::cli
