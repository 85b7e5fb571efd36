#include "runtime/worker/zygote.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <set>
#include <utility>

#include "runtime/wire/packet.h"
#include "runtime/worker/crash_handler.h"
#include "runtime/worker/handler_host.h"
#include "runtime/worker/library_loader.h"
#include "runtime/worker/stages.h"
#include "runtime/worker/worker_process.h"
#include "runtime/worker/worker_setup.h"
#include "sandbox/landlock.h"
#include "sandbox/namespaces.h"
#include "sandbox/privileges.h"
#include "sandbox/seccomp_policy.h"

namespace hearth {
namespace {

std::vector<FileGrant> FilesOfWorkers(const ZygoteConfigFrame& config) {
  std::vector<FileGrant> files = GrantsOfAll();
  for (FileGrant& grant : GrantsOf(config)) files.push_back(std::move(grant));
  return files;
}

// From a channel that is ours no descriptor of the author's may be made: a copy of it would reach all workers.
struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

std::optional<FileIdentity> IdentityOf(int fd) {
  struct stat info {};
  if (fstat(fd, &info) != 0) return std::nullopt;
  return FileIdentity{info.st_dev, info.st_ino};
}

std::set<int> OpenDescriptors() {
  std::set<int> open;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  for (int fd = 0; fd < static_cast<int>(limit.rlim_cur); ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) open.insert(fd);
  }
  return open;
}

// A thread that was joined may still be on its way out.
bool LeavesThreads() {
  constexpr int kLooks = 200;
  constexpr int kBetween_ms = 1;
  for (int look = 0; look < kLooks; ++look) {
    if (!HasThreads()) return false;
    poll(nullptr, 0, kBetween_ms);
  }
  return true;
}

class Zygote final {
 public:
  // What a filter keeps from it afterwards.
  struct Found {
    int landlock_abi = 0;
    int* cached_thread_id = nullptr;
  };

  Zygote(int channel, const ZygoteConfigFrame& config, const hearth_function& functions, const Found& found)
      : channel_(channel),
        config_(config),
        found_(found),
        files_(FilesOfWorkers(config)),
        tcp_(TcpOf(config)),
        host_(kWorkerChannel, functions,
              {.function_name = config.function_name,
               .function_version = config.function_version,
               .memory_bytes = config.memory_bytes,
               .snap_start = config.snapshot != 0}) {
    syscall(SYS_get_robust_list, 0, &robust_list_, &robust_list_size_);
  }

  // Runs init here, so that workers are copies of what it has left. Nothing of ours that it needs for that is open
  // afterwards; what it has opened itself is theirs too.
  std::optional<StageFailure> TakeSnapshot(std::vector<UniqueFd> fds, StepObserver& stages) {
    constexpr size_t kFdsOfInit = 3;
    if (fds.size() != kFdsOfInit)
      return StageFailure{"take descriptors", EINVAL, "channel, stdout and stderr are missing", 0};
    const UniqueFd nothing(fcntl(0, F_DUPFD_CLOEXEC, 3));  // what is behind the standard streams until here
    if (!nothing || dup2(fds[1].get(), 1) != 1 || dup2(fds[2].get(), 2) != 2)
      return StageFailure{"redirect stdout and stderr", errno, {}, 0};
    std::vector<std::optional<FileIdentity>> ours{IdentityOf(channel_)};
    for (const UniqueFd& fd : fds) ours.push_back(IdentityOf(fd.get()));
    const std::set<int> before = OpenDescriptors();
    if (auto failure = host_.RunToSnapshot(fds[0].get(), stages)) return failure;
    stages.Entered(kStageSnapshotThreads);
    if (LeavesThreads()) {
      return host_.Refuse(
          kStageSnapshotThreads,
          {"Hearth.SnapshotThreads",
           "init or before_checkpoint leaves threads behind, and a copy of a process has one: end and "
           "join them in before_checkpoint, start them again in after_restore",
           {}});
    }
    host_.SayReady();
    host_.BecomeOriginal();
    dup2(nothing.get(), 1);
    dup2(nothing.get(), 2);
    for (const int fd : OpenDescriptors()) {
      if (before.contains(fd)) continue;
      const bool is_ours = std::find(ours.begin(), ours.end(), IdentityOf(fd)) != ours.end();
      is_ours ? static_cast<void>(close(fd)) : inherited_.push_back(fd);
    }
    return std::nullopt;
  }

