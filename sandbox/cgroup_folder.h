#pragma once

#include <string>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/base/unique_fd.h"

namespace hearth {

// One file of cgroupfs, kept open: reads and writes start at 0 each time.
class CgroupFile final {
 public:
  CgroupFile() = default;
  static Result<CgroupFile> Open(std::string path, int flags);
  bool valid() const { return fd_.valid(); }
  int fd() const { return fd_.get(); }
  Status Write(std::string_view text) const;
  Result<std::string> Read() const;
  Result<uint64_t> ReadNumber() const;

 private:
  std::string path_;
  UniqueFd fd_;
};

// The number behind `key` in a file of "key number" lines; 0 if it is not there.
uint64_t NumberOf(std::string_view text, std::string_view key);

// "hearth-123" in `folder`, once what dead daemons left there is gone.
Result<std::string> MakeOwnCgroupFolder(const std::string& folder);
// Removes a cgroup folder and what is below it. False while a task is in it.
bool RemoveCgroupFolder(const std::string& folder);
// The same at the end of a daemon: killed tasks need some milliseconds to be gone; waits for them, 100 at
// most.
void RemoveCgroupFolderSoon(const std::string& folder);

}  // namespace hearth
