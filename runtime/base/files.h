#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/base/unique_fd.h"

// Small synchronous file work. It blocks: on the loop's thread only at start-up; otherwise inside
// loop/Offload.

namespace hearth {

Result<UniqueFd> OpenFile(const std::string& path, int flags, unsigned mode = 0644);  // O_CLOEXEC is added
Result<std::string> ReadFile(const std::string& path);
Result<std::string> ReadAll(int fd, uint64_t bytes_max);  // kTooLarge past bytes_max
Status WriteAll(int fd, std::string_view data);
// Written beside, synced, renamed over, folder synced: a reader or a crash sees the old file or the new one.
Status WriteFileAtomically(const std::string& path, std::string_view data, unsigned mode = 0644);
Status MakeFolders(const std::string& path, unsigned mode = 0755);  // like mkdir -p
Status SyncFolder(const std::string& path);
Status RemoveTree(const std::string& path);  // like rm -rf; symlinks are removed, not followed
bool PathExists(const std::string& path);
// A memfd named `name` with `data`, sealed against every change.
Result<UniqueFd> MakeSealedMemfd(const char* name, std::string_view data);

}  // namespace hearth
