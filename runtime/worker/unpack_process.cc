#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/wire/packet.h"
#include "runtime/worker/unpack.h"
#include "sandbox/privileges.h"
#include "sandbox/seccomp_filter.h"
#include "sandbox/steps.h"

namespace hearth {
namespace {

constexpr int kZip = 3, kFolder = 4, kReport = 5;
constexpr uint64_t kMemoryMax = 256u << 20;
constexpr uint64_t kCpuSecondsMax = 50;

[[noreturn]] void Refuse(const std::string& why) {
  (void)SendPacket(kReport, why.substr(0, 4096));
  _exit(1);
}

// An empty tmpfs as root: what is not open already cannot be reached by any path.
bool Confine(const UnpackPlan& plan, Steps& steps) {
  ProcessLimits limits;
  limits.open_files = 64;
  limits.file_bytes = plan.request.bytes_max;
  limits.data_bytes = kMemoryMax;
  limits.cpu_seconds = kCpuSecondsMax;
  return steps.At("make mounts private").Ok(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr)) &&
         steps.At("mount empty root").Ok(mount("tmpfs", "/tmp", "tmpfs", MS_RDONLY | MS_NOSUID, "size=4k")) &&
         steps.At("enter empty root").Ok(chdir("/tmp")) &&
         steps.At("pivot_root").Ok(syscall(SYS_pivot_root, ".", ".")) &&
         steps.At("unmount old root").Ok(umount2(".", MNT_DETACH)) &&
         steps.At("change to root").Ok(chdir("/")) && steps.At("limit resources").Ok(ApplyLimits(limits)) &&
         steps.At("drop bounding set").Ok(DropBoundingSet()) &&
         steps.At("drop capabilities").Ok(KeepCapabilities({})) &&
         steps.At("set no_new_privs").Ok(SetNoNewPrivileges()) &&
         steps.At("install seccomp filter").Ok(InstallSeccomp(plan.seccomp));
}

}  // namespace

void RunUnpacker(const UnpackPlan& plan) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int kept[] = {plan.zip_fd, plan.folder_fd, plan.report_fd};
  if (KeepDescriptors(kept) != 0) _exit(1);
  const auto go = ReceivePacket(kReport, FdPolicy::kRefuse);
  if (!go.ok() || go->kind != ReceivedPacket::Kind::kPacket) _exit(1);
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int standard : {0, 1, 2}) dup2(null, standard);
  close(null);
  Steps steps;
  if (!Confine(plan, steps)) {
    Refuse("unpack: " + steps.failure()->stage + ": " + ErrnoError("", steps.failure()->error).message);
  }
  const std::string refused = UnpackInto(kZip, kFolder, plan.request.bytes_max, plan.request.entries_max);
  if (!refused.empty()) Refuse(refused);
  _exit(0);
}

}  // namespace hearth
