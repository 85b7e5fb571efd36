#include <signal.h>

#include <utility>

#include "runtime/pool/worker_process.h"

// How a worker ends, and what is told of it.

namespace hearth {
namespace {

// More than a channel can hold when its writer has died: 212,992 bytes of buffer, of which the kernel counts
// over 500 for the smallest packet.
constexpr size_t kPacketsQueuedMax = 1024;

}  // namespace

void WorkerProcess::Abort(const Event& event, std::string why) {
  if (!running_ || state_ == WorkerState::kDying) return;
  if (running_->event == &event) return EndWorker(std::move(why), OutcomeKind::kAborted);
  for (Ahead& ahead : behind_) {
    if (ahead.event == &event) ahead.abort_why = std::move(why);
  }
}

void WorkerProcess::OnTimeLimit() {
  DropCall();
  const bool initialising = state_ == WorkerState::kInitialising;
  // The limit is what is billed, to the millisecond: the timer's own lateness is ours.
  const nanoseconds limit =
      initialising ? nanoseconds(context_.init_limit) : nanoseconds(version_->settings.timeout);
  (initialising ? running_->attempt.init : running_->attempt.duration) = limit;
  char limit_s[32];
  std::snprintf(limit_s, sizeof limit_s, "%.2f", std::chrono::duration<double>(limit).count());
  std::string text = !initialising                   ? "Task timed out after "
                     : StartsFromSnapshot(*version_) ? "Restore timed out after "
                                                     : "Init timed out after ";
  text = Prefixed(text + limit_s + " seconds");
  SetState(WorkerState::kDying, initialising ? "its init timed out" : "an event timed out");
  watch_.reset();
  channel_.Reset();
  DropLane();
  Kill();
  Fail(initialising ? OutcomeKind::kInitTimeout : OutcomeKind::kTimeout, "Sandbox.Timedout", std::move(text));
}

void WorkerProcess::EndWorker(std::string why, OutcomeKind blamed_as) {
  ended_because_ = std::move(why);
  ended_as_ = blamed_as;
  Kill();
  BeginDying();
}

// A report that hangs, or whose process has used up its share of the processor: what there is of it is told, and how
// it would have ended.
void WorkerProcess::OnReportLate() {
  if (state_ == WorkerState::kDying || exit_) return;
  log_.Tell("a worker's crash report was cut after " + std::to_string(context_.crash_report_wait.count()) +
            " ms");
  exit_ = WorkerDeath{.status = {.exit_code = -1, .signal = crash_->signal}, .violation = {}};
  Kill();
  BeginDying();
}

// The channel is of no more use. How the process ended is told by init, at about the same time; it is waited
// for, briefly.
void WorkerProcess::BeginDying() {
  if (state_ == WorkerState::kDying) return;
  DropCall();
  if (running_ && running_->attempt.kind != OutcomeKind::kInitError) EndPhase(std::nullopt);
  if (ended_because_.empty() && TakeBackHead()) running_->attempt.delivered = false;
  DropLane();
  SetState(WorkerState::kDying, "its channel has closed");
  if (freezer_.frozen()) Kill();
  (void)freezer_.EndIdle();  // a linger that has begun must not end in kFrozen
  watch_.reset();
  channel_.Reset();
  limit_.Cancel();
  invoke_limit_.Lift();
  hold_up_.Lift();
  if (exit_) return ExplainDeath();
  limit_ = context_.loop.After(context_.exit_status_wait, [this] { ExplainDeath(); });
}

void WorkerProcess::OnExited(WorkerDeath death, uint64_t max_rss_kib) {
  exit_ = std::move(death);
  max_rss_kib_ = max_rss_kib;
  if (lent_) return on_news_({.exited = exit_, .max_rss_kib = max_rss_kib, .sandbox_gone = {}});
  if (state_ == WorkerState::kDying) {
    if (running_ || on_started_ || prepared_) ExplainDeath();
    return;
  }
  const WeakPtr<WorkerProcess> self = weak_.Get();
  ReadPackets(kPacketsQueuedMax);  // what it said before it died still counts
  if (self) BeginDying();          // also when somebody else holds its end of the channel open
}

void WorkerProcess::OnSandboxGone(std::string why) {
  if (exit_) return;
  if (ended_because_.empty()) {
    ended_because_ = std::move(why);
    ended_as_ = OutcomeKind::kPlatformFault;
  }
  if (lent_) return on_news_({.exited = {}, .max_rss_kib = 0, .sandbox_gone = ended_because_});
  if (state_ == WorkerState::kDying) {
    if (running_ || on_started_ || prepared_) ExplainDeath();
    return;
  }
  const WeakPtr<WorkerProcess> self = weak_.Get();
  ReadPackets(kPacketsQueuedMax);  // what it said before it died still counts
  if (self) BeginDying();
}

void WorkerProcess::ExplainDeath() {
  limit_.Cancel();
  LogCrash();
  if (auto started = std::exchange(on_started_, nullptr)) {
    const std::string why = !ended_because_.empty() ? ended_because_
                            : exit_                 ? TextOf(*exit_, CrashToTell())
                                                    : "it died";
    return started(
        Error{ErrorCode::kUnavailable, "a worker of " + version_->function + " did not start: " + why});
  }
  if (auto prepared = std::exchange(prepared_, nullptr)) {
    const std::string why = !ended_because_.empty() ? ended_because_
                            : exit_                 ? TextOf(*exit_, CrashToTell())
                                                    : "it died";
    log_.Tell("a worker could not be initialised ahead of its events: " + why);
    const bool ours = !ended_because_.empty() && ended_as_ == OutcomeKind::kPlatformFault;
    return prepared(Error{ours ? ErrorCode::kUnavailable : ErrorCode::kBadArtefact,
                          "a worker of " + version_->function + " was not ready: " + why});
  }
  if (running_) return FailAsUnexplained();
  if (auto died = std::exchange(on_idle_death_, nullptr)) died();
}

void WorkerProcess::FailAsUnexplained() {
  if (running_->attempt.kind == OutcomeKind::kInitError) return Finish();  // the handler's own words stand
  if (!ended_because_.empty()) {
    const bool ours = ended_as_ == OutcomeKind::kPlatformFault;
    if (ended_as_ == OutcomeKind::kAborted)
      return Fail(ended_as_, "Hearth.ClientGone", Prefixed("the worker was ended: " + ended_because_));
    if (!ours) context_.observer.OnWorkerCrashed(*version_, CrashCause::kProtocol);
    return Fail(ended_as_, ours ? "Runtime.PlatformFault" : "Runtime.ProtocolError",
                Prefixed("the worker was ended: " + ended_because_));
  }
  if (!running_->attempt.delivered)
    return Fail(OutcomeKind::kCrash, "Runtime.ExitError",
                Prefixed("the worker died before it read the event"));
  if (const auto kills = cgroup_ ? cgroup_->OomKills() : Result<uint64_t>(uint64_t{0});
      kills.ok() && *kills > 0) {
    context_.observer.OnWorkerCrashed(*version_, CrashCause::kOutOfMemory);
    return Fail(OutcomeKind::kOutOfMemory, "Runtime.OutOfMemory",
                Prefixed("Runtime exited with error: signal: killed; it used more than its memory limit of " +
                         std::to_string(version_->settings.memory.mib()) + " MB"));
  }
  const CrashFrame* const crash = CrashToTell();
  const bool signalled =
      crash != nullptr ||
      (exit_ && (exit_->status.exit_code < 0 || exit_->status.exit_code == kAbortExitCode));
  context_.observer.OnWorkerCrashed(*version_, signalled ? CrashCause::kSignal : CrashCause::kExit);
  const std::string how = exit_ ? TextOf(*exit_, crash) : "Runtime exited without providing a reason";
  if (crash != nullptr) running_->attempt.error.stack_json = AsJsonArray(LinesOf(*crash));
  Fail(initialised_ ? OutcomeKind::kCrash : OutcomeKind::kInitError, "Runtime.ExitError", Prefixed(how));
}

std::string WorkerProcess::Prefixed(const std::string& text) const {
  return "RequestId: " + running_->event->request_id.text() + " Error: " + text;
}

}  // namespace hearth
