#pragma once

#include <optional>
#include <span>
#include <string>

#include "runtime/base/unique_fd.h"
#include "runtime/base/weak_ptr.h"
#include "runtime/loop/deadline_timer.h"
#include "runtime/loop/fd_watch.h"
#include "runtime/pool/idle_freezer.h"
#include "runtime/pool/output_capture.h"
#include "runtime/pool/phase_clock.h"
#include "runtime/pool/worker_context.h"
#include "runtime/pool/worker_death.h"
#include "runtime/pool/worker_log.h"
#include "runtime/wire/body_window.h"
#include "runtime/wire/worker_frames.h"
#include "sandbox/cgroup.h"

namespace hearth {

// The channel to one worker process, and the only judge of what comes over it.
//
// Owns:    the channel, the capture of its output, its cgroup. Owned by the sandbox until Started, then by
//          whoever leases it.
// Borrows: the context.
// While it is busy, further events may be sent to it ahead of their turn (TakesAhead). Only the first of them, the head,
// may be answered; when the worker dies, or the head holds up the others, these go to other workers: hearthd takes them
// out of the worker's end of the channel again, so that it is certain which the worker has not read.
//
// States:  kForking -> kIdle <-> kBusy (kIdle -> kInitialising -> kBusy for the first event) -> kDying ->
//          kGone; kIdle -> kFrozen after the linger, and from there as from kIdle
// Failure: a frame out of turn, a malformed one, or end of file ends the worker; an attempt under way is told
//          why.
// Promise: it never blocks on a worker: what a worker does not read or write is answered by its time-out.
class WorkerProcess final : public Worker, private LaneUser {
 public:
  struct Parts {
    WorkerId id;
    UniqueFd channel;  // non-blocking
    UniqueFd stdout_pipe, stderr_pipe;
    std::unique_ptr<Cgroup> cgroup;  // may be empty
    // Of the other end, by which it is known again (SO_COOKIE); 0: nothing can be taken out of it, so that no event
    // is handed over ahead.
    uint64_t their_cookie = 0;
  };

  static Result<std::unique_ptr<WorkerProcess>> Create(WorkerContext& context,
                                                       std::shared_ptr<const FunctionVersion> version,
                                                       Parts parts);
  // One that another loop had.
  static std::unique_ptr<WorkerProcess> FromKit(WorkerContext& context,
                                                std::shared_ptr<const FunctionVersion> version,
                                                std::unique_ptr<WorkerKit> kit);
  ~WorkerProcess() override;

  WorkerId id() const override { return id_; }
  WorkerState state() const override { return state_; }
  WorkerLife life() const override;
  void Run(const Event& event, OnAttempt done) override;
  bool usable() const override {
    return (state_ == WorkerState::kIdle || state_ == WorkerState::kFrozen) && !exit_;
  }
  std::unique_ptr<WorkerKit> Pack(std::function<void(WorkerNews)> on_news) override;
  void Unpack(std::unique_ptr<WorkerKit> kit) override;
  nanoseconds init_took() const override { return init_took_; }
  void Prepare(std::function<void(Status)> done) override;
  bool TakesAhead() override;
  void Abort(const Event& event, std::string why) override;
  void SetOnIdleDeath(std::function<void()> on_death) override { on_idle_death_ = std::move(on_death); }

  // For the sandbox that forked it: once, with Ok or why it never started.
  void SetOnStarted(std::function<void(Status)> on_started) { on_started_ = std::move(on_started); }
  // From init: how the process ended.
  void OnExited(WorkerDeath death, uint64_t max_rss_kib);
  // Init has ended, and took its workers with it: our fault, unless this one had ended before.
  void OnSandboxGone(std::string why);
  // From init, or from the launcher: it could not be started.
  void OnForkFailed(Error error);
  WeakPtr<WorkerProcess> weak() { return weak_.Get(); }

 private:
  struct Running {
    const Event* event = nullptr;
    OnAttempt done;
    Attempt attempt;
    PhaseClock phase;    // init or duration, whichever is under way
    bool heard = false;  // it has sent something since it got the event
    MonotonicTime deadline{};
    uint64_t call = 0;        // of another function, that it waits for; 0: none
    bool in_lane = false;     // the event came there
    bool lane_known = false;  // what stands behind it may come there
    bool answered_in_lane = false;
  };

