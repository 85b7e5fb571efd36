#include "runtime/worker/sandbox_init.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "runtime/wire/packet.h"
#include "runtime/worker/init_loop.h"
#include "runtime/worker/setup_frames.h"
#include "sandbox/layers.h"
#include "sandbox/private_root.h"
#include "sandbox/privileges.h"
#include "sandbox/seccomp_filter.h"

namespace hearth {
namespace {

// Where init keeps its descriptors, from KeepDescriptors() on.
constexpr int kSetup = 3, kChannel = 4, kExecutable = 5, kFirstTasks = 6;

constexpr const char* kLayersFolder = "/opt";
constexpr const char* kSecretsFolder = "/run/secrets";
constexpr size_t kPrivateFilesMax = 64;
constexpr uint64_t kPrivateFileBytesMax = 1 << 20;
constexpr size_t kMountsMax = 12;  // each holds a descriptor while the root is made
constexpr uint64_t kOpenFilesMax = 1024;
// Of one file in a writable mount: as S3 limits one upload. Without such mounts /tmp is the limit.
constexpr uint64_t kMountedFileBytesMax = 5ULL << 30;

class StageSender final : public StepObserver {
 public:
  explicit StageSender(int fd) : fd_(fd) {}
  void Entered(std::string_view stage) override { (void)SendPacket(fd_, EncodeStage(stage)); }

