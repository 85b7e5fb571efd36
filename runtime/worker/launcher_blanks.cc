#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <utility>

#include "runtime/worker/launcher.h"
#include "runtime/worker/setup_frames.h"
#include "runtime/worker/stages.h"

// Sandboxes that are made before they have a function.

namespace hearth {

void Launcher::KeepBlanks(uint32_t count) {
  const bool can = privilege_ == Privilege::kRoot && probe_.level >= kIsolationRootless;
  blanks_wanted_ = can ? std::min(count, kBlanksMax) : 0;
  // Those that are too many go; what is being made is counted with them.
  uint32_t kept = 0;
  for (auto& [pid, sandbox] : sandboxes_) {
    if (sandbox.blank != Blank::kReady && sandbox.blank != Blank::kMaking) continue;
    if (++kept <= blanks_wanted_) continue;
    sandbox.blank = Blank::kUnwanted;
    kill(pid, SIGKILL);
  }
}

Launcher::Sandbox* Launcher::FindReadyBlank() {
  for (auto& [pid, sandbox] : sandboxes_) {
    if (sandbox.blank == Blank::kReady && sandbox.setup.valid()) return &sandbox;
  }
  return nullptr;
}

std::optional<StageFailure> Launcher::UseBlank(Sandbox& blank, const MakeSandboxFrame& request,
                                               std::span<const int> worker_and_tasks,
                                               std::span<const int> owner_maps, int secrets) {
  auto channel = MakePacketSocketPair();
  if (!channel.ok()) return StageFailure{"make channel of init", 0, channel.error().message, 0};
  // Nobody else's from here on, whatever becomes of it.
  blank.blank = Blank::kUsed;
  blank.id = request.sandbox_id;
  blank.started = last_start_;
  blank.stage = "give a blank sandbox its function";
  blank.hearthds_channel = std::move(channel->ours);
  blank.failure =
      SendFunction(blank.setup.get(), request, channel->theirs.get(), worker_and_tasks, owner_maps, secrets);
  if (blank.failure) blank.setup.Reset();  // it ends, and its end tells why
  return std::nullopt;
}

// Nothing of it while a start is under way, which would wait for it.
void Launcher::KeepUpBlanks() {
  if ((!AreBlanksToMake() && !AreBlanksToTell()) || !IsTimeForBlanks()) return;
  if (AreBlanksToTell()) {
    blanks_told_ = CountBlanks(Blank::kReady);
    Tell(Encode(LauncherFrameKind::kBlanks, BlanksFrame{blanks_told_, std::exchange(blanks_problem_, {})}));
  }
  if (AreBlanksToMake()) MakeBlank();
}

bool Launcher::AreBlanksToMake() const {
  return CountBlanks(Blank::kMaking) == 0 && CountBlanks(Blank::kReady) < blanks_wanted_;
}

// Those that were killed are told of when they are gone.
bool Launcher::AreBlanksToTell() const {
  const bool changed = CountBlanks(Blank::kReady) != blanks_told_ || !blanks_problem_.empty();
  return changed && CountBlanks(Blank::kUnwanted) == 0;
}

bool Launcher::IsTimeForBlanks() const {
  if (clock_.Now() - last_start_ >= kBlankPause) return true;
  return std::all_of(sandboxes_.begin(), sandboxes_.end(), [](const auto& each) {
    return each.second.ready || (each.second.blank != Blank::kNo && each.second.blank != Blank::kUsed);
  });
}

void Launcher::MakeBlank() {
  auto setup = MakePacketSocketPair();
  if (!setup.ok()) return GiveBlanksUp("make set-up channel: " + setup.error().message);
  const MonotonicTime started = clock_.Now();
  const pid_t pid = CloneProcess(SandboxCloneFlags(privilege_));
  if (pid < 0) return GiveBlanksUp(ErrnoError("clone init").message);
  if (pid == 0) {
    setup->ours.Reset();
    RunBlankInit({programs_, setup->theirs.get(), worker_exe_.get(), probe_.forks_workers});
  }
  Sandbox& blank = sandboxes_[pid];
  blank.blank = Blank::kMaking;
  blank.setup = std::move(setup->ours);
  blank.started = started;
}

// One that could not be made would be made, and fail, again and again.
void Launcher::OnBlankExit(Sandbox& blank, int status) {
  std::string problem;
  if (blank.blank == Blank::kMaking) {
    const StageFailure failure =
        blank.failure.value_or(CrashInStage(blank.stage, WIFEXITED(status) ? WEXITSTATUS(status) : -1,
                                            WIFSIGNALED(status) ? WTERMSIG(status) : 0));
    problem = failure.stage + ": " +
              (failure.error != 0 ? ErrnoError(failure.detail, failure.error).message : failure.detail);
  }
  blank.blank = Blank::kUsed;  // to be counted no more
  if (!problem.empty()) GiveBlanksUp(std::move(problem));
}

uint32_t Launcher::CountBlanks(Blank state) const {
  return static_cast<uint32_t>(std::count_if(sandboxes_.begin(), sandboxes_.end(),
                                             [&](const auto& each) { return each.second.blank == state; }));
}

void Launcher::GiveBlanksUp(std::string problem) {
  blanks_wanted_ = 0;
  blanks_problem_ = std::move(problem);
}

}  // namespace hearth
