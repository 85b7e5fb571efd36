#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/unique_fd.h"
#include "runtime/worker/setup_frames.h"
#include "sandbox/landlock.h"
#include "sandbox/steps.h"

// What a zygote and a worker that is none's fork do alike, after the exec of hearth-worker.

namespace hearth {

inline constexpr const char* kPackageFolder = "/var/task";

class StageSender final : public StepObserver {
 public:
  explicit StageSender(int fd) : fd_(fd) {}
  void Entered(std::string_view stage) override;

 private:
  const int fd_;
};

// The last word to init.
[[noreturn]] void FailSetup(int init, const StageFailure& failure);

// Waits for it. Ends the process when init has gone.
ZygoteConfigFrame ReceiveConfig(int init, std::vector<UniqueFd>& fds);

// The author's own, and only after exec: the loader of this executable must not hear of LD_PRELOAD and the like.
void ApplyEnvironment(const ZygoteConfigFrame& config);

// All that a worker may open, beyond what namespaces and mounts leave of the host: of every function, and of this one.
// Its /tmp is not among them.
std::vector<FileGrant> GrantsOfAll();
std::vector<FileGrant> GrantsOf(const ZygoteConfigFrame& config);

// The same that the host's rules say, as far as ports go, and names over TCP.
TcpAccess TcpOf(const ZygoteConfigFrame& config);

// As the function's user, which this process already is. A read-only mount is not written to whoever asks.
std::vector<MountAccess> AccessTo(const std::vector<std::string>& mounts);

// The first filter; init gets its listener before anything of the author's could.
void InstallListenedFilter(int init, std::string_view program);

}  // namespace hearth
