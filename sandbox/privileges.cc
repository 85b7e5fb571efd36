#include "sandbox/privileges.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "sandbox/layers.h"

namespace hearth {
namespace {

Status Limit(const char* name, int resource, uint64_t value) {
  rlimit limit{};
  if (getrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0) return ErrnoError(name);
  limit.rlim_max = std::min<rlim_t>(limit.rlim_max, value);
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0) return ErrnoError(name);
  return Ok();
}

Status LimitIfSet(const char* name, int resource, uint64_t value) {
  return value == 0 ? Ok() : Limit(name, resource, value);
}

}  // namespace

Status ApplyLimits(const ProcessLimits& limits) {
  if (!IsOn(Layer::kResourceLimits)) return Ok();
  HEARTH_TRY(Limit("RLIMIT_CORE", RLIMIT_CORE, 0));
  HEARTH_TRY(Limit("RLIMIT_MEMLOCK", RLIMIT_MEMLOCK, 64 * 1024));
  HEARTH_TRY(Limit("RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE, 0));
  HEARTH_TRY(Limit("RLIMIT_NICE", RLIMIT_NICE, 0));
  HEARTH_TRY(Limit("RLIMIT_RTPRIO", RLIMIT_RTPRIO, 0));
  HEARTH_TRY(LimitIfSet("RLIMIT_NOFILE", RLIMIT_NOFILE, limits.open_files));
  HEARTH_TRY(LimitIfSet("RLIMIT_FSIZE", RLIMIT_FSIZE, limits.file_bytes));
  HEARTH_TRY(LimitIfSet("RLIMIT_DATA", RLIMIT_DATA, limits.data_bytes));
  HEARTH_TRY(LimitIfSet("RLIMIT_NPROC", RLIMIT_NPROC, limits.processes));
  return LimitIfSet("RLIMIT_CPU", RLIMIT_CPU, limits.cpu_seconds);
}

Status DropBoundingSet(std::initializer_list<int> kept) {
  if (!IsOn(Layer::kBoundingSet)) return Ok();
  for (int capability = 0; capability < 64; ++capability) {
    if (std::find(kept.begin(), kept.end(), capability) != kept.end()) continue;
    const int present = prctl(PR_CAPBSET_READ, capability, 0, 0, 0);
    if (present < 0) break;  // past the last that this kernel knows
    if (present == 1 && prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0)
      return ErrnoError("PR_CAPBSET_DROP");
  }
  return Ok();
}

Status BecomeUser(uint32_t uid) {
  if (!IsOn(Layer::kUid)) return Ok();
  if (setgroups(0, nullptr) != 0) return ErrnoError("setgroups");
  if (setresgid(uid, uid, uid) != 0) return ErrnoError("setresgid " + std::to_string(uid));
  if (setresuid(uid, uid, uid) != 0) return ErrnoError("setresuid " + std::to_string(uid));
  return Ok();
}

int KeepCapabilities(std::initializer_list<int> kept) {
  if (!IsOn(Layer::kCapabilities)) return 0;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  for (const int capability : kept) {
    data[capability / 32].effective |= 1u << (capability % 32);
    data[capability / 32].permitted |= 1u << (capability % 32);
  }
  return static_cast<int>(syscall(SYS_capset, &header, data));
}

int SetNoNewPrivileges() {
  return IsOn(Layer::kNoNewPrivileges) ? prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) : 0;
}

int SetNotDumpable() { return IsOn(Layer::kNotDumpable) ? prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) : 0; }

void ResetSignals() {
  for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

int KeepDescriptors(std::span<const int> fds, std::span<const int> left_alone) {
  const int beyond = 3 + static_cast<int>(fds.size());
  // First all out of the way of all, then each into its place.
  int parked[32];
  if (fds.size() > std::size(parked)) return -1;
  for (size_t i = 0; i < fds.size(); ++i) {
    parked[i] = fcntl(fds[i], F_DUPFD, beyond);
    if (parked[i] < 0) return -1;
  }
  for (size_t i = 0; i < fds.size(); ++i) {
    if (dup2(parked[i], 3 + static_cast<int>(i)) < 0) return -1;
  }
  if (!IsOn(Layer::kDescriptors)) return 0;
  unsigned first = static_cast<unsigned>(beyond);
  for (const int kept : left_alone) {
    const auto number = static_cast<unsigned>(kept);
    if (number > first && syscall(SYS_close_range, first, number - 1, 0U) != 0) return -1;
    first = std::max(first, number + 1);
  }
  return static_cast<int>(syscall(SYS_close_range, first, ~0U, 0U));
}

}  // namespace hearth
