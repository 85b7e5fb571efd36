#include "runtime/worker/zygote.h"

#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "runtime/wire/packet.h"
#include "runtime/worker/library_loader.h"
#include "runtime/worker/setup_frames.h"
#include "runtime/worker/worker_process.h"
#include "sandbox/namespaces.h"
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

class Zygote final {
 public:
  Zygote(int channel, const ZygoteConfigFrame& config, const hearth_function* functions)
      : channel_(channel), config_(config), functions_(functions) {
    syscall(SYS_get_robust_list, 0, &robust_list_, &robust_list_size_);
  }

  [[noreturn]] void Run() {
    for (;;) {
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
  void Fork(uint64_t worker_id, const std::vector<UniqueFd>& fds, uint64_t received_at) {
    const pid_t pid = CloneProcess(WorkerCloneFlags());
    if (pid == 0) {
      WorkerStart start{.worker_id = worker_id,
                        .zygote_channel = channel_,
                        .channel = fds[0].get(),
                        .standard_output = fds[1].get(),
                        .standard_error = fds[2].get(),
                        .tmp_mount = fds[3].get(),
                        .cgroup_tasks = {},
                        .asked_at_ns = received_at,
                        .robust_list = robust_list_,
                        .robust_list_size = robust_list_size_};
      for (size_t i = 4; i < fds.size(); ++i) start.cgroup_tasks.push_back(fds[i].get());
      RunWorker(start, config_, *functions_);
    }
    const std::string answer = pid > 0 ? Encode(WorkerForkedFrame{worker_id, pid})
                                       : Encode(ForkFailedFrame{worker_id, {"clone worker", errno, {}, 0}});
    (void)SendPacket(channel_, answer);
  }

  const int channel_;
  const ZygoteConfigFrame& config_;
  const hearth_function* const functions_;
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
  sender.Entered("install seccomp filter");
  if (InstallSeccomp(config.seccomp_zygote) != 0) Fail(channel, {"install seccomp filter", errno, {}, 0});
  ApplyEnvironment(config);
  const auto loaded = LoadHandlerLibrary(kPackageFolder, config.library, config.symbol, sender);
  if (const auto* failure = std::get_if<StageFailure>(&loaded)) Fail(channel, *failure);
  (void)SendPacket(channel, EncodeLoaded());
  Zygote(channel, config, std::get<const hearth_function*>(loaded)).Run();
}

}  // namespace hearth
