#pragma once

#include <sys/types.h>

#include <cstdint>

#include "runtime/base/result.h"
#include "runtime/base/unique_fd.h"

namespace hearth {

// The id that this process's own uid and gid have inside a user namespace that it made.
inline constexpr uint32_t kUidInside = 1000;

enum class Privilege { kRoot, kUnprivileged };
// May this process make namespaces and give up its uid for others'? Asked of the capabilities, not of the
// uid.
Privilege PrivilegeOfThisProcess();

// Namespaces of a whole sandbox; with a user namespace around them where there is no privilege to make them
// otherwise.
uint64_t SandboxCloneFlags(Privilege privilege);

// Where libc caches this thread's id; null where the kernel does not tell. Behind a filter it has to be known already.
int* CachedThreadId();

// fork() into new namespaces, by the raw system call. For single-threaded processes. The child's cached
// thread id is set by the kernel, which a raw clone leaves stale otherwise (recursive mutexes would then lose
// mutual exclusion).
pid_t CloneProcess(uint64_t flags, int* cached_thread_id = CachedThreadId());

// From outside: own uid and gid are kUidInside within the new user namespace of `child`, and no other exists
// there.
Status WriteIdMaps(pid_t child);

// A user namespace that maps the owner of files, as the disk has it, to `seen_as`: given to a mount, that
// mount shows the owner's files as `seen_as`'s, and stores what `seen_as` makes as the owner's. Needs
// privilege.
Result<UniqueFd> MakeOwnerMap(uint32_t disk_uid, uint32_t disk_gid, uint32_t seen_as);

}  // namespace hearth
