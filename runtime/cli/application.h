#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <vector>

namespace hearth::cli {

// What a command line comes with. getenv(3) in main, a table in tests.
using Environment = std::function<std::string(const char* name)>;  // "" when unset

// Runs one command line (without argv[0]) and returns its exit code.
int RunCommandLine(const std::vector<std::string>& words, const Environment& environment, std::ostream& out,
                   std::ostream& err);

}  // namespace hearth::cli
