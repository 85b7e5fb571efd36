#include "runtime/pool/mount_warning.h"

#include <cstring>

namespace hearth {
namespace {

std::string UserText(uint32_t host_uid) {
  return host_uid == 0 ? "the daemon's user" : "the function's user (uid " + std::to_string(host_uid) + ")";
}

std::string WhyText(const BindMount& mount, const MountAccess& access, uint32_t host_uid) {
  if (access.owned != 0) return "the permissions of " + mount.source + " refuse its own owner";
  if (host_uid == 0) return mount.source + " belongs to another user than the daemon's";
  return "the file system of " + mount.source + " takes no ID map, so plain permissions decide";
}

std::string RemedyText(const BindMount& mount, const MountAccess& access, uint32_t host_uid, bool write) {
  if (access.owned != 0) return "chmod u+" + std::string(write ? "rwx " : "rx ") + mount.source;
  const std::string open = "open " + mount.source + " to others (chmod o+" + (write ? "rwx" : "rx") + ")";
  return host_uid == 0 ? open : open + ", or keep the bucket on ext4, XFS, Btrfs or tmpfs";
}

std::string CannotText(const BindMount& mount, const MountAccess& access, uint32_t host_uid, bool write) {
  const int error = write ? access.write_error : access.read_error;
  return UserText(host_uid) + " cannot " + (write ? "write to " : "read ") + mount.target + " (" +
         std::strerror(error) + "): " + WhyText(mount, access, host_uid) + ". To mend it " +
         RemedyText(mount, access, host_uid, write) +
         (write ? "." : ". An event's object can be read through its descriptor all the same.");
}

std::string UnmappedText(const BindMount& mount, uint32_t host_uid) {
  return "files below " + mount.target + " are reached as uid " + std::to_string(host_uid) +
         ", not as their owner: " + WhyText(mount, {}, host_uid) +
         ". What others may not read fails with \"Permission denied\"; an event's object can be read through "
         "its "
         "descriptor all the same.";
}

}  // namespace

std::vector<MountWarning> MountWarningsOf(const std::vector<BindMount>& mounts,
                                          const std::vector<MountAccess>& access, uint32_t host_uid) {
  std::vector<MountWarning> warnings;
  for (size_t i = 0; i < mounts.size() && i < access.size(); ++i) {
    const BindMount& mount = mounts[i];
    const bool unread = access[i].read_error != 0;
    const bool unwritten = mount.writable != 0 && access[i].write_error != 0;
    if (unread) warnings.push_back({mount.target, CannotText(mount, access[i], host_uid, false)});
    if (unwritten) warnings.push_back({mount.target, CannotText(mount, access[i], host_uid, true)});
    if (unread || unwritten || access[i].owned != 0 || host_uid == 0) continue;
    warnings.push_back({mount.target, UnmappedText(mount, host_uid)});
  }
  return warnings;
}

}  // namespace hearth
