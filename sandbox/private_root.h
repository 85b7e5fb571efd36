#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/unique_fd.h"
#include "sandbox/steps.h"

namespace hearth {

// The file system that a sandbox sees instead of the host's: a read-only tmpfs with the host's libraries,
// five devices, a small /etc, the folders asked for, an empty /tmp to mount on, and nothing else. No /proc,
// no /sys.
struct PrivateRootPlan {
  struct Bind {
    std::string source;  // host path of a folder
    std::string target;  // absolute, inside
    bool writable = false;
    bool executable = false;
    // Of MakeOwnerMap(): the folder's owner is seen as the sandbox's user. Where the file system cannot do
    // it, permissions stay what they are.
    int owner_map = -1;
  };
  // A folder in memory with files that the sandbox's user alone may read, and nobody change: mode 0400 in 0500.
  struct PrivateFiles {
    struct File {
      std::string name;  // without a slash
      uint64_t bytes = 0;
    };
    std::string target;  // absolute, inside
    std::vector<File> files;
    int source = -1;  // a file of their bytes, one's after another's
  };
  std::vector<Bind> binds;
  std::optional<PrivateFiles> private_files;
  std::string host_name;
  uint32_t uid = 0;  // for its one line in /etc/passwd
  // For who has a way out: names are asked of `resolvers`, certificates checked with the host's.
  bool has_network = false;
  std::vector<std::string> resolvers;
};

// The host's folders of libraries, where they are folders of their own; the same inside as outside.
std::vector<std::string> LibraryFolders();

// Becomes the root of the calling process, which must be alone in new mount and UTS namespaces with the right
// to mount there. Nothing of the host's tree can be reached afterwards but what descriptors still point to.
bool EnterPrivateRoot(const PrivateRootPlan& plan, Steps& steps);

// The same in two steps, of which the first needs no plan and may be done ahead of time. `binds` of the second: what
// TakeBinds() made of the plan's, elsewhere: the caller cannot see their sources any more.
bool EnterBlankRoot(Steps& steps);
bool FillBlankRoot(const PrivateRootPlan& plan, std::span<const int> binds, Steps& steps);
// The plan's folders, and its private files last, as mounts that are mounted nowhere yet. Needs the right to mount where the caller
// is; changes nothing there.
bool TakeBinds(const PrivateRootPlan& plan, Steps& steps, std::vector<UniqueFd>& binds);

// move_mount() of a detached mount.
long MountAt(int mount, const char* path);

// A tmpfs that is mounted nowhere yet: whoever gets the descriptor can move_mount() it. Owned by `uid` inside
// and limited in bytes and in files; nosuid, nodev, noexec.
Result<UniqueFd> MakeDetachedTmpfs(uint64_t bytes, uint64_t files, uint32_t uid);

}  // namespace hearth
