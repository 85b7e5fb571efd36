#include "sandbox/namespaces.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/files.h"
#include "sandbox/layers.h"

namespace hearth {
namespace {

Status WriteProcFile(pid_t process, const char* name, const std::string& text) {
  const std::string path = "/proc/" + std::to_string(process) + "/" + name;
  HEARTH_ASSIGN(const UniqueFd file, OpenFile(path, O_WRONLY));
  const Status written = WriteAll(file.get(), text);
  return written.ok() ? written : Status(written.error().WithContext(path));
}

std::string SingleMap(unsigned inside, unsigned outside) {
  return std::to_string(inside) + " " + std::to_string(outside) + " 1\n";
}

Status WriteMaps(pid_t child, const std::string& uids, const std::string& gids) {
  HEARTH_TRY(WriteProcFile(child, "setgroups", "deny"));
  HEARTH_TRY(WriteProcFile(child, "uid_map", uids));
  return WriteProcFile(child, "gid_map", gids);
}

}  // namespace

Privilege PrivilegeOfThisProcess() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  if (syscall(SYS_capget, &header, data) != 0) return Privilege::kUnprivileged;
  constexpr uint32_t kNeeded = 1u << CAP_SYS_ADMIN | 1u << CAP_SETUID | 1u << CAP_SETGID | 1u << CAP_SETPCAP;
  return (data[0].effective & kNeeded) == kNeeded ? Privilege::kRoot : Privilege::kUnprivileged;
}

uint64_t SandboxCloneFlags(Privilege privilege) {
  uint64_t flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWCGROUP;
  if (IsOn(Layer::kIpcNamespace)) flags |= CLONE_NEWIPC;
  if (IsOn(Layer::kNetworkNamespace)) flags |= CLONE_NEWNET;
  return privilege == Privilege::kRoot ? flags : flags | CLONE_NEWUSER;
}

int* CachedThreadId() {
  int* thread_id = nullptr;
  return prctl(PR_GET_TID_ADDRESS, &thread_id) == 0 ? thread_id : nullptr;
}

pid_t CloneProcess(uint64_t flags, int* thread_id) {
  if (thread_id != nullptr) flags |= CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
#if defined(__x86_64__)
  return static_cast<pid_t>(syscall(SYS_clone, flags | SIGCHLD, nullptr, nullptr, thread_id, nullptr));
#else  // aarch64: tls and child_tid change places
  return static_cast<pid_t>(syscall(SYS_clone, flags | SIGCHLD, nullptr, nullptr, nullptr, thread_id));
#endif
}

Status WriteIdMaps(pid_t child) {
  return WriteMaps(child, SingleMap(kUidInside, geteuid()), SingleMap(kUidInside, getegid()));
}

Result<UniqueFd> MakeOwnerMap(uint32_t disk_uid, uint32_t disk_gid, uint32_t seen_as) {
  // The namespace needs a process only until there is a descriptor of it; it must not outlive us.
  const pid_t maker = getpid();
  const pid_t child = CloneProcess(CLONE_NEWUSER);
  if (child < 0) return ErrnoError("clone user namespace");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (getppid() == maker) pause();  // else it died before it was named
    _exit(0);
  }
  const Status mapped = WriteMaps(child, SingleMap(disk_uid, seen_as), SingleMap(disk_gid, seen_as));
  auto space = OpenFile("/proc/" + std::to_string(child) + "/ns/user", O_RDONLY);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  if (!mapped.ok()) return mapped.error();
  return space;
}

}  // namespace hearth
