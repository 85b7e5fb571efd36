#pragma once

#include <string>

#include "runtime/base/result.h"

namespace hearth::cli {

// What a person gave as a payload: "-" is stdin, "@FILE" a file's bytes, anything else itself. Reads at most
// 64 MiB, far over what the daemon takes.
Result<std::string> ReadPayload(const std::string& given);

}  // namespace hearth::cli
