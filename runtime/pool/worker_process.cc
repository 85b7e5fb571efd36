#include "runtime/pool/worker_process.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

#include "runtime/base/files.h"

namespace hearth {
namespace {

// A worker that reads nothing fills its socket; then the next frame cannot be sent, which no honest worker
// causes.
constexpr char kDoesNotRead[] = "the worker does not read its channel";

// Of one worker, before other work of the loop gets its turn: one that writes without end holds up nobody,
// its own time limit least of all.
constexpr size_t kPacketsPerTurn = 64;

}  // namespace

Result<std::unique_ptr<WorkerProcess>> WorkerProcess::Create(WorkerContext& context,
                                                             std::shared_ptr<const FunctionVersion> version,
                                                             Parts parts) {
  UniqueFd stdout_pipe = std::move(parts.stdout_pipe), stderr_pipe = std::move(parts.stderr_pipe);
  std::unique_ptr<WorkerProcess> worker(new WorkerProcess(context, std::move(version), std::move(parts)));
  WorkerProcess* raw = worker.get();
  HEARTH_TRY(worker->Watch());
  HEARTH_ASSIGN(worker->stdout_,
                worker->Capture(std::move(stdout_pipe), LogSource::kStdout, worker->stdout_));
  HEARTH_ASSIGN(worker->stderr_,
                worker->Capture(std::move(stderr_pipe), LogSource::kStderr, worker->stderr_));
  worker->limit_ = context.loop.After(context.start_limit, [raw] {
    raw->EndWorker("it did not start within " + std::to_string(raw->context_.start_limit.count()) + " ms");
  });
  return worker;
}

Result<std::unique_ptr<OutputCapture>> WorkerProcess::Capture(
    UniqueFd pipe, LogSource source, const std::unique_ptr<OutputCapture>& captured) {
  return OutputCapture::Create(
      context_.loop, std::move(pipe),
      [this, source](std::string_view line) {
        printed_ = true;
        log_.Print(source, line);
      },
      [this, &captured] { OnOutput(*captured); });
}

// What an event prints whose turn came with an answer that is still unread is not of the event before.
void WorkerProcess::OnOutput(OutputCapture& capture) {
  const WeakPtr<WorkerProcess> self = weak_.Get();
  if (!behind_.empty()) ReadPackets(kPacketsPerTurn);
  if (self) capture.Drain();
}

Status WorkerProcess::Watch() {
  HEARTH_ASSIGN(watch_, FdWatch::Create(context_.loop, channel_.get(), FdEvents::kReadable,
                                        [this](FdEvents) { ReadPackets(kPacketsPerTurn); }));
  return Ok();
}

WorkerProcess::WorkerProcess(WorkerContext& context, std::shared_ptr<const FunctionVersion> version,
                             Parts parts)
    : context_(context),
      version_(std::move(version)),
      id_(parts.id),
      their_cookie_(parts.their_cookie),
      asked_for_(context.loop.clock().Now()),
      channel_(std::move(parts.channel)),
      cgroup_(std::move(parts.cgroup)),
      log_(context.loop.clock(), {context.logs, context.observer}, version_, context.output_bytes_max),
      freezer_(context.loop, context.idle_linger, cgroup_.get(),
               {[this] {
                  window_.reset();
                  large_bodies_ = false;
                  DropLane();
                  SetState(WorkerState::kFrozen, "idle for the linger");
                },
                [this](std::string_view why) {
                  log_.Tell("a worker without an event could not be frozen: " + std::string(why));
                }}),
      state_since_(asked_for_),
      hold_up_(context.loop, [this] { TakeBack(); }),
      invoke_limit_(context.loop, [this] { OnTimeLimit(); }) {}

WorkerProcess::~WorkerProcess() {
  if (context_.lanes != nullptr) context_.lanes->Remove(*this);
  if (lent_) return;
  Kill();
  if (cpu_us_when_idle_) (void)TellIdleCpu(CurrentCpuUs());
  log_.TellCut();
  SetState(WorkerState::kGone, "gone");
}

// A task that cgroup v1 has frozen dies when it is thawed, and not before.
void WorkerProcess::Kill() {
  if (pidfd_.valid()) syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
  (void)freezer_.EndIdle();
}

WorkerLife WorkerProcess::life() const {
  const bool explained = state_ == WorkerState::kDying && !ended_because_.empty();
  return {state_, state_since_, explained ? ended_because_ : state_why_};
}

void WorkerProcess::SetState(WorkerState state, const char* why) {
  SetState(state, why, context_.loop.clock().Now());
}

void WorkerProcess::SetState(WorkerState state, const char* why, MonotonicTime since) {
  if (state == state_) return;
  const WorkerState from = std::exchange(state_, state);
  state_since_ = since;
  state_why_ = why;
  context_.observer.OnWorkerState(*version_, id_, from, state);
}

void WorkerProcess::ReadPackets(size_t packets_max) {
  const WeakPtr<WorkerProcess> self = weak_.Get();
  for (size_t n = 0; n < packets_max && self && channel_.valid() && !(paused_ && !exit_); ++n) {
    auto received = ReceivePacket(channel_.get(), FdPolicy::kAccept);
    // What it put into its lane it had done before it sent anything more.
    if (lane_) (void)TakeAnswers(context_.loop.clock().Now());
    if (!self) return;
    if (!received.ok()) return EndWorker(received.error().message);
    if (received->kind == ReceivedPacket::Kind::kWouldBlock) return;
    if (received->kind == ReceivedPacket::Kind::kEndOfFile && received->unread) {
      died_unread_ = true;  // told before what it had said, which still counts
      continue;
    }
    if (received->kind == ReceivedPacket::Kind::kEndOfFile) {
      // Until it has said something there is one frame on its way, the event or the Init before it: it died before it
      // knew of the event. With others behind it nobody can tell which were read.
      if (died_unread_ && running_ && !running_->heard && behind_.empty() && !running_->in_lane)
        running_->attempt.delivered = false;
      return BeginDying();
    }
    packets_wait_ = true;
    OnPacket(std::move(received->packet));
    if (self && !packets_wait_) return;
  }
}

void WorkerProcess::OnPacket(Packet packet) {
  std::string_view body;
  const auto header = TakeHeader(packet.bytes, body);
  if (!header) return EndWorker("it sent a packet that is no frame of this wire version");
  if (running_ && state_ == WorkerState::kBusy) running_->heard = true;
  switch (static_cast<WorkerFrameKind>(header->kind)) {
    case WorkerFrameKind::kStarted:
      if (state_ == WorkerState::kForking) return OnStarted(packet.sender, body);
      break;
    case WorkerFrameKind::kReady:
      if (state_ == WorkerState::kInitialising) return OnReady(packet.sent_at);
      break;
    case WorkerFrameKind::kInitFailed:
      if (state_ == WorkerState::kInitialising) return OnInitFailed(body, packet.sent_at);
      break;
    case WorkerFrameKind::kResponse:
      if (IsAnswerToHead(*header)) return OnResponse(*header, body, packet);
      break;
    case WorkerFrameKind::kFailure:
      output_lies_ = (header->flags & kFlagOutput) != 0;
      if (IsAnswerToHead(*header)) return OnFailure(body, packet.sent_at);
      break;
    case WorkerFrameKind::kCall:
      if (IsAnswerToHead(*header)) return OnCall(*header, body, packet);
      break;
    case WorkerFrameKind::kChunk:
      if (IsAnswerToHead(*header) && running_->event->stream) return OnChunk(*header, body);
      break;
    case WorkerFrameKind::kLog:
      if (state_ != WorkerState::kForking) return OnLog(body);
      break;
    case WorkerFrameKind::kCrash:
      if (state_ != WorkerState::kForking) return OnCrash(body);
      break;
    default:
      break;
  }
  const bool calling = running_ && running_->call != 0;
  EndWorker("it sent frame kind " + std::to_string(header->kind) + " while " + std::string(NameOf(state_)) +
            (calling ? " and waiting for the answer to a call" : ""));
}

bool WorkerProcess::IsAnswerToHead(FrameHeader header) const {
  return state_ == WorkerState::kBusy && header.sequence == sequence_ && running_->call == 0;
}

void WorkerProcess::OnStarted(pid_t sender, std::string_view body) {
  if (!DecodeStarted(body)) return EndWorker("its Started frame is malformed");
  pidfd_.Reset(static_cast<int>(syscall(SYS_pidfd_open, sender, 0)));
  if (!pidfd_.valid()) return EndWorker("its process cannot be held: " + ErrnoError("pidfd_open").message);
  limit_.Cancel();
  const MonotonicTime now = context_.loop.clock().Now();
  SetState(WorkerState::kIdle, "started", now);
  freezer_.SetProcess(pidfd_.get());
  freezer_.BeginIdle(now);
  context_.observer.OnWorkerStarted(*version_, now - asked_for_);
  if (auto started = std::exchange(on_started_, nullptr)) started(Ok());
}

void WorkerProcess::OnForkFailed(Error error) {
  // Its channel may have told of the end before init could.
  if (state_ != WorkerState::kForking && !(state_ == WorkerState::kDying && on_started_)) return;
  limit_.Cancel();
  watch_.reset();
  SetState(WorkerState::kDying, "could not be started");
  if (auto started = std::exchange(on_started_, nullptr)) started(std::move(error));
}

void WorkerProcess::Run(const Event& event, OnAttempt done) {
  if (running_) return HandAhead(event, std::move(done));
  CHECK_TRUE((state_ == WorkerState::kIdle || state_ == WorkerState::kFrozen) && !running_);
  log_.BeginAttempt(event.request_id.text());
  running_.emplace();
  running_->event = &event;
  running_->done = std::move(done);
  running_->attempt.cold = !std::exchange(ran_, true) && !initialised_;
  running_->attempt.init = std::exchange(prepare_took_, nanoseconds(0));
  stood_still_ = state_ == WorkerState::kFrozen;
  const Status thawed = freezer_.EndIdle();
  running_->attempt.began = context_.loop.clock().Now();
  if (!thawed.ok()) {
    running_->attempt.delivered = false;
    return EndWorker("it could not be thawed: " + thawed.error().message, OutcomeKind::kPlatformFault);
  }
  if (initialised_) {
    BeginInvoke();
  } else {
    BeginInit();
  }
}

void WorkerProcess::Prepare(std::function<void(Status)> done) {
  CHECK_TRUE(usable() && !initialised_ && !running_);
  prepared_ = std::move(done);
  prepare_.Begin(context_.loop.clock());
  if (const Status thawed = freezer_.EndIdle(); !thawed.ok())
    return EndWorker("it could not be thawed: " + thawed.error().message, OutcomeKind::kPlatformFault);
  SetState(WorkerState::kInitialising, "init ahead of events");
  if (!Send(EncodeEmpty(WorkerFrameKind::kInit))) return;
  limit_ = context_.loop.After(context_.init_limit, [this] {
    EndWorker("its init did not end within " + std::to_string(context_.init_limit.count()) + " ms");
  });
}

void WorkerProcess::OnPrepared(std::optional<WallTime> answered_at) {
  limit_.Cancel();
  prepare_took_ = prepare_.Took(context_.loop.clock(), answered_at);
  init_took_ = prepare_took_;
  initialised_ = true;
  SetState(WorkerState::kIdle, "initialised ahead of events");
  cpu_us_when_idle_ = CurrentCpuUs();
  freezer_.BeginIdle(state_since_);
  std::exchange(prepared_, nullptr)(Ok());
}

void WorkerProcess::BeginInit() {
  SetState(WorkerState::kInitialising, "init for its first event");
  running_->phase.Begin(context_.loop.clock());
  if (!Send(EncodeEmpty(WorkerFrameKind::kInit))) return;
  limit_ = context_.loop.After(context_.init_limit, [this] { OnTimeLimit(); });
}

void WorkerProcess::OnReady(std::optional<WallTime> answered_at) {
  if (prepared_) return OnPrepared(answered_at);
  limit_.Cancel();
  EndPhase(answered_at);
  initialised_ = true;
  init_took_ = running_->attempt.init;
  BeginInvoke();
}

void WorkerProcess::OnInitFailed(std::string_view body, std::optional<WallTime> answered_at) {
  auto error = DecodeError(body);
  if (!error) return EndWorker("its InitFailed frame is malformed");
  if (prepared_) return EndWorker("its init failed: " + error->type + ": " + error->message);
  EndPhase(answered_at);
  running_->attempt.error = {std::move(error->type), std::move(error->message), std::move(error->stack)};
  running_->attempt.kind = OutcomeKind::kInitError;
  BeginDying();
}

InvokeFrameView WorkerProcess::FrameOf(const Event& event, const PhaseClock& now) const {
  const nanoseconds limit = version_->settings.timeout;
  InvokeFrameView frame;
  frame.request_id = event.request_id.text();
  frame.trace_id = event.trace_id;
  frame.content_type = event.content_type;
  frame.function_arn = version_->arn;
  frame.client_context = event.client_context;
  frame.deadline_monotonic_ns = static_cast<uint64_t>((now.began() + limit).time_since_epoch().count());
  const auto deadline_wall = now.began_wall() + limit;
  frame.deadline_unix_ms = std::chrono::duration_cast<milliseconds>(deadline_wall.time_since_epoch()).count();
  frame.attempt = event.attempt;
  frame.trigger = static_cast<uint8_t>(event.trigger);
  frame.hops = event.hops;
  frame.traceparent = event.traceparent;
  frame.tracestate = event.tracestate;
  frame.lane = lane_.has_value();
  frame.streamed = event.stream != nullptr;
  if (event.object) {
    const EventObject& object = *event.object;
    frame.object = {object.inode, object.size, object.mtime_ns, object.ctime_ns, object.problem};
  }
  return frame;
}

void WorkerProcess::BeginInvoke() {
  const Event& event = *running_->event;
  running_->phase.Begin(context_.loop.clock());
  running_->deadline = running_->phase.began() + version_->settings.timeout;
  SetState(WorkerState::kBusy, "an event", running_->phase.began());
  InvokeFrameView frame = FrameOf(event, running_->phase);
  frame.cold = running_->attempt.cold ? 1 : 0;

  std::string& packet = context_.frame_buffer;
  UniqueFd memfd;
  sequence_ = ++last_sequence_;
  GiveWindow(event, frame);
  GiveLane(frame);
  if (EncodeInvoke(sequence_, frame, event.payload, packet) == BodyPlace::kMemfd) {
    auto body = MakeSealedMemfd("hearth-event", event.payload);
    if (!body.ok()) {
      return EndWorker("its event could not be handed over: " + body.error().message,
                       OutcomeKind::kPlatformFault);
    }
    memfd = std::move(body).value();
    large_bodies_ = true;
  }
  if (IsIdleCpuTold()) {
    cpu_us_before_ = CurrentCpuUs();
    if (cpu_us_when_idle_) running_->attempt.idle_cpu_us = TellIdleCpu(cpu_us_before_);
  } else {
    cpu_us_before_ = *std::exchange(cpu_us_when_idle_, std::nullopt);
  }
  invoke_limit_.Set(running_->deadline);
  int fds[3 + kLaneFds];
  size_t count = 0;
  if (frame.new_window) fds[count++] = window_->fd();
  if (frame.new_lane) {
    for (const int fd : lane_->fds()) fds[count++] = fd;
  }
  if (memfd.valid()) fds[count++] = memfd.get();
  if (event.object && event.object->fd.valid()) fds[count++] = event.object->fd.get();
  // Others that come in this turn may stand behind it: it is woken for all of them.
  if (count == 0 && lane_) return std::swap(unsent_, packet);
  running_->phase.Begin(context_.loop.clock());
  // The file is the worker's from here on: open with us it would hold up who unmounts its folder.
  if (!Send(packet, std::span(fds, count))) return;
  if (event.object) event.object->fd.Reset();
  if (lane_ && !frame.new_lane) lane_->RingForPacket();
}

// From the second large body on that comes while it is awake. Where there can be none, each has a memfd of its own.
void WorkerProcess::GiveWindow(const Event& event, InvokeFrameView& frame) {
  if (!window_ && large_bodies_) {
    if (auto made = BodyWindow::Make(context_.body_windows_left); made.ok()) {
      window_.emplace(std::move(made).value());
      frame.new_window = true;
    }
  }
  window_given_ = frame.window = window_.has_value();
  const size_t size = event.payload.size();
  if (!window_ || size <= kInlineBytesMax || size >= kWindowBodyBytesMax) return;
  // With the zero behind it, which a std::string has.
  if (window_->PutEvent({event.payload.c_str(), size + 1}).ok()) frame.bytes_in_window = size;
}

WorkerProcess::Sent WorkerProcess::TrySend(const std::string& packet, std::span<const int> fds) {
  const auto sent = SendPacket(channel_.get(), packet, fds);
  if (!sent.ok()) return Sent::kGone;
  if (*sent == SendOutcome::kSent) return Sent::kYes;
  EndWorker(kDoesNotRead);
  return Sent::kNotRead;
}

bool WorkerProcess::Send(const std::string& packet, std::span<const int> fds) {
  const Sent sent = TrySend(packet, fds);
  if (sent == Sent::kGone) {
    if (running_) running_->attempt.delivered = false;
    EndWorker("it had gone before it got the event", OutcomeKind::kPlatformFault);
  }
  return sent == Sent::kYes;
}

// Of a frame that promises one.
Result<std::string> WorkerProcess::TakeMemfd(Packet& packet, uint64_t bytes_max) {
  if (packet.fds.size() != 1) return Error{ErrorCode::kCorrupt, "it promises a memfd that is not there"};
  return ReadSealedBody(packet.fds[0].get(), bytes_max);
}

void WorkerProcess::OnResponse(FrameHeader header, std::string_view body, Packet& packet) {
  auto frame = DecodeResponse(body, header.flags);
  if (!frame) return EndWorker("its Response frame is malformed");
  output_lies_ = (header.flags & kFlagOutput) != 0;
  EndPhase(packet.sent_at);
  Answer(header, std::move(*frame), packet);
}

void WorkerProcess::Answer(FrameHeader header, ResponseFrame frame, Packet& packet) {
  auto payload = TakeBody(header, frame, packet);
  if (!payload.ok() && payload.error().code != ErrorCode::kTooLarge)
    return EndWorker("its Response frame is malformed: " + payload.error().message);
  if (!payload.ok() || payload->size() > context_.response_bytes_max) return RefuseResponseSize();
  Succeed(std::move(frame.content_type), std::move(payload).value());
}

Result<std::string> WorkerProcess::TakeBody(FrameHeader header, ResponseFrame& frame, Packet& packet) {
  const bool memfd = (header.flags & kFlagBodyInMemfd) != 0;
  if (!memfd && !frame.bytes_in_window) return std::move(frame.payload);
  large_bodies_ = true;
  if (!frame.bytes_in_window) return TakeMemfd(packet, context_.response_bytes_max);
  if (memfd || !window_ || !window_given_)
    return Error{ErrorCode::kCorrupt, "it has put its answer where it may not"};
  return window_->TakeAnswer(*frame.bytes_in_window);
}

void WorkerProcess::RefuseResponseSize() {
  Fail(OutcomeKind::kFunctionError, "Function.ResponseSizeTooLarge",
       "Response payload size exceeded maximum allowed payload size (" +
           std::to_string(context_.response_bytes_max) + " bytes).");
}

void WorkerProcess::OnFailure(std::string_view body, std::optional<WallTime> answered_at) {
  auto error = DecodeError(body);
  if (!error) return EndWorker("its Failure frame is malformed");
  EndPhase(answered_at);
  running_->attempt.error.stack_json = std::move(error->stack);
  Fail(OutcomeKind::kFunctionError, std::move(error->type), std::move(error->message));
}

void WorkerProcess::OnLog(std::string_view body) {
  const auto frame = DecodeLog(body);
  if (!frame) return EndWorker("its Log frame is malformed");
  log_.Keep(frame->level, frame->message, frame->fields_json);
}

// Kept until it is known how the process ended.
void WorkerProcess::OnCrash(std::string_view body) {
  crash_ = DecodeCrash(body);
  if (!crash_) return EndWorker("its Crash frame is malformed");
  if (!report_limit_.armed())
    report_limit_ = context_.loop.After(context_.crash_report_wait, [this] { OnReportLate(); });
}

// Its own words stay its own: as what it wrote to stderr, behind a word that no other line has to have.
void WorkerProcess::LogCrash() {
  const CrashFrame* const crash = CrashToTell();
  if (crash == nullptr) return;
  log_.Tell("a worker crashed: " + TextOf(*exit_, crash));
  log_.PrintCrash(LinesOf(*crash));
}

const CrashFrame* WorkerProcess::CrashToTell() const {
  return crash_ && exit_ && Explains(*crash_, *exit_) ? &*crash_ : nullptr;
}

// The clock stops here, before anything else is done about an answer.
void WorkerProcess::EndPhase(std::optional<WallTime> answered_at) {
  const nanoseconds took = running_->phase.Took(context_.loop.clock(), answered_at);
  (state_ == WorkerState::kInitialising ? running_->attempt.init : running_->attempt.duration) = took;
}

void WorkerProcess::Succeed(std::string content_type, std::string payload) {
  running_->attempt.kind = OutcomeKind::kSuccess;
  running_->attempt.content_type = std::move(content_type);
  running_->attempt.payload = std::move(payload);
  if (behind_.empty()) SetState(WorkerState::kIdle, "answered", Ended());
  Finish();
}

void WorkerProcess::Fail(OutcomeKind kind, std::string type, std::string message) {
  running_->attempt.kind = kind;
  running_->attempt.error.type = std::move(type);
  running_->attempt.error.message = std::move(message);
  if (kind == OutcomeKind::kFunctionError && behind_.empty())
    SetState(WorkerState::kIdle, "answered with an error", Ended());
  Finish();
}

MonotonicTime WorkerProcess::Ended() const { return running_->phase.began() + running_->attempt.duration; }

void WorkerProcess::Finish() {
  limit_.Cancel();
  invoke_limit_.Lift();
  hold_up_.Lift();
  TakeOutput();
  keeps_others_ = std::exchange(printed_, false) || keeps_others_;
  log_.TellCut();
  Attempt& attempt = running_->attempt;
  TellUsage(attempt);
  if (attempt.duration <= kShortEvent) ++short_events_;
  if (state_ == WorkerState::kIdle) {
    held_up_ = false;
    cpu_us_when_idle_ = std::max(usage_->cpu_us, cpu_us_before_);
    idle_since_ = Ended();
    freezer_.BeginIdle(idle_since_);
  }
  const auto done = std::move(running_->done);
  Attempt finished = std::move(attempt);
  // A worker that has printed waits, before it begins the next event, until that is taken.
  const MonotonicTime ended =
      output_lies_ ? context_.loop.clock().Now() : running_->phase.began() + finished.duration;
  log_.EndAttempt();
  running_.reset();
  if (lane_ && state_ != WorkerState::kBusy) context_.lanes->Remove(*this);
  std::vector<Ahead> never;
  if (state_ == WorkerState::kBusy) {
    BeginNext(ended);
  } else {
    never = std::exchange(behind_, {});
  }
  done(std::move(finished));  // may destroy us
  for (Ahead& ahead : never) TellTurnNeverCame(std::move(ahead));
}

// What it wrote until now belongs to the attempt that ends, also a line without an end; unless others stand behind it and
// it had written nothing when it answered: then it is of the next, and the channel is simply read on. Mostly there is
// nothing, and no further packet either: one call asks for all three. A worker that answers in its lane has looked
// itself.
void WorkerProcess::TakeOutput() {
  const bool its_own = behind_.empty() || output_lies_ || state_ != WorkerState::kBusy;
  packets_wait_ = true;
  if (its_own && !running_->answered_in_lane) DrainOutput();
  stdout_->Flush();
  stderr_->Flush();
}

void WorkerProcess::DrainOutput() {
  pollfd waiting[] = {{channel_.get(), POLLIN, 0}, {stdout_->fd(), POLLIN, 0}, {stderr_->fd(), POLLIN, 0}};
  const bool known = poll(waiting, std::size(waiting), 0) >= 0;
  packets_wait_ = !known || waiting[0].revents != 0;
  if (!known || waiting[1].revents != 0) stdout_->Drain();
  if (!known || waiting[2].revents != 0) stderr_->Drain();
}

}  // namespace hearth
