#include "sandbox/host_probe.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "runtime/base/files.h"
#include "runtime/base/unique_fd.h"
#include "sandbox/cgroup_paths.h"
#include "sandbox/landlock.h"
#include "sandbox/namespaces.h"
#include "sandbox/private_root.h"
#include "sandbox/privileges.h"
#include "sandbox/seccomp_filter.h"

namespace hearth {
namespace {

constexpr uint32_t kProbeUid = 65534;

// errno of the probe in a child of new namespaces; 0: it works. The child waits until its id maps are
// written.
int TryInChild(uint64_t flags, bool write_maps, int (*probe)()) {
  int go[2];
  if (pipe2(go, O_CLOEXEC) != 0) return errno;
  UniqueFd wait_end(go[0]);
  UniqueFd go_end(go[1]);
  const pid_t child = CloneProcess(flags);
  if (child < 0) return errno;
  if (child == 0) {
    go_end.Reset();
    char byte;
    _exit(read(wait_end.get(), &byte, 1) == 1 ? probe() : EPERM);
  }
  const bool mapped = !write_maps || WriteIdMaps(child).ok();
  if (mapped && write(go_end.get(), "g", 1) != 1) kill(child, SIGKILL);
  go_end.Reset();
  int status = 0;
  if (waitpid(child, &status, 0) != child) return errno;
  return WIFEXITED(status) ? WEXITSTATUS(status) : EFAULT;
}

int NestedWorker() {
  const pid_t child = CloneProcess(WorkerCloneFlags() & ~uint64_t{CLONE_PARENT});
  if (child < 0) return errno;
  if (child == 0) _exit(0);
  int status = 0;
  return waitpid(child, &status, 0) == child && status == 0 ? 0 : EFAULT;
}

int TryWorkerOfRoot() {
  if (!BecomeUser(kProbeUid).ok() || KeepCapabilities({}) != 0) return errno;
  return NestedWorker();
}

int TryWorkerOfUser() { return KeepCapabilities({}) == 0 ? NestedWorker() : errno; }

int TryTmpfs() { return MakeDetachedTmpfs(1 << 20, 16, 0).ok() ? 0 : EPERM; }
int TryTmpfsOfUser() { return MakeDetachedTmpfs(1 << 20, 16, kUidInside).ok() ? 0 : EPERM; }

int TrySeccomp() {
  const auto program = CompileSeccomp(ZygotePolicy());
  if (!program.ok()) return EINVAL;
  if (SetNoNewPrivileges() != 0) return errno;
  return InstallSeccomp(*program) == 0 ? 0 : errno;
}

class Report final {
 public:
  bool Line(const char* layer, int error, const char* remedy) {
    text_ += std::string(layer) +
             (error == 0 ? ": ok\n" : std::string(": missing (") + strerror(error) + "; " + remedy + ")\n");
    return error == 0;
  }
  void Add(const std::string& line) { text_ += line + "\n"; }
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

constexpr const char* kUserNamespaceRemedy =
    "allow unprivileged user namespaces: sysctl user.max_user_namespaces, "
    "kernel.unprivileged_userns_clone=1, on Ubuntu "
    "kernel.apparmor_restrict_unprivileged_userns=0 or an AppArmor profile with `userns,`";

}  // namespace

HostProbe ProbeHost() {
  const Privilege privilege = PrivilegeOfThisProcess();
  const bool root = privilege == Privilege::kRoot;
  const uint64_t flags = SandboxCloneFlags(privilege);
  Report report;
  bool all = report.Line("seccomp", TryInChild(0, false, &TrySeccomp), "a kernel with CONFIG_SECCOMP_FILTER");
  all &= report.Line("namespaces", TryInChild(flags, !root, [] { return 0; }),
                     root ? "run outside a container, or with CAP_SYS_ADMIN" : kUserNamespaceRemedy);
  all = all && report.Line("private /tmp", TryInChild(flags, !root, root ? &TryTmpfs : &TryTmpfsOfUser),
                           "a kernel from 5.12 on that lets this user mount tmpfs");
  all = all && report.Line("namespaces of each worker",
                           TryInChild(flags, !root, root ? &TryWorkerOfRoot : &TryWorkerOfUser),
                           kUserNamespaceRemedy);
  errno = 0;
  const int landlock = LandlockAbi();
  report.Add(LandlockReport(landlock, errno));
  const CgroupPaths cgroups = FindCgroups();
  report.Add(cgroups.report);
  report.Add(root ? "uid for each function: ok" : "uid for each function: missing (needs root)");
  HostProbe probe;
  if (!all) {
    probe.level = kIsolationProcess;
  } else if (!cgroups.limits_memory_and_pids()) {
    probe.level = kIsolationRootless;
  } else if (cgroups.version == 2) {
    probe.level = root ? kIsolationRootV2 : kIsolationRootlessCgroups;
  } else {
    probe.level = root ? kIsolationRootV1 : kIsolationRootlessCgroups;
  }
  probe.report = report.Take();
  return probe;
}

}  // namespace hearth
