#pragma once

#include <sys/types.h>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/result.h"
#include "runtime/base/unique_fd.h"
#include "runtime/wire/launcher_frames.h"
#include "runtime/wire/packet.h"
#include "runtime/worker/sandbox_init.h"
#include "sandbox/egress_network.h"
#include "sandbox/host_probe.h"

namespace hearth {

// Makes sandboxes for hearthd and tells when they are gone; unpacks zips in confined children. A process of
// its own, because hearthd has threads and secrets, and neither survives a fork well.
//
// Keeps as many blank sandboxes as it is told to, for workers that come with a sandbox of their own: made one at a time,
// while no start is under way. Each is used once: what was a function's ends with it.
//
// Owns:    its children, each found again by pid. Owned by main.
// Thread:  the only one of its process.
// Limits:  a sandbox is ready within kStartDeadline, and what it has for its zygote's init, or killed; an unpacking within kUnpackDeadline; kBlanksMax.
// Failure: what cannot be made is SandboxFailed with stage and errno; nothing ends the launcher but hearthd's
//          end of the control channel closing, and then everything it made dies with it (PDEATHSIG).
class Launcher final {
 public:
  static constexpr std::chrono::seconds kStartDeadline{10};
  static constexpr std::chrono::seconds kUnpackDeadline{60};
  // However many it is told: each is two processes and six namespaces.
  static constexpr uint32_t kBlanksMax = 64;
  // From a start until another blank one is made, if the start takes so long.
  static constexpr std::chrono::milliseconds kBlankPause{5};

  // Compiles the filters, probes the host, opens hearth-worker beside this executable and says Hello.
  static Result<std::unique_ptr<Launcher>> Create(UniqueFd control, EgressOptions egress = {});
  ~Launcher();
  int Run();

 private:
  enum class Blank { kNo, kMaking, kReady, kUsed, kUnwanted };  // kUnwanted: killed
  struct Sandbox {
    uint64_t id = 0;            // 0: blank
    UniqueFd setup;             // to init
    UniqueFd hearthds_channel;  // handed on with SandboxReady
    bool ready = false;
    std::string stage = "start init";
    std::vector<MountAccess> mounts;
    MonotonicTime started;
    std::chrono::milliseconds allowed = kStartDeadline;
    std::optional<StageFailure> failure;
    Blank blank = Blank::kNo;
    std::optional<EgressPlace> place;
    bool told_to_go = false;
  };
  // For the place of one that was told to go and has not gone yet.
  struct WaitsForPlace {
    MakeSandboxFrame request;
    std::vector<UniqueFd> fds;
  };
  struct Unpacking {
    uint64_t ticket = 0;
    UniqueFd report;
    MonotonicTime started;
    std::optional<std::string> error;
  };

  Launcher(UniqueFd control, UniqueFd children, UniqueFd worker_exe, SeccompPrograms programs,
           HostProbe probe, EgressOptions egress);

  void OnControl();
  void MakeSandbox(MakeSandboxFrame request, std::vector<UniqueFd> fds);
  std::optional<StageFailure> StartSandbox(const MakeSandboxFrame& request, const std::vector<UniqueFd>& fds);
  Result<std::optional<EgressPlace>> PlaceFor(const MakeSandboxFrame& request);
  void Connect(pid_t pid, const MakeSandboxFrame& request);
  bool IsPlaceComing() const;
  void MakeWaiting();
  void KillConnected();
  void LetGo(pid_t pid, const Status& connected);
  void KeepBlanks(uint32_t count);
  Sandbox* FindReadyBlank();
  std::optional<StageFailure> UseBlank(Sandbox& blank, const MakeSandboxFrame& request,
                                       std::span<const int> worker_and_tasks, std::span<const int> owner_maps,
                                       int secrets);
  void KeepUpBlanks();
  bool AreBlanksToMake() const;
  bool AreBlanksToTell() const;
  bool IsTimeForBlanks() const;
  void MakeBlank();
  void OnBlankExit(Sandbox& blank, int status);
  uint32_t CountBlanks(Blank state) const;
  void GiveBlanksUp(std::string problem);
  void KillSandbox(uint64_t id);
  void UnpackZip(const UnpackZipFrame& request, const std::vector<UniqueFd>& fds);
  void OnSetup(Sandbox& sandbox);
  void OnReport(Unpacking& unpacking);
  void ReapChildren();
  void OnSandboxExit(Sandbox& sandbox, int status);
  void OnUnpackExit(Unpacking& unpacking, int status);
  void KillLate();
  int MillisecondsToNextDeadline() const;
  void Tell(const std::string& packet, std::span<const int> fds = {});

  const UniqueFd control_;
  const UniqueFd children_;  // signalfd of SIGCHLD
  const UniqueFd worker_exe_;
  const SeccompPrograms programs_;
  SeccompPrograms egress_programs_;  // compiled for the first that asks
  const HostProbe probe_;
  const Privilege privilege_;
  const SystemClock clock_;
  bool closed_ = false;
  uint32_t blanks_wanted_ = 0;
  uint32_t blanks_told_ = 0;  // how many are ready, as hearthd knows it
  std::string blanks_problem_;
  MonotonicTime last_start_{};  // of a sandbox that somebody waits for
  EgressNetwork egress_;
  std::deque<WaitsForPlace> waiting_;
  std::map<pid_t, Sandbox> sandboxes_;
  std::map<pid_t, Unpacking> unpackings_;
};

}  // namespace hearth
