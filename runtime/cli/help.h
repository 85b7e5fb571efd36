#pragma once

#include <string>
#include <vector>

#include "runtime/cli/command.h"

namespace hearth::cli {

// The flags that every command has, --help included.
const std::vector<Flag>& CommonFlags();

std::string HelpOf(const Command& command);
// All commands of one verb, with their examples: "queue".
std::string HelpOfFamily(const std::string& verb, const std::vector<Command>& commands);
std::string Overview(const std::vector<Command>& commands);
// docs/cli.md, which a test holds to be this.
std::string Manual(const std::vector<Command>& commands);

}  // namespace hearth::cli
