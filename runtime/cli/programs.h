#pragma once

#include <string>
#include <vector>

#include "runtime/base/result.h"

namespace hearth::cli {

// What env(1) and shells answer for a program that is not installed.
inline constexpr int kProgramMissing = 127;

// Runs a program of PATH with our environment, stdout on our stderr, and waits. Its exit code; 128 + the
// signal that ended it. `words` begins with the program's name; no shell sees them.
Result<int> RunProgram(const std::vector<std::string>& words);

}  // namespace hearth::cli
