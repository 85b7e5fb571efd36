#pragma once

#include <string>
#include <vector>

#include "runtime/base/result.h"

namespace hearth {

// Fills the new folder `target` with what is in `folders`, of two files with one name that of the later one. A file in the
// way of a later folder, or the other way round, gives way. Files are links to the same bytes, or copies where the file
// system has no more of them. Blocks.
Status MergeFolders(const std::vector<std::string>& folders, const std::string& target);

// kInvalidArgument when the files of all of them are more than kUnpackedBytesMax together. Blocks.
Status CheckUnpackedSize(const std::vector<std::string>& folders);

}  // namespace hearth
