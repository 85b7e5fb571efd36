#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"

namespace hearth {

// Where the dynamic loader would look for a library, and then where a package may bring its own.
struct LibrarySearch {
  std::map<std::string, std::string> cache;  // /etc/ld.so.cache: name -> path
  std::vector<std::string> system_folders;   // the loader's built-in ones
  std::vector<std::string> package_folders;  // /var/task/lib, /var/task, /opt/lib
};

// Where a function's own files are.
struct CodePlaces {
  std::string package;
  std::string layers{};  // "": it has none
};

// Of the running system, for code in `places`.
LibrarySearch SearchOfThisHost(const CodePlaces& places);
// The bytes of ld.so.cache in glibc's format 1.1; entries that lie are left out.
std::map<std::string, std::string> ReadLdCache(std::string_view bytes);

struct LibraryInspection {
  // Every library that is missing and every symbol version that the libraries found here lack, each a
  // sentence.
  std::vector<std::string> problems;
  // Libraries of the package, or of a layer, that the loader would not find by itself: to be opened by path, in this order,
  // before the inspected one (it then recognises them by their names). LD_LIBRARY_PATH would do it too, but
  // at exec, for the worker's own libraries, ahead of the seccomp filter.
  std::vector<std::string> open_first;
};

// Follows what the library at `path` needs, through all that those need. Error: the library itself cannot be
// read or is not one for this machine.
Result<LibraryInspection> InspectLibrary(const std::string& path, const LibrarySearch& search);

}  // namespace hearth