 private:
  const int fd_;
};

[[noreturn]] void Fail(int fd, const Steps& steps) {
  const StepFailure failure = steps.failure().value_or(StepFailure{steps.stage(), 0, "failed"});
  (void)SendPacket(fd, EncodeSetupFailed({failure.stage, failure.error, failure.detail, 0}));
  _exit(1);
}

bool WaitForGo() {
  const auto go = ReceivePacket(kSetup, FdPolicy::kRefuse);
  return go.ok() && go->kind == ReceivedPacket::Kind::kPacket;
}

bool RedirectStandardStreams() {
  const UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  return null.valid() && dup2(null.get(), 0) == 0 && dup2(null.get(), 1) == 1 && dup2(null.get(), 2) == 2;
}

uint32_t UidInside(const SandboxInitPlan& plan) {
  return plan.privilege == Privilege::kRoot ? plan.request.host_uid : kUidInside;
}

PrivateRootPlan RootPlanOf(const SandboxInitPlan& plan) {
  PrivateRootPlan root;
  root.host_name = plan.request.name.substr(0, 64);
  root.uid = UidInside(plan);
  root.binds.push_back({plan.request.code_folder, "/var/task", false, true, -1});
  if (!plan.request.layers_folder.empty())
    root.binds.push_back({plan.request.layers_folder, kLayersFolder, false, true, -1});
  int owner_map = kFirstTasks + static_cast<int>(plan.zygote_tasks_fds.size());
  for (const BindMount& mount : plan.request.mounts) {
    const int map = plan.owner_maps.empty() ? -1 : owner_map++;
    root.binds.push_back({mount.source, mount.target, mount.writable != 0, false, map});
  }
  if (plan.secrets_fd >= 0) {
    auto& secrets = root.private_files.emplace();
    secrets.target = kSecretsFolder;
    secrets.source = owner_map;  // it was kept behind them
    for (const PrivateFile& file : plan.request.secrets) secrets.files.push_back({file.name, file.bytes});
  }
  return root;
}

ProcessLimits ZygoteLimits(const MakeSandboxFrame& request) {
  ProcessLimits limits;
  limits.open_files = kOpenFilesMax;
  const bool writes_elsewhere = std::any_of(request.mounts.begin(), request.mounts.end(),
                                            [](const BindMount& mount) { return mount.writable != 0; });
  limits.file_bytes = std::max(request.tmp_bytes, writes_elsewhere ? kMountedFileBytesMax : 0);
  if (request.has_memory_cgroup == 0) limits.data_bytes = request.memory_bytes;
  return limits;
}

bool JoinCgroups(size_t count) {
  if (!IsOn(Layer::kCgroup)) return true;
  for (size_t i = 0; i < count; ++i) {
    if (write(kFirstTasks + static_cast<int>(i), "0", 1) != 1) return false;
  }
  return true;
}

// The child that becomes the zygote: gives up everything, then exec, so that nothing of the launcher's memory
// is left and the address layout is its own.
[[noreturn]] void BecomeZygote(const SandboxInitPlan& plan, int init_channel) {
  const size_t tasks = plan.zygote_tasks_fds.size();
  const bool joined = JoinCgroups(tasks);
  const int kept[] = {init_channel, kExecutable};
  if (KeepDescriptors(kept) != 0) _exit(1);
  StageSender sender(3);
  Steps steps(&sender);
  const bool root = plan.privilege == Privilege::kRoot;
  char* const arguments[] = {const_cast<char*>("hearth-worker"), nullptr};
  char* const environment[] = {nullptr};
  const bool ready = steps.At("join cgroup").Ok(joined ? 0 : -1) && steps.At("begin session").Ok(setsid()) &&
                     steps.At("limit resources").Ok(ApplyLimits(ZygoteLimits(plan.request))) &&
                     // The bounding set while CAP_SETPCAP is there; the uid while CAP_SETUID is.
                     steps.At("drop bounding set").Ok(DropBoundingSet()) &&
                     (!root || steps.At("become user").Ok(BecomeUser(plan.request.host_uid))) &&
                     steps.At("drop capabilities").Ok(KeepCapabilities({})) &&
                     steps.At("set no_new_privs").Ok(SetNoNewPrivileges()) &&
                     steps.At("change to /var/task").Ok(chdir("/var/task")) &&
                     steps.At("close executable on exec").Ok(fcntl(4, F_SETFD, FD_CLOEXEC));
  ResetSignals();
  if (ready) {
    (void)steps.At("start hearth-worker")
        .Ok(syscall(SYS_execveat, 4, "", arguments, environment, AT_EMPTY_PATH));
  }
  Fail(3, steps);
}

ZygoteConfigFrame ConfigOf(const SandboxInitPlan& plan) {
  const MakeSandboxFrame& request = plan.request;
  std::vector<std::string> readable, writable, mounts;
  for (const BindMount& mount : request.mounts) {
    (mount.writable != 0 ? writable : readable).push_back(mount.target);
    mounts.push_back(mount.target);
  }
  if (!request.layers_folder.empty()) readable.push_back(kLayersFolder);
  if (!request.secrets.empty()) readable.push_back(kSecretsFolder);
  return {.seccomp_zygote = plan.programs.zygote,
          .seccomp_worker = plan.programs.worker,
          .library = request.library,
          .symbol = request.symbol,
          .function_name = request.function_name,
          .function_version = request.function_version,
          .memory_bytes = request.memory_bytes,
          .pids_max = request.pids_max,
          .has_memory_cgroup = request.has_memory_cgroup,
          .environment = request.environment,
          .readable = std::move(readable),
          .writable = std::move(writable),
          .mounts = std::move(mounts),
          .layers = request.layers_folder.empty() ? std::string() : kLayersFolder};
}

// One /tmp for all workers, where they have none of their own.
bool ShareTmp(const SandboxInitPlan& plan, Steps& steps) {
  if (IsOn(Layer::kPrivateTmp)) return true;
  const auto tmpfs = MakeDetachedTmpfs(plan.request.tmp_bytes, 1024, UidInside(plan));
  return tmpfs.ok() && steps.At("share /tmp").Ok(MountAt(tmpfs->get(), "/tmp"));
}

int MakeChildSignalFd() {
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  if (sigprocmask(SIG_SETMASK, &child, nullptr) != 0) return -1;
  return signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
}

}  // namespace

std::string CheckSandboxRequest(const MakeSandboxFrame& request, Privilege privilege) {
  if (privilege == Privilege::kRoot && request.host_uid == 0)
    return "a sandbox of root needs a host uid of its own";
  if (request.library.empty() || request.library.front() == '/' ||
      request.library.find("..") != std::string::npos) {
    return "the library must be a file below the code folder: " + request.library;
  }
  if (request.mounts.size() > kMountsMax) return "more than " + std::to_string(kMountsMax) + " mounts";
  for (const BindMount& mount : request.mounts) {
    if (!mount.target.starts_with("/mnt/") || mount.target.find("/..") != std::string::npos ||
        mount.target.ends_with('/')) {
      return "a mount must be below /mnt: " + mount.target;
    }
  }
  if (request.secrets.size() > kPrivateFilesMax)
    return "more than " + std::to_string(kPrivateFilesMax) + " secrets";
  for (const PrivateFile& file : request.secrets) {
    const bool plain = !file.name.empty() && file.name != "." && file.name != ".." &&
                       file.name.find('/') == std::string::npos && file.name.size() <= 255;
    if (!plain || file.bytes > kPrivateFileBytesMax) return "a secret has no name or size for a file";
  }
  return {};
}

void RunSandboxInit(const SandboxInitPlan& plan) {
  // 1. Die with the launcher. If it died already, the next step sees its end closed.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // 2. Nothing of the launcher's stays open.
  std::vector<int> kept{plan.setup_fd, plan.channel_fd, plan.worker_exe_fd};
  kept.insert(kept.end(), plan.zygote_tasks_fds.begin(), plan.zygote_tasks_fds.end());
  kept.insert(kept.end(), plan.owner_maps.begin(), plan.owner_maps.end());
  if (plan.secrets_fd >= 0) kept.push_back(plan.secrets_fd);
  if (KeepDescriptors(kept) != 0 || !RedirectStandardStreams()) _exit(1);
  // 3. The launcher has written our id maps: before that, no file could be made.
  if (!WaitForGo()) _exit(1);
  StageSender sender(kSetup);
  Steps steps(&sender);
  if (!EnterPrivateRoot(RootPlanOf(plan), steps) || !ShareTmp(plan, steps)) Fail(kSetup, steps);
  // 4. The zygote, while there are privileges for it to give up.
  auto pair = MakePacketSocketPair();
  if (!pair.ok()) {
    (void)steps.Fail(0, pair.error().message);
    Fail(kSetup, steps);
  }
  const UniqueFd children(MakeChildSignalFd());
  const pid_t zygote = steps.At("fork zygote").Ok(children.get()) ? CloneProcess(0) : -1;
  if (zygote == 0) BecomeZygote(plan, pair->theirs.get());
  if (!steps.Ok(zygote)) Fail(kSetup, steps);
  pair->theirs.Reset();
  close(kExecutable);
  for (int fd = kFirstTasks; fd < kSetup + static_cast<int>(kept.size()); ++fd) close(fd);
  // 5. What is left is the right to mount a tmpfs, in a root that cannot be written to, and to kill: whoever
  // else there is in this pid namespace.
  const ZygoteConfigFrame config = ConfigOf(plan);
  const bool dropped = steps.At("drop privileges of init").Ok(DropBoundingSet()) &&
                       steps.Ok(KeepCapabilities({CAP_SYS_ADMIN, CAP_KILL})) && steps.Ok(SetNotDumpable()) &&
                       steps.Ok(SetNoNewPrivileges()) && steps.Ok(InstallSeccomp(plan.programs.init)) &&
                       steps.At("configure zygote").Ok([&] {
                         const auto sent = SendPacket(pair->ours.get(), Encode(config));
                         return sent.ok() ? Ok() : Status(sent.error());
                       }());
  if (!dropped) Fail(kSetup, steps);
  InitLoop loop({.setup = kSetup,
                 .channel = kChannel,
                 .zygote = pair->ours.get(),
                 .children = children.get(),
                 .zygote_pid = zygote,
                 .tmp_bytes = plan.request.tmp_bytes,
                 .tmp_uid = UidInside(plan)});
  loop.Run();
}

}  // namespace hearth
