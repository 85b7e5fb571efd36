#pragma once

#include <string>

#include "runtime/base/result.h"

namespace hearth {

// A copy of a database as it is at one moment, made beside whoever writes to it (SQLite's online backup): `to` must not
// exist. Blocks; any thread. kUnavailable when the disk is full, kIo for the rest.
Status CopySqlite(const std::string& from, const std::string& to);

}  // namespace hearth
