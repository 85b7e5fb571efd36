#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"

namespace hearth {

// What the dynamic section of a shared object says it needs and offers.
struct ElfFile {
  struct VersionNeed {
    std::string library;                // "libstdc++.so.6"
    std::vector<std::string> versions;  // "GLIBCXX_3.4.32"
  };
  std::string soname;
  std::vector<std::string> needed;
  std::string runpath;  // DT_RUNPATH, colon-separated, as it stands
  std::string rpath;    // DT_RPATH
  std::vector<VersionNeed> version_needs;
  std::vector<std::string> version_definitions;
};

// Reads a shared object for this machine. The bytes are foreign: every offset is checked before it is
// followed, every list is as long as the file at most. kBadArtefact says what is wrong with it ("built for
// AArch64, this machine is x86-64").
Result<ElfFile> ReadElfFile(std::string_view bytes);

}  // namespace hearth
