#include "runtime/worker/zygote.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "runtime/wire/packet.h"
#include "runtime/worker/crash_handler.h"
#include "runtime/worker/handler_host.h"
#include "runtime/worker/library_loader.h"
#include "runtime/worker/setup_frames.h"
#include "runtime/worker/worker_process.h"
#include "sandbox/landlock.h"
#include "sandbox/namespaces.h"
#include "sandbox/private_root.h"
#include "sandbox/privileges.h"
#include "sandbox/seccomp_filter.h"

namespace hearth {
namespace {

constexpr const char* kPackageFolder = "/var/task";

class StageSender final : public StepObserver {
 public:
  explicit StageSender(int fd) : fd_(fd) {}
  void Entered(std::string_view stage) override { (void)SendPacket(fd_, EncodeStage(stage)); }

 private:
  const int fd_;
};

[[noreturn]] void Fail(int channel, const StageFailure& failure) {
  (void)SendPacket(channel, EncodeSetupFailed(failure));
  _exit(1);
}

ZygoteConfigFrame ReceiveConfig(int channel) {
  const auto received = ReceivePacket(channel, FdPolicy::kRefuse);
  if (!received.ok() || received->kind != ReceivedPacket::Kind::kPacket) _exit(0);
  auto config = DecodeZygoteConfig(received->packet.bytes);
  if (!config) Fail(channel, {"read configuration", EBADMSG, "init and worker are of different versions", 0});
  return std::move(*config);
}

// The author's own, and only after exec: the loader of this executable must not hear of LD_PRELOAD and the
// like.
void ApplyEnvironment(const ZygoteConfigFrame& config) {
  clearenv();
  for (const std::string& pair : config.environment) {
    const size_t equals = pair.find('=');
    if (equals == std::string::npos) continue;
    setenv(pair.substr(0, equals).c_str(), pair.c_str() + equals + 1, 1);
  }
}

// All that a worker may open, beyond what namespaces and mounts leave of the host; its /tmp is not there yet.
std::vector<FileGrant> FilesOfWorkers(const ZygoteConfigFrame& config) {
  std::vector<FileGrant> files;
  for (const std::string& folder : LibraryFolders()) files.push_back({folder, FileAccess::kRead});
  files.push_back({"/etc", FileAccess::kRead});
  files.push_back({"/dev", FileAccess::kDevices});
  files.push_back({kPackageFolder, FileAccess::kRead});
  for (const std::string& folder : config.readable) files.push_back({folder, FileAccess::kRead});
  for (const std::string& folder : config.writable) files.push_back({folder, FileAccess::kReadWrite});
  return files;
}

// As the function's user, which this process already is. A read-only mount is not written to whoever asks.
std::vector<MountAccess> AccessTo(const std::vector<std::string>& mounts) {
  std::vector<MountAccess> all;
  for (const std::string& mount : mounts) {
    struct stat info {};
    MountAccess& access = all.emplace_back();
    access.owned = stat(mount.c_str(), &info) == 0 && info.st_uid == geteuid() ? 1 : 0;
    if (faccessat(AT_FDCWD, mount.c_str(), R_OK | X_OK, 0) != 0) access.read_error = errno;
    if (faccessat(AT_FDCWD, mount.c_str(), W_OK | X_OK, 0) != 0) access.write_error = errno;
  }
  return all;
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
    ruleset_.Reset(MakeRuleset(found_.landlock_abi, files_));
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
                        .files = ruleset_ ? std::span<const FileGrant>(&tmp_, 1) : files_};
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
  UniqueFd ruleset_;  // the next worker's
  HandlerHost host_;
  // libc's list of held robust mutexes: the kernel forgets it in a raw clone.
  void* robust_list_ = nullptr;
  size_t robust_list_size_ = 0;
};

}  // namespace

void RunZygote(int channel) {
  // Before exec it could not be set, and exec has set it back.
  SetNotDumpable();
  StageSender sender(channel);
  const ZygoteConfigFrame config = ReceiveConfig(channel);
  const Zygote::Found found{LandlockAbi(), CachedThreadId()};
  if (!config.mounts.empty()) (void)SendPacket(channel, EncodeMounts(AccessTo(config.mounts)));
  sender.Entered("install seccomp filter");
  {
    // Init gets the listener, before anything of the author's could.
    const UniqueFd listener(InstallSeccompWithListener(config.seccomp_zygote));
    if (!listener) Fail(channel, {"install seccomp filter", errno, {}, 0});
    const int fds[] = {listener.get()};
    if (!SendPacket(channel, EncodeListener(), fds).ok()) _exit(1);
  }
  ApplyEnvironment(config);
  if (InstallCrashHandler() != 0) Fail(channel, {"handle crashes", errno, {}, 0});
  const auto loaded =
      LoadHandlerLibrary({kPackageFolder, config.layers}, config.library, config.symbol, sender);
  if (const auto* failure = std::get_if<StageFailure>(&loaded)) Fail(channel, *failure);
  ResetSignals();  // those of the library, which each worker would have
  if (RearmCrashHandler() != 0) Fail(channel, {"handle crashes", errno, {}, 0});
  (void)SendPacket(channel, EncodeLoaded());
  Zygote(channel, config, *std::get<const hearth_function*>(loaded), found).Run();
}

}  // namespace hearth
