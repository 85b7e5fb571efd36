#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/ids.h"
#include "runtime/base/log.h"
#include "runtime/base/process.h"
#include "runtime/base/units.h"
#include "runtime/base/weak_ptr.h"
#include "runtime/loop/fd_watch.h"
#include "runtime/wire/launcher_frames.h"

namespace hearth {

// hearth-launcher, as hearthd sees it: a child process that makes sandboxes and unpacks zips when asked.
//
// Owns:    the process and its control channel. Owned by SandboxHost.
// Thread:  loop thread; replies run later, never inside the call.
// Failure: when the launcher dies, all its sandboxes die with it; every open request fails with kUnavailable,
//          on_death runs, and Start() may be called again.
// Promise: no callback runs after the destructor returns, which ends and reaps the launcher: it gets kEndLimit to leave
//          the host's network as it was, then it is killed.
class LauncherClient final {
 public:
  struct Hello {
    uint32_t isolation_level = 0;
    std::string report;
    bool forks_workers = true;
    std::string egress_missing;  // why no function gets a way out; "": it can
  };
  struct MadeSandbox {
    UniqueFd init_channel;        // non-blocking
    bool leaves_threads = false;  // there is none, and never will be one that forks: see StageFailure
    bool was_blank = false;
    microseconds took{0};
    std::vector<MountAccess> mounts;  // in the order of the request; another number of them: not known
  };

  LauncherClient(Loop& loop, Log& log, std::string executable, std::vector<std::string> arguments = {});
  ~LauncherClient();

  void Start(std::function<void(Result<Hello>)> started, std::function<void()> on_death);
  bool running() const { return running_; }
  // `fds`: what the zygote joins before it loads foreign code; or of the sandbox's own worker channel, stdout, stderr
  // and what it joins. Then the secrets' values where there are any.
  void MakeSandbox(const MakeSandboxFrame& frame, std::span<const int> fds,
                   std::function<void(Result<MadeSandbox>)> reply);
  void KillSandbox(SandboxId sandbox);
  // From now on; none after a start of the launcher. Who is told how many there are is told as long as this lives.
  void KeepBlanks(uint32_t count);
  using OnBlanks = std::function<void(uint32_t ready, const std::string& problem)>;
  void SetOnBlanks(OnBlanks on_blanks) { on_blanks_ = std::move(on_blanks); }
  void Unpack(int zip_fd, int folder_fd, const UnpackZipFrame& limits, std::function<void(Status)> reply);

 private:
  void OnReadable();
  void OnPacket(Packet packet);
  void OnHello(std::string_view packet);
  void OnSandboxReady(Packet packet);
  void OnSandboxFailed(std::string_view packet);
  void OnUnpackDone(std::string_view packet);
  void ExpectAnswer();
  void OnDeath(std::string why);
  Status Send(const std::string& packet, std::span<const int> fds = {});
  void ReplyLater(std::function<void()> reply);

  // Constant after construction.
  const std::string executable_;
  const std::vector<std::string> arguments_;
  // Borrowed.
  Loop& loop_;
  Log& log_;
  // Mutable.
  bool running_ = false;
  ChildProcess process_;
  UniqueFd control_;
  std::unique_ptr<FdWatch> watch_;
  std::function<void(Result<Hello>)> started_;
  std::function<void()> on_death_;
  OnBlanks on_blanks_;
  std::map<uint64_t, std::function<void(Result<MadeSandbox>)>> making_;  // by sandbox
  std::map<uint64_t, std::function<void(Status)>> unpacking_;            // by ticket
  uint64_t next_ticket_ = 1;
  milliseconds longest_init_{0};  // that a zygote was given so far
  Timer hello_limit_, silence_limit_;
  WeakPtrFactory<LauncherClient> weak_{this};
};

// The text a user or operator gets for a failed stage: "cannot load libx.so: ..." and whose fault it is.
Error ErrorFromStage(const StageFailure& failure);

}  // namespace hearth
