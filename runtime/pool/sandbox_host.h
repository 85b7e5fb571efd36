#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runtime/model/artefact_checker.h"
#include "runtime/pool/blank_keeper.h"
#include "runtime/pool/function_sandbox.h"
#include "runtime/pool/launcher_client.h"
#include "runtime/pool/mount_warning.h"
#include "runtime/pool/worker.h"
#include "sandbox/cgroup.h"

namespace hearth {

// Everything that is confined: the launcher, a sandbox for each live version, and trials of code that is
// being deployed.
//
// Owns:    the launcher and the sandboxes. Owned by main; outlives every worker it gave out.
// Thread:  loop thread.
// Zygotes: a version has one, from which its workers are forked; one that is tired (see FunctionSandbox) is replaced
//          off the path of any event, a version's at most once in kReplacementPause.
// Own sandboxes: with strict isolation each worker has one, and no zygote. So has each worker of a function whose library
//          leaves threads when it is loaded, which cannot be forked, and each where workers cannot have namespaces.
// Snapshots: with SnapStart the zygote of a published version runs init before it forks; the first when the version is
//          published, another whenever a zygote is made in its place.
// Failure: a dead launcher is started again (after 100 ms, doubling to 10 s); launches meanwhile are
//          kUnavailable.
class SandboxHost final : public WorkerLauncher, public ArtefactChecker {
 public:
  // The host folder of a bucket, or why there is none.
  using BucketPath = std::function<Result<std::string>(const std::string& bucket)>;
  // The value of a secret, or why there is none.
  using SecretValue = std::function<Result<std::string>(const std::string& secret)>;
  // The set of processors on which a function runs; "": everybody's.
  using CpuSetOf = std::function<std::string(const std::string& function)>;

  struct Options {
    std::string launcher;          // path of hearth-launcher
    uint32_t isolation_least = 4;  // refuse to work below this level
    uint32_t blanks_max = 4;       // sandboxes that are made before there is a function for them
    std::vector<std::string> launcher_arguments{};  // ArgumentsOf(EgressOptions)
  };

  SandboxHost(Options options, WorkerContext& workers, CgroupBackend& cgroups, BucketPath bucket_path,
              SecretValue secret_value, Log& log);
  ~SandboxHost() override;

  // Once. kUnsupported when the host gives less than isolation_least: the message says what is missing.
  void Start(std::function<void(Status)> started);
  uint32_t isolation_level() const { return isolation_level_; }
  void SetCpuSetOf(CpuSetOf cpu_set_of) { cpu_set_of_ = std::move(cpu_set_of); }
  bool launcher_running() const { return launcher_.running(); }
  const std::string& isolation_report() const { return isolation_report_; }

  // Buckets that functions see and cannot use as they should, as their latest sandboxes found; by function. Every
  // deploy makes a sandbox, and so does the first event after a start.
  const std::map<std::string, std::vector<MountWarning>>& mount_warnings() const { return mount_warnings_; }
  void ForgetFunction(const std::string& function) { mount_warnings_.erase(function); }
  // Why workers of this version have a sandbox each though it does not ask for it; "": they have not, or it does.
  std::string WhyOwnSandboxes(const FunctionVersion& version) const;
  bool HasOwnSandboxes(const FunctionVersion& version) const;
  // Those with a way out of their network namespace are made as a whole.
  bool UsesBlanks(const FunctionVersion& version) const;
  // Whether this host gives functions a way out, and how many sandboxes have one now.
  bool gives_egress() const { return launcher_.running() && egress_missing_.empty(); }
  size_t CountWithEgress() const;
  BlankKeeper& blanks() { return blanks_; }
  const BlankKeeper& blanks() const { return blanks_; }

  void Launch(const std::shared_ptr<const FunctionVersion>& version, OnWorker done) override;
  void Forget(const FunctionVersion& version) override;
  void Unpack(std::string zip_path, std::string folder, Done done) override;
  void TrialLoad(const FunctionVersion& version, Done done) override;
  void TakeSnapshot(const std::shared_ptr<const FunctionVersion>& version, OnSnapshot done) override;

 private:
  struct Versioned {
    std::unique_ptr<FunctionSandbox> current;
    std::string cpu_set;                    // that it was made in
    std::unique_ptr<FunctionSandbox> next;  // being made, to take the place of a tired one
    Timer replacement;                      // until it may be made
    std::optional<MonotonicTime> replaced_at;
    std::vector<std::unique_ptr<FunctionSandbox>> spent;  // until their last worker has gone
    bool forgotten = false;
  };

  void StartLauncher(std::function<void(Status)> started);
  void OnHello(Result<LauncherClient::Hello> hello, const std::function<void(Status)>& started);
  void OnLauncherDeath();
  Result<SandboxFiles> FilesOf(const FunctionVersion& version) const;
  std::unique_ptr<FunctionSandbox> NewSandbox(const std::shared_ptr<const FunctionVersion>& version,
                                              std::string cpu_set);
  // Workers that are copies of one process need a zygote.
  Status CheckSnapshot(const FunctionVersion& version) const;
  // Another for each worker, or the one that there is.
  Status LaunchIn(const std::shared_ptr<const FunctionVersion>& version, WorkerId id, OnWorker& done);
  void OnLeavesThreads(const std::shared_ptr<const FunctionVersion>& version,
                       FunctionSandbox::Waiting waiting);
  void OnMounts(const FunctionVersion& version, const std::vector<BindMount>& mounts,
                const std::vector<MountAccess>& access);
  Status CheckNetwork(const FunctionVersion& version) const;
  void OnTired(uint64_t generation);
  void MakeNext(uint64_t generation);
  void OnNextMade(uint64_t generation, const Status& made);
  void SweepLater();
  void Sweep();

  // Constant after construction.
  const Options options_;
  const BucketPath bucket_path_;
  const SecretValue secret_value_;
  // Borrowed.
  WorkerContext& workers_;
  CgroupBackend& cgroups_;
  Log& log_;
  // Mutable.
  CpuSetOf cpu_set_of_;
  LauncherClient launcher_;
  BlankKeeper blanks_;
  uint32_t isolation_level_ = 0;
  std::string isolation_report_;
  bool forks_workers_ = true;
  std::set<std::string> leave_threads_;  // folders of code that cannot be forked
  std::string egress_missing_;
  milliseconds restart_delay_{100};
  Timer restart_;
  uint64_t next_sandbox_ = 1;
  uint64_t next_worker_ = 1;
  std::map<uint64_t, Versioned> versions_;                       // by generation
  std::map<uint64_t, std::unique_ptr<FunctionSandbox>> trials_;  // by sandbox
  std::map<std::string, std::vector<MountWarning>> mount_warnings_;
  bool sweeping_ = false;
  WeakPtrFactory<SandboxHost> weak_{this};
};

}  // namespace hearth
