#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/unique_fd.h"
#include "runtime/wire/launcher_frames.h"

namespace hearth {

// A file of /tmp for each 4 KiB, and some.
uint64_t FilesForTmp(uint64_t tmp_bytes);

// The life of pid 1 of a sandbox once the zygote runs: a loop over five descriptors, ending the process (and
// by that everything in the sandbox) when hearthd closes its channel.
// Limits:  as many workers as hearthd asks for; kUnclaimedMax exits of processes that nobody has named yet.
class InitLoop final {
 public:
  struct Descriptors {
    int setup = -1;    // to the launcher, until it has heard that the zygote is ready
    int channel = -1;  // to hearthd
    int zygote = -1;
    int children = -1;  // signalfd of SIGCHLD
    pid_t zygote_pid = 0;
    uint64_t tmp_bytes = 0;
    uint32_t tmp_uid = 0;
    uint64_t own_worker = 0;  // what stands in the zygote's place is this worker, and nothing is forked
  };

  // `listener`: of the zygote's filter, where that is there already.
  explicit InitLoop(const Descriptors& descriptors, UniqueFd listener = {})
      : d_(descriptors), listener_(std::move(listener)) {}
  [[noreturn]] void Run();

 private:
  struct Exit {
    std::string violation;
    int status = 0;
    rusage usage{};
  };

  void OnHearthd();
  void OnViolation();
  void OnZygote();
  void OnChildren();
  void ForkWorker(const ForkWorkerFrame& request, const std::vector<UniqueFd>& fds);
  void OnForked(const WorkerForkedFrame& forked);
  void OnForkFailed(const ForkFailedFrame& failed);
  void OnZygoteExit(const Exit& exit);
  void OnWorkerExit(pid_t pid, const Exit& exit);
  void ReportExit(uint64_t worker_id, const Exit& exit);
  void Refuse(uint64_t worker_id, StageFailure failure);
  void Tell(const std::string& packet);
  bool TakeCrash(const std::string& packet);
  Result<UniqueFd> MakeTmp() const;
  void PrepareTmp();

  static constexpr size_t kUnclaimedMax = 1024;
  static constexpr uint64_t kNobody = ~0ULL;  // hearthd was told already that this worker failed

  Descriptors d_;
  UniqueFd tmp_;       // the next worker's, made while nobody waited for it
  UniqueFd listener_;  // of the zygote's filter, and so of all its children's
  bool loaded_ = false;
  std::string stage_ = "start hearth-worker";
  std::string backtrace_;              // of a library that crashed while it was loaded, as it tells it
  std::vector<uint64_t> asked_;        // fork requests that the zygote has not answered
  std::map<pid_t, uint64_t> workers_;  // by pid in this namespace
  std::set<uint64_t> failed_;          // told to hearthd before the zygote said their pid
  std::map<pid_t, int> violators_;     // killed by us for a system call, by process group
  std::map<pid_t, Exit> unclaimed_;    // reaped before the zygote said who they were
};

}  // namespace hearth
