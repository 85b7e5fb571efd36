#include "runtime/worker/lone_worker.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>

#include "runtime/wire/packet.h"
#include "runtime/worker/crash_handler.h"
#include "runtime/worker/handler_host.h"
#include "runtime/worker/library_loader.h"
#include "runtime/worker/stages.h"
#include "runtime/worker/worker_process.h"
#include "runtime/worker/worker_setup.h"
#include "sandbox/layers.h"
#include "sandbox/privileges.h"
#include "sandbox/seccomp_filter.h"

namespace hearth {
namespace {

constexpr size_t kFirstTasks = 3;  // of the descriptors that came with the configuration
constexpr uint64_t kOpenFilesMax = 1024;

bool JoinCgroups(const std::vector<UniqueFd>& fds) {
  if (!IsOn(Layer::kCgroup)) return true;
  for (size_t i = kFirstTasks; i < fds.size(); ++i) {
    if (write(fds[i].get(), "0", 1) != 1) return false;
  }
  return true;
}

// What BecomeZygote() does before the exec where the function is known by then.
bool BecomeFunctions(const ZygoteConfigFrame& config, Steps& steps) {
  ProcessLimits limits;
  limits.open_files = kOpenFilesMax;
  limits.file_bytes = config.file_bytes;
  if (config.has_memory_cgroup == 0) limits.data_bytes = config.memory_bytes;
  return steps.At("limit resources").Ok(ApplyLimits(limits)) &&
         steps.At("drop bounding set").Ok(DropBoundingSet()) &&
         steps.At("become user").Ok(BecomeUser(config.host_uid));
}

// As a fork of a zygote gets one with its clone: what could still be had of capabilities would be good for nothing outside
// of it. It comes with all of them.
bool EnterUserNamespace(Steps& steps) {
  return steps.At("make user namespace").Ok(unshare(CLONE_NEWUSER)) &&
         steps.At("drop bounding set").Ok(DropBoundingSet());
}

// The code and what is mounted are there now, and not sooner.
bool WaitForFiles(int init) {
  const auto received = ReceivePacket(init, FdPolicy::kRefuse);
  return received.ok() && received->kind == ReceivedPacket::Kind::kPacket;
}

long RestrictFiles(const ZygoteConfigFrame& config, const MadeAhead& ahead) {
  if (!IsOn(Layer::kLandlock) || ahead.landlock_abi < kLandlockAbiOfFiles) return 0;
  std::vector<FileGrant> files = GrantsOf(config);
  files.push_back({"/tmp", FileAccess::kReadWrite});
  return RestrictTo(ahead.ruleset.get(), ahead.landlock_abi, files);
}

// Whoever waits for the worker waits for init to pass them on. That a library is inspected is told as that it is
// loaded; all others but the call of its function cannot end the process.
class FewStages final : public StepObserver {
 public:
  explicit FewStages(int init) : sender_(init) {}
  void Entered(std::string_view stage) override {
    if (stage == kStageInspect) sender_.Entered(kStageLoad);
    if (stage == kStageTable) sender_.Entered(stage);
  }

