#include "sandbox/host_probe.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <sstream>

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

// "EPERM: Operation not permitted"
std::string ErrorText(int error) {
  const char* const name = strerrorname_np(error);
  return std::string(name != nullptr ? name : "?") + ": " + strerror(error);
}

class Report final {
 public:
  bool Line(const char* layer, int error, const std::string& remedy) {
    text_ += std::string(layer) +
             (error == 0 ? ": ok\n" : ": missing (" + ErrorText(error) + "; " + remedy + ")\n");
    return error == 0;
  }
  void Add(const std::string& line) { text_ += line + "\n"; }
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

bool SaysZero(const char* setting) {
  const auto value = ReadFile(setting);
  return value.ok() && value->starts_with("0");
}

// Whose root is no mount of its own has been changed into with chroot(2).
bool IsInChroot() {
  const auto mounts = ReadFile("/proc/self/mountinfo");
  if (!mounts.ok()) return false;
  std::istringstream lines(*mounts);
  for (std::string line, number, parent, device, root, point; std::getline(lines, line);) {
    std::istringstream(line) >> number >> parent >> device >> root >> point;
    if (point == "/") return false;
  }
  return true;
}

// Why this host makes no user namespaces, as far as it can be told, and what to do.
std::string UserNamespaceRemedy(int error) {
  if (error == EPERM && IsInChroot())
    return "this process is in a chroot, where Linux makes no user namespaces: run it outside, or use "
           "pivot_root";
  if (error == ENOSPC || SaysZero("/proc/sys/user/max_user_namespaces"))
    return "sysctl user.max_user_namespaces is too low: raise it";
  if (SaysZero("/proc/sys/kernel/unprivileged_userns_clone"))
    return "sysctl kernel.unprivileged_userns_clone=1";
  const auto apparmor = ReadFile("/proc/sys/kernel/apparmor_restrict_unprivileged_userns");
  if (apparmor.ok() && apparmor->starts_with("1"))
    return "sysctl kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile with `userns,`";
  return "user namespaces are refused: by the filter of a container around this, or a chroot? Run it outside";
}

}  // namespace

HostProbe ProbeHost(EgressProbe& egress) {
  const Privilege privilege = PrivilegeOfThisProcess();
  const bool root = privilege == Privilege::kRoot;
  const uint64_t flags = SandboxCloneFlags(privilege);
  Report report;
  bool all = report.Line("seccomp", TryInChild(0, false, &TrySeccomp), "a kernel with CONFIG_SECCOMP_FILTER");
  const int namespaces = TryInChild(flags, !root, [] { return 0; });
  all &=
      report.Line("namespaces", namespaces,
                  root ? "run outside a container, or with CAP_SYS_ADMIN" : UserNamespaceRemedy(namespaces));
  all = all && report.Line("private /tmp", TryInChild(flags, !root, root ? &TryTmpfs : &TryTmpfsOfUser),
                           "a kernel from 5.12 on that lets this user mount tmpfs");
  const int nested = all ? TryInChild(flags, !root, root ? &TryWorkerOfRoot : &TryWorkerOfUser) : 0;
  if (all && nested != 0 && !IsInChroot()) {  // in one, no sandbox can be made at all
    report.Add("namespaces of each worker: degraded (" + ErrorText(nested) + "; " +
               UserNamespaceRemedy(nested) +
               "; until then every worker has a sandbox of its own, as with Isolation strict)");
  } else {
    all = all && report.Line("namespaces of each worker", nested, UserNamespaceRemedy(nested));
  }
  errno = 0;
  const int landlock = LandlockAbi();
  report.Add(LandlockReport(landlock, errno));
  const CgroupPaths cgroups = FindCgroups();
  report.Add(cgroups.report);
  report.Add(root ? "uid for each function: ok" : "uid for each function: missing (needs root)");
  HostProbe probe;
  probe.forks_workers = nested == 0;
  probe.user_namespaces = !root || TryInChild(CLONE_NEWUSER, false, [] { return 0; }) == 0;
  probe.egress_missing = egress.Missing();
  report.Add("network egress: " + (probe.egress_missing.empty() ? "ok (veth and nftables)"
                                                                : "missing (" + probe.egress_missing + ")"));
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
