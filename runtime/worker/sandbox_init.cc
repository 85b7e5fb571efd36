#include "runtime/worker/sandbox_init.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
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

uint32_t UidInside(const MakeSandboxFrame& request, Privilege privilege) {
  return privilege == Privilege::kRoot ? request.host_uid : kUidInside;
}

PrivateRootPlan RootPlanOf(const MakeSandboxFrame& request, Privilege privilege,
                           std::span<const int> owner_maps, int secrets_fd) {
  PrivateRootPlan root;
  root.host_name = request.name.substr(0, 64);
  root.uid = UidInside(request, privilege);
  root.binds.push_back({request.code_folder, "/var/task", false, true, -1});
  if (!request.layers_folder.empty())
    root.binds.push_back({request.layers_folder, kLayersFolder, false, true, -1});
  for (size_t i = 0; i < request.mounts.size(); ++i) {
    const BindMount& mount = request.mounts[i];
    const int map = i < owner_maps.size() ? owner_maps[i] : -1;
    root.binds.push_back({mount.source, mount.target, mount.writable != 0, false, map});
  }
  if (!request.secrets.empty()) {
    auto& secrets = root.private_files.emplace();
    secrets.target = kSecretsFolder;
    secrets.source = secrets_fd;
    for (const PrivateFile& file : request.secrets) secrets.files.push_back({file.name, file.bytes});
  }
  return root;
}

void NameResolvers(const EgressPlace& place, PrivateRootPlan& root) {
  root.has_network = true;
  for (const Ipv4Address& address : place.resolvers) root.resolvers.push_back(ToString(address));
}

// As KeepDescriptors() has placed them.
std::vector<int> Numbered(size_t first, size_t count) {
  std::vector<int> numbers;
  for (size_t i = 0; i < count; ++i) numbers.push_back(static_cast<int>(first + i));
  return numbers;
}

uint64_t FileBytesMax(const MakeSandboxFrame& request) {
  const bool writes_elsewhere = std::any_of(request.mounts.begin(), request.mounts.end(),
                                            [](const BindMount& mount) { return mount.writable != 0; });
  return std::max(request.tmp_bytes, writes_elsewhere ? kMountedFileBytesMax : 0);
}

