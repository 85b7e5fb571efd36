#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/log.h"
#include "runtime/pool/launcher_client.h"
#include "runtime/pool/snapshot_run.h"
#include "runtime/pool/turn_limit.h"
#include "runtime/pool/worker_process.h"
#include "sandbox/cgroup.h"

namespace hearth {

// What a sandbox is given of the host's, besides its code: the function's buckets, as host folders, and its secrets.
struct SandboxFiles {
  std::vector<BindMount> mounts{};
  std::vector<PrivateFile> secrets{};
  UniqueFd secret_values{};  // one after another, in their order
};

// The sandbox of one function version: its namespaces, its init, its zygote. Workers are forked from it; or it has one
// worker of its own, that comes and goes with it and shares nothing with others.
//
// Owns:    the channel to init; workers that have not yet started. Owned by SandboxHost.
// States:  kMaking -> kReady -> kSpent (no more forks; live workers go on) -> kGone (init has died, and all
//          in it)
// Failure: a sandbox that cannot be made, or whose zygote dies, fails every launch that waits for it; the
//          next launch makes another sandbox.
class FunctionSandbox final {
 public:
  enum class State { kMaking, kReady, kSpent, kGone };
  using OnWorker = WorkerLauncher::OnWorker;

  // `cpu_set`: processors on which all of it runs but its init, which sleeps.
  FunctionSandbox(SandboxId id, std::shared_ptr<const FunctionVersion> version, std::string cpu_set,
                  LauncherClient& launcher, CgroupBackend& cgroups, WorkerContext& workers, Log& log);
  ~FunctionSandbox();

  // `made` runs once.
  void Make(SandboxFiles files, std::function<void(Status)> made);
  // Instead of Make() and Launch().
  void MakeWithWorker(SandboxFiles files, WorkerId id, OnWorker done);
  bool has_own_worker() const { return own_worker_; }
  // What init took in its zygote, where the version starts from a snapshot; from `made` on.
  nanoseconds snapshot_took() const { return snapshot_took_; }
  // Legal in kMaking (it waits) and kReady.
  void Launch(WorkerId id, OnWorker done);
  State state() const { return state_; }
  bool takes_launches() const { return state_ == State::kMaking || state_ == State::kReady; }
  SandboxId id() const { return id_; }
  const FunctionVersion& version() const { return *version_; }
  const std::shared_ptr<const FunctionVersion>& shared_version() const { return version_; }
  // Workers of this sandbox that are alive, started or not, or wait for it to be made.
  size_t workers_alive() const { return alive_.size() + waiting_.size(); }
  void SetOnWorkerGone(std::function<void()> on_gone) { on_worker_gone_ = std::move(on_gone); }
  // Another should take its place: a worker of it has crashed, which may have been a guess at the address layout
  // that all of them share; or it has forked so often. Still forks. Told once, from inside a call of the loop.
  bool is_tired() const { return tired_; }
  // What the function's user may do with the mounts that Make() was given, once, before `made`.
  // The library leaves threads behind when it is loaded, so that nothing can be forked from here: the sandbox is gone,
  // and whoever waited is served by whom this calls, before `made` hears that the library can be loaded.
  using Waiting = std::vector<std::pair<WorkerId, OnWorker>>;
  void SetOnLeavesThreads(std::function<void(Waiting)> on_threads) { on_threads_ = std::move(on_threads); }
  // Its own worker was started; from a blank sandbox or not.
  void SetOnOwnStart(std::function<void(bool was_blank)> on_start) { on_own_start_ = std::move(on_start); }
  using OnMounts = std::function<void(const std::vector<BindMount>&, const std::vector<MountAccess>&)>;
  void SetOnMounts(OnMounts on_mounts) { on_mounts_ = std::move(on_mounts); }
  void SetOnTired(std::function<void()> on_tired) { on_tired_ = std::move(on_tired); }

 private:
  MakeSandboxFrame FrameOf(SandboxFiles& files);
  // Both sides of a worker that is to be started: what is passed on (channel, stdout, stderr, `tasks` files), open as long
  // as this lives, and what stays here.
  struct Beginning {
    UniqueFd channel, standard_output, standard_error;
    std::vector<int> passed;
    WorkerProcess::Parts parts;
  };
  Result<Beginning> BeginWorker(WorkerId id);
  Status AddWorker(Beginning beginning, OnWorker& done);
  void FailOwnWorker(const Error& error);
  struct Forking {
    std::unique_ptr<WorkerProcess> worker;
    OnWorker done;
  };

  Status BeginZygote();
  void OnSnapshotBroken(const Error& error);
  Status EndSnapshot(Status made);
  void OnMade(Result<LauncherClient::MadeSandbox> made);
  Status Fork(WorkerId id, OnWorker& done);
  void ForkWaiting();
  void GiveForksTime();
  void OnStarted(WorkerId id, Status started);
  void OnReadable();
  void OnPacket(std::string_view packet);
  void OnForkFailed(const ForkFailedFrame& frame);
  void OnWorkerExited(const WorkerExitedFrame& frame);
  void OnZygoteExited();
  void Tire();
  void OnZygoteStuck();
  void OnGone(std::string why);
  void FailWaiting(const Error& error);

  // Constant after construction.
  const SandboxId id_;
  const std::shared_ptr<const FunctionVersion> version_;
  const std::string cpu_set_;
  // Borrowed.
  LauncherClient& launcher_;
  CgroupBackend& cgroups_;
  WorkerContext& workers_;
  Log& log_;
  // Mutable.
  State state_ = State::kMaking;
  std::unique_ptr<Cgroup> zygote_cgroup_;  // so that what the code does while it is loaded is limited too
  std::unique_ptr<SnapshotRun> snapshot_;  // while its zygote runs init
  nanoseconds snapshot_took_{0};
  UniqueFd init_;
  std::unique_ptr<FdWatch> watch_;
  std::function<void(Status)> made_;
  Waiting waiting_;  // until it is made, or until the next turn of the loop
  TurnLimit forks_of_turn_;
  bool forks_have_time_ =
      false;  // its zygote may use more of the processor, for as long as many starts are under way
  std::map<WorkerId, Forking> forking_;
  std::map<WorkerId, WeakPtr<WorkerProcess>> alive_;
  std::function<void()> on_worker_gone_;
  std::function<void()> on_tired_;
  std::function<void(Waiting)> on_threads_;
  std::function<void(bool)> on_own_start_;
  bool own_worker_ = false;
  OnMounts on_mounts_;
  std::vector<BindMount> mounts_;
  uint64_t forks_ = 0;
  bool tired_ = false;
  WeakPtrFactory<FunctionSandbox> weak_{this};
};

}  // namespace hearth
