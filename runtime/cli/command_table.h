#pragma once

#include <vector>

#include "runtime/cli/command.h"

namespace hearth::cli {

// Every command there is, in the order in which help lists them; those of one verb stand together.
const std::vector<Command>& Commands();

}  // namespace hearth::cli