ProcessLimits ZygoteLimits(const MakeSandboxFrame& request) {
  ProcessLimits limits;
  limits.open_files = kOpenFilesMax;
  limits.file_bytes = FileBytesMax(request);
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

// Of a child whose descriptors are the channel to init and the executable, 3 and 4, and that has given up what it must.
[[noreturn]] void ExecuteWorker(std::vector<char*> arguments, Steps& steps) {
  char* const environment[] = {nullptr};
  ResetSignals();
  if (steps.At("close executable on exec").Ok(fcntl(4, F_SETFD, FD_CLOEXEC))) {
    (void)steps.At("start hearth-worker")
        .Ok(syscall(SYS_execveat, 4, "", arguments.data(), environment, AT_EMPTY_PATH));
  }
  Fail(3, steps);
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
  const bool ready = steps.At("join cgroup").Ok(joined ? 0 : -1) && steps.At("begin session").Ok(setsid()) &&
                     steps.At("limit resources").Ok(ApplyLimits(ZygoteLimits(plan.request))) &&
                     // The bounding set while CAP_SETPCAP is there; the uid while CAP_SETUID is.
                     steps.At("drop bounding set").Ok(DropBoundingSet()) &&
                     (!root || steps.At("become user").Ok(BecomeUser(plan.request.host_uid))) &&
                     steps.At("drop capabilities").Ok(KeepCapabilities({})) &&
                     steps.At("set no_new_privs").Ok(SetNoNewPrivileges()) &&
                     steps.At("change to /var/task").Ok(chdir("/var/task"));
  if (!ready) Fail(3, steps);
  ExecuteWorker({const_cast<char*>("hearth-worker"), nullptr}, steps);
}

// The same where the function is not known yet. As uid 0, which an exec leaves what its capabilities are.
[[noreturn]] void BecomeBlankWorker(int init_channel, int executable) {
  const int kept[] = {init_channel, executable};
  if (KeepDescriptors(kept) != 0) _exit(1);
  Steps steps;
  const bool ready =
      steps.At("begin session").Ok(setsid()) &&
      steps.At("drop bounding set").Ok(DropBoundingSet({CAP_SETPCAP, CAP_SETUID, CAP_SETGID})) &&
      steps.At("drop capabilities").Ok(KeepCapabilities({CAP_SETPCAP, CAP_SETUID, CAP_SETGID})) &&
      steps.At("set no_new_privs").Ok(SetNoNewPrivileges());
  if (!ready) Fail(3, steps);
  ExecuteWorker({const_cast<char*>("hearth-worker"), const_cast<char*>("blank"), nullptr}, steps);
}

uint64_t LoneWorkerFlags() { return IsOn(Layer::kWorkerPidNamespace) ? CLONE_NEWPID : 0; }

enum class WasBlank { kNo, kYes };

ZygoteConfigFrame ConfigOf(const MakeSandboxFrame& request, const SeccompPrograms& programs,
                           WasBlank was_blank, bool user_namespaces) {
  std::vector<std::string> readable, writable, mounts;
  for (const BindMount& mount : request.mounts) {
    (mount.writable != 0 ? writable : readable).push_back(mount.target);
    mounts.push_back(mount.target);
  }
  if (!request.layers_folder.empty()) readable.push_back(kLayersFolder);
  if (!request.secrets.empty()) readable.push_back(kSecretsFolder);
  return {.seccomp_zygote = programs.zygote,
          .seccomp_worker = was_blank == WasBlank::kYes ? programs.lone_worker : programs.worker,
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
          .layers = request.layers_folder.empty() ? std::string() : kLayersFolder,
          .snapshot = static_cast<uint8_t>(request.snapshot_limit_ms != 0 ? 1 : 0),
          .own_worker = request.own_worker,
          .was_blank = static_cast<uint8_t>(was_blank == WasBlank::kYes ? 1 : 0),
          .host_uid = request.host_uid,
          .user_namespace = static_cast<uint8_t>(user_namespaces ? 1 : 0),
          .file_bytes = FileBytesMax(request),
          .egress = request.egress,
          .tcp_ports = request.tcp_ports};
}

// That of its own worker, or one for all workers where they have none of their own.
bool MountTmp(const MakeSandboxFrame& request, Privilege privilege, Steps& steps) {
  if (IsOn(Layer::kPrivateTmp) && request.own_worker == 0) return true;
  const auto tmpfs =
      MakeDetachedTmpfs(request.tmp_bytes, FilesForTmp(request.tmp_bytes), UidInside(request, privilege));
  if (!tmpfs.ok()) return steps.At("make /tmp").Fail(0, tmpfs.error().message);
  return steps.At("mount /tmp").Ok(MountAt(tmpfs->get(), "/tmp"));
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

namespace {

Status SentOrNot(int fd, const std::string& packet, std::span<const int> fds) {
  const auto sent = SendPacket(fd, packet, fds);
  return sent.ok() ? Ok() : Status(sent.error());
}

// What is left is the right to mount a tmpfs, in a root that cannot be written to, and to kill: whoever else there is
// in this pid namespace.
bool DropPrivilegesOfInit(Steps& steps) {
  return steps.At("drop privileges of init").Ok(DropBoundingSet()) &&
         steps.Ok(KeepCapabilities({CAP_SYS_ADMIN, CAP_KILL})) && steps.Ok(SetNotDumpable()) &&
         steps.Ok(SetNoNewPrivileges());
}

bool InstallFilterOfInit(const SeccompPrograms& programs, Steps& steps) {
  return steps.At("install seccomp filter of init").Ok(InstallSeccomp(programs.init));
}

// Until it waits for its function; what it leaves is the listener of its filter.
UniqueFd AwaitBlankWorker(int worker, const std::string& filter, Steps& steps) {
  UniqueFd listener;
  if (!steps.At("configure worker").Ok(SentOrNot(worker, EncodeAhead(filter), {}))) return {};
  for (;;) {
    pollfd waiting{worker, POLLIN, 0};
    if (poll(&waiting, 1, -1) < 0 && errno != EINTR) _exit(1);
    auto received = ReceivePacket(worker, FdPolicy::kAccept);
    if (!received.ok() || received->kind == ReceivedPacket::Kind::kEndOfFile) {
      (void)steps.At("start hearth-worker").Fail(0, "the process ended without saying why");
      return {};
    }
    if (received->packet.fds.size() == 1) listener = std::move(received->packet.fds[0]);
    if (const auto failed = DecodeSetupFailed(received->packet.bytes)) {
      (void)steps.At(failed->stage).Fail(failed->error, failed->detail);
      return {};
    }
    if (SetupKindOf(received->packet.bytes) == SetupFrameKind::kBlank) return listener;
  }
}

// From the launcher, in two packets: what fits into one is less than a function may have.
struct Function {
  MakeSandboxFrame request;
  std::vector<UniqueFd> fds;    // init's channel to hearthd; the worker's channel, stdout, stderr; tasks
  std::vector<UniqueFd> binds;  // code, mounts
};

constexpr size_t kFdsOfFunction = 4;  // at least

Function WaitForFunction(int setup) {
  auto first = ReceivePacket(setup, FdPolicy::kAccept);
  if (!first.ok() || first->kind != ReceivedPacket::Kind::kPacket) _exit(0);  // the launcher has gone
  auto second = ReceivePacket(setup, FdPolicy::kAccept);
  if (!second.ok() || second->kind != ReceivedPacket::Kind::kPacket) _exit(0);
  auto request = DecodeMakeSandbox(first->packet.bytes);
  if (!request || first->packet.fds.size() < kFdsOfFunction) _exit(1);
  return {std::move(*request), std::move(first->packet.fds), std::move(second->packet.fds)};
}

std::vector<int> Numbers(const std::vector<UniqueFd>& fds, size_t first) {
  std::vector<int> numbers;
  for (size_t i = first; i < fds.size(); ++i) numbers.push_back(fds[i].get());
  return numbers;
}

}  // namespace

void RunSandboxInit(const SandboxInitPlan& plan) {
  // 1. Die with the launcher. If it died already, the next step sees its end closed.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // 2. Nothing of the launcher's stays open.
  std::vector<int> kept{plan.setup_fd, plan.channel_fd, plan.worker_exe_fd};
  kept.insert(kept.end(), plan.zygote_tasks_fds.begin(), plan.zygote_tasks_fds.end());
  kept.insert(kept.end(), plan.owner_maps.begin(), plan.owner_maps.end());
  if (plan.secrets_fd >= 0) kept.push_back(plan.secrets_fd);
  kept.insert(kept.end(), plan.worker_fds.begin(), plan.worker_fds.end());
  if (KeepDescriptors(kept) != 0 || !RedirectStandardStreams()) _exit(1);
  // 3. The launcher has written our id maps: before that, no file could be made.
  if (!WaitForGo()) _exit(1);
  StageSender sender(kSetup);
  Steps steps(&sender);
  // The settings of its network namespace are in the host's /proc.
  if (plan.place && !ConfigureInside(*plan.place, steps)) Fail(kSetup, steps);
  const size_t first_map = kFirstTasks + plan.zygote_tasks_fds.size();
  const std::vector<int> owner_maps = Numbered(first_map, plan.owner_maps.size());
  const size_t first_after = first_map + plan.owner_maps.size();
  const int secrets = plan.secrets_fd >= 0 ? static_cast<int>(first_after) : -1;
  PrivateRootPlan root = RootPlanOf(plan.request, plan.privilege, owner_maps, secrets);
  if (plan.place) NameResolvers(*plan.place, root);
  if (!EnterPrivateRoot(root, steps) || !MountTmp(plan.request, plan.privilege, steps)) Fail(kSetup, steps);
  // 4. The zygote, while there are privileges for it to give up.
  auto pair = MakePacketSocketPair();
  if (!pair.ok()) {
    (void)steps.Fail(0, pair.error().message);
    Fail(kSetup, steps);
  }
  const UniqueFd children(MakeChildSignalFd());
  const uint64_t flags = plan.request.own_worker != 0 ? LoneWorkerFlags() : 0;
  const pid_t zygote = steps.At("fork zygote").Ok(children.get()) ? CloneProcess(flags) : -1;
  if (zygote == 0) BecomeZygote(plan, pair->theirs.get());
  if (!steps.Ok(zygote)) Fail(kSetup, steps);
  pair->theirs.Reset();
  const std::vector<int> worker_fds = Numbered(first_after + (secrets >= 0 ? 1 : 0), plan.worker_fds.size());
  const ZygoteConfigFrame config = ConfigOf(plan.request, plan.programs, WasBlank::kNo, plan.user_namespaces);
  if (!DropPrivilegesOfInit(steps) || !InstallFilterOfInit(plan.programs, steps) ||
      !steps.At("configure zygote").Ok(SentOrNot(pair->ours.get(), Encode(config), worker_fds)))
    Fail(kSetup, steps);
  for (int fd = kExecutable; fd < kSetup + static_cast<int>(kept.size()); ++fd) close(fd);
  InitLoop loop({.setup = kSetup,
                 .channel = kChannel,
                 .zygote = pair->ours.get(),
                 .children = children.get(),
                 .zygote_pid = zygote,
                 .tmp_bytes = plan.request.tmp_bytes,
                 .tmp_uid = UidInside(plan.request, plan.privilege),
                 .own_worker = plan.request.own_worker});
  loop.Run();
}

void RunBlankInit(const BlankInitPlan& plan) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int kept[] = {plan.setup_fd, plan.worker_exe_fd};
  if (KeepDescriptors(kept) != 0 || !RedirectStandardStreams()) _exit(1);
  constexpr int kBlankExecutable = kSetup + 1;
  Steps steps;
  if (!EnterBlankRoot(steps)) Fail(kSetup, steps);
  auto pair = MakePacketSocketPair();
  const UniqueFd children(MakeChildSignalFd());
  if (!pair.ok() || !children) _exit(1);
  const pid_t worker = CloneProcess(LoneWorkerFlags());
  if (worker == 0) BecomeBlankWorker(pair->theirs.get(), kBlankExecutable);
  if (!steps.At("fork worker").Ok(worker)) Fail(kSetup, steps);
  pair->theirs.Reset();
  close(kBlankExecutable);
  UniqueFd listener = AwaitBlankWorker(pair->ours.get(), plan.programs.blank_worker, steps);
  // What fills the root later is the right to mount, and that the root is its own.
  if (!listener || !DropPrivilegesOfInit(steps)) Fail(kSetup, steps);
  if (!SendPacket(kSetup, EncodeBlank()).ok()) _exit(0);
  // Here it waits until it is somebody's.
  Function function = WaitForFunction(kSetup);
  Steps filling;  // each is some microseconds: it is told which one failed, not which one is under way
  const MakeSandboxFrame& request = function.request;
  // The worker joins its groups and becomes its user meanwhile.
  const ZygoteConfigFrame config = ConfigOf(request, plan.programs, WasBlank::kYes, plan.user_namespaces);
  const std::vector<int> for_worker = Numbers(function.fds, 1);
  const bool filled =
      filling.At("configure worker").Ok(SentOrNot(pair->ours.get(), Encode(config), for_worker)) &&
      FillBlankRoot(RootPlanOf(request, Privilege::kRoot, {}, -1), Numbers(function.binds, 0), filling) &&
      MountTmp(request, Privilege::kRoot, filling) &&
      filling.At("configure worker").Ok(SentOrNot(pair->ours.get(), "files", {})) &&
      InstallFilterOfInit(plan.programs, filling);
  if (!filled) Fail(kSetup, filling);
  const int channel = function.fds.front().Release();
  function.fds.clear();
  function.binds.clear();
  InitLoop loop({.setup = kSetup,
                 .channel = channel,
                 .zygote = pair->ours.get(),
                 .children = children.get(),
                 .zygote_pid = worker,
                 .tmp_bytes = request.tmp_bytes,
                 .tmp_uid = request.host_uid,
                 .own_worker = request.own_worker},
                std::move(listener));
  loop.Run();
}

std::optional<StageFailure> SendFunction(int setup, const MakeSandboxFrame& request, int channel,
                                         std::span<const int> worker_and_tasks,
                                         std::span<const int> owner_maps, int secrets) {
  Steps steps;
  std::vector<UniqueFd> binds;
  if (!TakeBinds(RootPlanOf(request, Privilege::kRoot, owner_maps, secrets), steps, binds)) {
    const StepFailure failure = *steps.failure();
    return StageFailure{failure.stage, failure.error, failure.detail, 0};
  }
  std::vector<int> fds{channel};
  fds.insert(fds.end(), worker_and_tasks.begin(), worker_and_tasks.end());
  const bool sent =
      steps.At("give a blank sandbox its function").Ok(SentOrNot(setup, Encode(request), fds)) &&
      steps.Ok(SentOrNot(setup, "binds", Numbers(binds, 0)));
  if (sent) return std::nullopt;
  return StageFailure{steps.stage(), 0, steps.failure()->detail, 0};
}

}  // namespace hearth