  // An event that stands behind the one that runs: the worker may read it as soon as it has answered that one.
  struct Ahead {
    const Event* event = nullptr;
    OnAttempt done;
    uint64_t sequence = 0;
    PhaseClock handed;  // when the frame was sent
    std::string abort_why;
    bool in_lane = false;
  };
  struct Kit;
  enum class TakeBacks { kNotAsked, kPossible, kImpossible };

  WorkerProcess(WorkerContext& context, std::shared_ptr<const FunctionVersion> version, Parts parts);
  void SetState(WorkerState state, const char* why);
  void SetState(WorkerState state, const char* why, MonotonicTime since);
  void Settle(Kit& kit);
  void ReadPackets(size_t packets_max);
  MonotonicTime Ended() const;
  void TellUsage(Attempt& attempt);
  void TakeOutput();
  void DrainOutput();
  Result<std::unique_ptr<OutputCapture>> Capture(UniqueFd pipe, LogSource source,
                                                 const std::unique_ptr<OutputCapture>& captured);
  void OnOutput(OutputCapture& capture);
  void OnPacket(Packet packet);
  void OnStarted(pid_t sender, std::string_view body);
  void OnReady(std::optional<WallTime> answered_at);
  void OnPrepared(std::optional<WallTime> answered_at);
  void OnInitFailed(std::string_view body, std::optional<WallTime> answered_at);
  void OnResponse(FrameHeader header, std::string_view body, Packet& packet);
  void Answer(FrameHeader header, ResponseFrame frame, Packet& packet);
  void RefuseResponseSize();
  Result<std::string> TakeMemfd(Packet& packet, uint64_t bytes_max);
  void OnCall(FrameHeader header, std::string_view body, Packet& packet);
  void OnReply(HostReply reply);
  void OnChunk(FrameHeader header, std::string_view body);
  void PauseReading();
  void ResumeReading();
  void RefuseStreamSize();
  Status Watch();
  void DropCall();
  void OnFailure(std::string_view body, std::optional<WallTime> answered_at);
  void OnLog(std::string_view body);
  void OnCrash(std::string_view body);
  void LogCrash();
  const CrashFrame* CrashToTell() const;
  void BeginInit();
  void BeginInvoke();
  void GiveWindow(const Event& event, InvokeFrameView& frame);
  Result<std::string> TakeBody(FrameHeader header, ResponseFrame& frame, Packet& packet);
  InvokeFrameView FrameOf(const Event& event, const PhaseClock& now) const;
  void HandAhead(const Event& event, OnAttempt done);
  void BeginNext(MonotonicTime not_before);
  void SetHoldUp();
  static constexpr milliseconds kShortEvent{1};
  void GiveLane(InvokeFrameView& frame);
  Status MakeLane();
  void BeginUnsent();
  bool PutInLane(uint64_t sequence, std::string_view frame);
  size_t TakeAnswers(MonotonicTime now) override;
  bool Wake() override;
  bool BeginSleep() override;
  void EndSleep() override;
  bool LooksAtLane() const;
  void OnLaneAnswer(const EventLane::Answer& answer, MonotonicTime now);
  bool TakeBackHead();
  void DropLane();
  UniqueFd TheirEnd() const;
  bool IsHeadUnread(int theirs) const;
  void TakeBack();
  void TakeBackFromChannel(std::vector<Ahead>& taken);
  static void TellTurnNeverCame(Ahead ahead);
  enum class Sent { kYes, kNotRead, kGone };
  Sent TrySend(const std::string& packet, std::span<const int> fds);
  bool Send(const std::string& packet, std::span<const int> fds = {});
  bool IsAnswerToHead(FrameHeader header) const;
  void EndPhase(std::optional<WallTime> answered_at);
  void Fail(OutcomeKind kind, std::string type, std::string message);
  void FailAsUnexplained();
  void Succeed(std::string content_type, std::string payload);
  void Finish();
  bool IsIdleCpuTold() const;
  void OnReportLate();
  void OnTimeLimit();
  void EndWorker(std::string why, OutcomeKind blamed_as = OutcomeKind::kCrash);
  void BeginDying();
  void ExplainDeath();
  CgroupUsage CurrentUsage();
  uint64_t CurrentCpuUs();
  void Kill();
  uint64_t TellIdleCpu(uint64_t cpu_us);
  std::string Prefixed(const std::string& text) const;  // "RequestId: ... Error: text"