 private:
  StageSender sender_;
};

Status LimitThreadsWithoutCgroup(const ZygoteConfigFrame& config) {
  if (config.has_memory_cgroup != 0) return Ok();
  ProcessLimits limits;
  limits.data_bytes = config.memory_bytes;
  limits.processes = config.pids_max;
  return ApplyLimits(limits);
}

}  // namespace

MadeAhead MakeAhead(const TcpAccess& tcp) {
  MadeAhead ahead{LandlockAbi(), {}, SearchOfThisHost({kPackageFolder})};
  if (ahead.landlock_abi >= kLandlockAbiOfFiles)
    ahead.ruleset.Reset(MakeRuleset(ahead.landlock_abi, GrantsOfAll(), tcp));
  return ahead;
}

MadeAhead WaitBlank(int init) {
  const auto received = ReceivePacket(init, FdPolicy::kRefuse);
  if (!received.ok() || received->kind != ReceivedPacket::Kind::kPacket) _exit(0);
  const auto filter = DecodeAhead(received->packet.bytes);
  if (!filter) FailSetup(init, {"read filter", EBADMSG, "init and worker are of different versions", 0});
  MadeAhead ahead = MakeAhead();
  if (InstallCrashHandler() != 0) FailSetup(init, {"handle crashes", errno, {}, 0});
  InstallListenedFilter(init, *filter);
  if (!SendPacket(init, EncodeBlank()).ok()) _exit(0);
  return ahead;
}

void RunLoneWorker(int init, const ZygoteConfigFrame& config, std::vector<UniqueFd> fds, MadeAhead ahead) {
  const uint64_t asked_at_ns = MonotonicNanoseconds();
  if (fds.size() < kFirstTasks)
    FailSetup(init, {"take descriptors", EINVAL, "channel, stdout and stderr are missing", 0});
  const bool was_blank = config.was_blank != 0;
  Steps steps;
  const bool became = steps.At("join cgroup").Ok(JoinCgroups(fds) ? 0 : -1) &&
                      (!was_blank || BecomeFunctions(config, steps)) &&
                      (config.user_namespace == 0 || EnterUserNamespace(steps)) &&
                      steps.At("drop capabilities").Ok(KeepCapabilities({})) &&
                      // A change of user sets it back.
                      steps.At("forbid tracing").Ok(SetNotDumpable()) &&
                      steps.At("limit threads").Ok(LimitThreadsWithoutCgroup(config)) &&
                      steps.At("redirect stdout").Ok(dup2(fds[1].get(), 1)) &&
                      steps.At("redirect stderr").Ok(dup2(fds[2].get(), 2));
  if (became && was_blank && !WaitForFiles(init)) _exit(0);
  if (became && !config.mounts.empty()) (void)SendPacket(init, EncodeMounts(AccessTo(config.mounts)));
  const int kept[] = {init, fds[0].get()};
  // Order: as of a worker that was forked; the filters last, since they take away what confines.
  const bool confined = became && steps.At("change to /var/task").Ok(chdir(kPackageFolder)) &&
                        steps.At("restrict files").Ok(RestrictFiles(config, ahead)) &&
                        steps.At("close descriptors").Ok(KeepDescriptors(kept));
  if (!confined) {
    const StepFailure failure = *steps.failure();
    FailSetup(init, {failure.stage, failure.error, failure.detail, 0});
  }
  // Closed, or other files by now: what KeepDescriptors() left is 3 and 4.
  for (UniqueFd& fd : fds) (void)fd.Release();
  (void)ahead.ruleset.Release();
  constexpr int kInit = 3, kChannel = 4;
  if (!was_blank) {
    InstallListenedFilter(kInit, config.seccomp_zygote);
    if (InstallCrashHandler() != 0) FailSetup(kInit, {"handle crashes", errno, {}, 0});
  }
  if (InstallSeccomp(config.seccomp_worker) != 0)
    FailSetup(kInit, {"install seccomp filter of workers", errno, {}, 0});
  ApplyEnvironment(config);
  if (!config.layers.empty()) ahead.search = SearchOfThisHost({kPackageFolder, config.layers});
  FewStages stages(kInit);
  const auto loaded =
      LoadHandlerLibrary(kPackageFolder, config.library, config.symbol, Threads::kAny, ahead.search, stages);
  if (const auto* failure = std::get_if<StageFailure>(&loaded)) FailSetup(kInit, *failure);
  ResetSignals();  // as in a fork of a zygote
  if (RearmCrashHandler() != 0) FailSetup(kInit, {"handle crashes", errno, {}, 0});
  HandlerHost host(kWorkerChannel, *std::get<const hearth_function*>(loaded),
                   {.function_name = config.function_name,
                    .function_version = config.function_version,
                    .memory_bytes = config.memory_bytes});
  (void)SendPacket(kInit, EncodeLoaded());
  if (dup2(kChannel, kWorkerChannel) != kWorkerChannel) _exit(1);
  close(kChannel);
  host.Run(static_cast<uint32_t>((MonotonicNanoseconds() - asked_at_ns) / 1000));
}

}  // namespace hearth
