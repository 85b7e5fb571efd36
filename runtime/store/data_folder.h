#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/base/unique_fd.h"

namespace hearth {

// How the whole of a data folder is laid out: which files there are and what they mean to each other. Each file has
// a version of its own beside that. Raised when an older hearthd must not touch what a newer one wrote.
inline constexpr uint32_t kDataFormat = 1;

// The folder of everything durable, held by one process at a time.
//
// Owns:    the lock on "lock" in it, which has the holder's pid for others to tell.
// Stored:  "format": "hearth-data 1, written by hearthd 0.1.0"; a folder without it is of format 1.
// Thread:  any; blocks.
// Failure: kUnavailable names the process that holds it; kMisconfigured names the version that wrote it and changes
//          nothing; kCorrupt when "format" cannot be read.
class DataFolder final {
 public:
  DataFolder() = default;
  // Makes it where it is not there yet. `version`: of this hearthd.
  static Result<DataFolder> Open(const std::string& path, std::string_view version);
  // What Open() checks, without a lock or a change.
  static Status CheckFormat(const std::string& path, std::string_view version);
  // Absolute and without links.
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  UniqueFd lock_;
};

}  // namespace hearth
