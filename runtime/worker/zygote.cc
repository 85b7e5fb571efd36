#include "runtime/worker/zygote.h"

#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "runtime/wire/packet.h"
#include "runtime/worker/crash_handler.h"
#include "runtime/worker/handler_host.h"
#include "runtime/worker/library_loader.h"
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
               .memory_bytes = config.memory_bytes}) {
    syscall(SYS_get_robust_list, 0, &robust_list_, &robust_list_size_);
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
  // libc's list of held robust mutexes: the kernel forgets it in a raw clone.
  void* robust_list_ = nullptr;
  size_t robust_list_size_ = 0;
};

}  // namespace

void RunZygote(int channel, const ZygoteConfigFrame& config) {
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
  (void)SendPacket(channel, EncodeLoaded());
  Zygote(channel, config, *std::get<const hearth_function*>(loaded), found).Run();
}

}  // namespace hearth
