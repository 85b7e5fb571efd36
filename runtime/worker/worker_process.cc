#include "runtime/worker/worker_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/wire/packet.h"
#include "runtime/worker/handler_host.h"
#include "sandbox/layers.h"
#include "sandbox/private_root.h"
#include "sandbox/privileges.h"
#include "sandbox/seccomp_filter.h"
#include "sandbox/steps.h"

namespace hearth {
namespace {

// The others it has from its zygote.
Status LimitWithoutCgroup(const ZygoteConfigFrame& config) {
  if (config.has_memory_cgroup != 0) return Ok();
  ProcessLimits limits;
  limits.data_bytes = config.memory_bytes;
  limits.processes = config.pids_max;
  return ApplyLimits(limits);
}

long RestrictFiles(const WorkerStart& start) {
  if (!IsOn(Layer::kLandlock)) return 0;
  return start.ruleset < 0 ? RestrictToGrants(start.landlock_abi, start.files, start.tcp)
                           : RestrictTo(start.ruleset, start.landlock_abi, start.files);
}

bool JoinCgroups(const std::vector<int>& tasks) {
  if (!IsOn(Layer::kCgroup)) return true;
  for (const int fd : tasks) {
    if (write(fd, "0", 1) != 1) return false;
  }
  return true;
}

long MountTmp(int tmpfs) { return IsOn(Layer::kPrivateTmp) ? MountAt(tmpfs, "/tmp") : 0; }

// Order: the cgroup first, so that all after it is counted; /tmp while there is the right to mount; the right
// is given up; files once nothing is mounted any more, which Landlock forbids; the second filter, which takes
// away all of the above; descriptors last, since until then failures go to the zygote's.
bool Confine(const WorkerStart& start, const ZygoteConfigFrame& config, Steps& steps) {
  const int kept[] = {start.channel};
  return steps.At("join cgroup").Ok(JoinCgroups(start.cgroup_tasks) ? 0 : -1) &&
         steps.At("mount /tmp").Ok(MountTmp(start.tmp_mount)) &&
         steps.At("drop capabilities").Ok(KeepCapabilities({})) &&
         steps.At("limit resources").Ok(LimitWithoutCgroup(config)) &&
         steps.At("set robust list")
             .Ok(syscall(SYS_set_robust_list, start.robust_list, start.robust_list_size)) &&
         // Its process group names it where one of its threads is told of: see InitLoop::OnViolation().
         steps.At("lead process group").Ok(setpgid(0, 0)) &&
         steps.At("redirect stdout").Ok(dup2(start.standard_output, 1)) &&
         steps.At("redirect stderr").Ok(dup2(start.standard_error, 2)) &&
         steps.At("restrict files").Ok(RestrictFiles(start)) &&
         steps.At("install seccomp filter of workers").Ok(InstallSeccomp(config.seccomp_worker)) &&
         steps.At("close descriptors").Ok(KeepDescriptors(kept, start.inherited));
}

}  // namespace

uint64_t MonotonicNanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

void RunWorker(const WorkerStart& start, const ZygoteConfigFrame& config, HandlerHost& host) {
  Steps steps;
  if (!Confine(start, config, steps)) {
    const StepFailure failure = *steps.failure();
    const StageFailure told{failure.stage, failure.error, failure.detail, 0};
    (void)SendPacket(start.zygote_channel, Encode(ForkFailedFrame{start.worker_id, told}));
    _exit(1);
  }
  const uint64_t confine_ns = MonotonicNanoseconds() - start.asked_at_ns;
  host.Run(static_cast<uint32_t>(confine_ns / 1000));
}

}  // namespace hearth