  [[noreturn]] void Run() {
    for (;;) {
      PrepareRuleset();
      auto received = ReceivePacket(channel_, FdPolicy::kAccept);
      const uint64_t received_at = MonotonicNanoseconds();
      if (!received.ok()) continue;
      if (received->kind != ReceivedPacket::Kind::kPacket) _exit(0);
      const auto request = DecodeForkWorker(received->packet.bytes);
      if (request && received->packet.fds.size() >= 4)
        Fork(request->worker_id, received->packet.fds, received_at);
    }
  }

 private:
  // While nobody waits for it. A worker adds its own /tmp to it, so that each needs a new one.
  void PrepareRuleset() {
    if (ruleset_ || found_.landlock_abi < kLandlockAbiOfFiles) return;
    ruleset_.Reset(MakeRuleset(found_.landlock_abi, files_, tcp_));
  }

  void Fork(uint64_t worker_id, const std::vector<UniqueFd>& fds, uint64_t received_at) {
    const pid_t pid = CloneProcess(WorkerCloneFlags(), found_.cached_thread_id);
    if (pid == 0) {
      if (!ruleset_) files_.push_back(tmp_);
      WorkerStart start{.worker_id = worker_id,
                        .zygote_channel = channel_,
                        .channel = fds[0].get(),
                        .standard_output = fds[1].get(),
                        .standard_error = fds[2].get(),
                        .tmp_mount = fds[3].get(),
                        .cgroup_tasks = {},
                        .asked_at_ns = received_at,
                        .robust_list = robust_list_,
                        .robust_list_size = robust_list_size_,
                        .landlock_abi = found_.landlock_abi,
                        .ruleset = ruleset_.get(),
                        .files = ruleset_ ? std::span<const FileGrant>(&tmp_, 1) : files_,
                        .inherited = inherited_,
                        .tcp = tcp_};
      for (size_t i = 4; i < fds.size(); ++i) start.cgroup_tasks.push_back(fds[i].get());
      RunWorker(start, config_, host_);
    }
    const std::string answer = pid > 0 ? Encode(WorkerForkedFrame{worker_id, pid})
                                       : Encode(ForkFailedFrame{worker_id, {"clone worker", errno, {}, 0}});
    (void)SendPacket(channel_, answer);
    ruleset_.Reset();
  }

  const int channel_;
  const ZygoteConfigFrame& config_;
  const Found found_;
  const FileGrant tmp_{"/tmp", FileAccess::kReadWrite};
  std::vector<FileGrant> files_;
  const TcpAccess tcp_;
  UniqueFd ruleset_;  // the next worker's
  HandlerHost host_;
  std::vector<int> inherited_;  // descriptors that a snapshot's init has left, in order
  // libc's list of held robust mutexes: the kernel forgets it in a raw clone.
  void* robust_list_ = nullptr;
  size_t robust_list_size_ = 0;
};

}  // namespace

void RunZygote(int channel, const ZygoteConfigFrame& config, std::vector<UniqueFd> fds) {
  StageSender sender(channel);
  const Zygote::Found found{LandlockAbi(), CachedThreadId()};
  if (!config.mounts.empty()) (void)SendPacket(channel, EncodeMounts(AccessTo(config.mounts)));
  sender.Entered("install seccomp filter");
  InstallListenedFilter(channel, config.seccomp_zygote);
  ApplyEnvironment(config);
  if (InstallCrashHandler() != 0) FailSetup(channel, {"handle crashes", errno, {}, 0});
  const auto loaded = LoadHandlerLibrary(kPackageFolder, config.library, config.symbol, Threads::kNone,
                                         SearchOfThisHost({kPackageFolder, config.layers}), sender);
  if (const auto* failure = std::get_if<StageFailure>(&loaded)) FailSetup(channel, *failure);
  ResetSignals();  // those of the library, which each worker would have
  if (RearmCrashHandler() != 0) FailSetup(channel, {"handle crashes", errno, {}, 0});
  Zygote zygote(channel, config, *std::get<const hearth_function*>(loaded), found);
  if (config.snapshot != 0) {
    if (const auto failure = zygote.TakeSnapshot(std::move(fds), sender)) FailSetup(channel, *failure);
  }
  (void)SendPacket(channel, EncodeLoaded());
  zygote.Run();
}

}  // namespace hearth