  // Constant after construction.
  WorkerContext& context_;
  const std::shared_ptr<const FunctionVersion> version_;
  const WorkerId id_;
  const uint64_t their_cookie_;
  const MonotonicTime asked_for_;
  // Owned.
  UniqueFd channel_;
  std::unique_ptr<Cgroup> cgroup_;
  std::unique_ptr<FdWatch> watch_;
  std::unique_ptr<OutputCapture> stdout_, stderr_;
  UniqueFd pidfd_;
  std::optional<BodyWindow> window_;  // while large bodies come one after the other
  std::optional<EventLane> lane_;     // while its events are short
  std::unique_ptr<FdWatch> bell_watch_;
  WorkerLog log_;
  IdleFreezer freezer_;
  // Mutable.
  WorkerState state_ = WorkerState::kForking;
  MonotonicTime state_since_;
  const char* state_why_ = "asked for";  // a literal: set for each event
  bool lent_ = false;                    // another loop has it
  std::function<void(WorkerNews)> on_news_;
  bool initialised_ = false;
  // Init ahead of events: who is told, since when it runs, what it took until the first event pays for it.
  std::function<void(Status)> prepared_;
  PhaseClock prepare_;
  nanoseconds prepare_took_{0};
  nanoseconds init_took_{0};
  bool ran_ = false;
  bool paused_ = false;         // its channel is not read: the client of what it streams is slow
  uint64_t sequence_ = 0;       // of the event that runs
  uint64_t last_sequence_ = 0;  // of the last that was sent
  std::vector<Ahead> behind_;   // in the order in which they were sent
  DeadlineTimer hold_up_;
  TakeBacks take_backs_ = TakeBacks::kNotAsked;
  bool large_bodies_ = false;  // since it was frozen last: the next one is worth a window
  bool window_given_ = false;  // for the answer to the event that runs
  uint32_t short_events_ = 0;  // since it was frozen last
  std::string unsent_;         // the Invoke that it is given at the end of this turn
  bool ring_ = false;          // something was put into its lane in this turn
  MonotonicTime looked_at_{};  // when the answer to the head was not in the lane
  bool slept_ = false;         // hearthd, since it looked last
  bool held_up_ = false;       // those behind an event had to be taken back since it last had none
  bool died_unread_ = false;   // it went with packets of ours that it had not read
  bool printed_ = false;       // to stdout or stderr, since its last answer
  bool output_lies_ = false;   // in its pipes, when it sent its last answer
  bool keeps_others_ = false;  // it calls functions or prints: whatever stood behind such an event would wait
  std::optional<CgroupUsage> usage_;  // as of `usage_read_at_`
  MonotonicTime usage_read_at_{};
  uint64_t cpu_us_before_ = 0;  // the cgroup's, when the running attempt began
  // The cgroup's, when it became idle; not there before it has done anything of the author's.
  std::optional<uint64_t> cpu_us_when_idle_;
  MonotonicTime idle_since_{};
  bool stood_still_ = false;   // it was frozen before the event that it runs
  bool packets_wait_ = false;  // at its last answer more were in the channel
  bool idle_cpu_flagged_ = false;
  uint64_t max_rss_kib_ = 0;
  std::optional<Running> running_;
  std::optional<CrashFrame> crash_;  // its last words, if it had any
  std::optional<WorkerDeath> exit_;
  std::string ended_because_;  // what hearthd held against it, when it was hearthd that ended it
  OutcomeKind ended_as_ = OutcomeKind::kCrash;  // and whose fault that was
  std::function<void(Status)> on_started_;
  std::function<void()> on_idle_death_;
  Timer limit_;  // of its start, its init and its end
  Timer report_limit_;
  DeadlineTimer invoke_limit_;
  WeakPtrFactory<WorkerProcess> weak_{this};
};

}  // namespace hearth
