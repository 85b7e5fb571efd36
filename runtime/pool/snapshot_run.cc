#include "runtime/pool/snapshot_run.h"

#include <cstdio>
#include <utility>

#include "runtime/base/pipe.h"
#include "runtime/wire/packet.h"

namespace hearth {
namespace {

// One that writes without end holds up nobody, its own time limit least of all.
constexpr size_t kPacketsPerTurn = 64;
// More than a channel can hold, as of a worker.
constexpr size_t kPacketsQueuedMax = 1024;

// "201.33 ms", as REPORT has it.
std::string Millis(nanoseconds time) {
  char text[40];
  std::snprintf(text, sizeof text, "%.2f ms", std::chrono::duration<double, std::milli>(time).count());
  return text;
}

}  // namespace

Result<std::unique_ptr<SnapshotRun>> SnapshotRun::Create(WorkerContext& context,
                                                         std::shared_ptr<const FunctionVersion> version,
                                                         std::function<void(Error)> broken) {
  HEARTH_ASSIGN(PacketSocketPair channel, MakePacketSocketPair());
  HEARTH_ASSIGN(Pipe out, MakePipe(PipeEnd::kRead));
  HEARTH_ASSIGN(Pipe err, MakePipe(PipeEnd::kRead));
  std::unique_ptr<SnapshotRun> run(new SnapshotRun(context, std::move(version), std::move(broken)));
  SnapshotRun* const raw = run.get();
  run->channel_ = std::move(channel.ours);
  run->theirs_ = std::move(channel.theirs);
  run->their_stdout_ = std::move(out.write);
  run->their_stderr_ = std::move(err.write);
  HEARTH_ASSIGN(run->watch_, FdWatch::Create(context.loop, run->channel_.get(), FdEvents::kReadable,
                                             [raw](FdEvents) { raw->ReadPackets(kPacketsPerTurn); }));
  HEARTH_ASSIGN(run->stdout_,
                OutputCapture::Create(context.loop, std::move(out.read), [raw](std::string_view line) {
                  raw->log_.Print(LogSource::kStdout, line);
                }));
  HEARTH_ASSIGN(run->stderr_,
                OutputCapture::Create(context.loop, std::move(err.read), [raw](std::string_view line) {
                  raw->log_.Print(LogSource::kStderr, line);
                }));
  return run;
}

SnapshotRun::SnapshotRun(WorkerContext& context, std::shared_ptr<const FunctionVersion> version,
                         std::function<void(Error)> broken)
    : context_(context),
      version_(std::move(version)),
      log_(context.loop.clock(), {context.logs, context.observer}, version_, context.output_bytes_max),
      broken_(std::move(broken)) {
  log_.BeginAttempt({});
}

void SnapshotRun::ClosePassed() {
  for (UniqueFd* fd : {&theirs_, &their_stdout_, &their_stderr_}) fd->Reset();
}

void SnapshotRun::ReadPackets(size_t packets_max) {
  for (size_t n = 0; n < packets_max && channel_.valid(); ++n) {
    const auto received = ReceivePacket(channel_.get(), FdPolicy::kRefuse);
    if (!received.ok()) return Break(ErrorCode::kBadArtefact, received.error().message);
    if (received->kind == ReceivedPacket::Kind::kWouldBlock) return;
    if (received->kind == ReceivedPacket::Kind::kEndOfFile) {
      watch_.reset();
      channel_.Reset();
      return;
    }
    OnPacket(received->packet);
  }
}

void SnapshotRun::OnPacket(const Packet& packet) {
  std::string_view body;
  const auto header = TakeHeader(packet.bytes, body);
  const auto kind = header ? static_cast<WorkerFrameKind>(header->kind) : WorkerFrameKind::kInvoke;
  if (kind == WorkerFrameKind::kStarted && !running_ && DecodeStarted(body)) return BeginInit();
  const bool over = ready_ || failed_;
  if (running_ && kind == WorkerFrameKind::kLog) {
    if (const auto frame = DecodeLog(body))
      return log_.Keep(frame->level, frame->message, frame->fields_json);
  } else if (running_ && !over && kind == WorkerFrameKind::kReady) {
    limit_.Cancel();
    took_ = phase_.Took(context_.loop.clock(), packet.sent_at);
    ready_ = true;
    return;
  } else if (running_ && !over && kind == WorkerFrameKind::kInitFailed) {
    limit_.Cancel();
    took_ = phase_.Took(context_.loop.clock(), packet.sent_at);
    failed_ = DecodeError(body);
    if (failed_) return;
  }
  Break(ErrorCode::kBadArtefact, "the process that its workers are to be copies of sent a frame out of turn");
}

void SnapshotRun::BeginInit() {
  running_ = true;
  phase_.Begin(context_.loop.clock());
  limit_ = context_.loop.After(context_.init_limit, [this] { OnLimit(); });
  const auto sent = SendPacket(channel_.get(), EncodeEmpty(WorkerFrameKind::kInit));
  if (!sent.ok() || *sent != SendOutcome::kSent)
    Break(ErrorCode::kUnavailable, "the process that its workers are to be copies of takes no frame");
}

void SnapshotRun::OnLimit() {
  took_ = context_.init_limit;
  failed_ =
      ErrorFrame{"Sandbox.Timedout", "init and before_checkpoint had not ended after " + Millis(took_), {}};
  Break(ErrorCode::kBadArtefact, failed_->type + ": " + failed_->message);
}

void SnapshotRun::Break(ErrorCode code, std::string why) {
  limit_.Cancel();
  ready_ = false;
  watch_.reset();
  channel_.Reset();
  if (!failed_) failed_ = ErrorFrame{"Runtime.ProtocolError", why, {}};
  if (broken_) {
    context_.loop.Post([broken = std::exchange(broken_, nullptr), code, why = std::move(why)] {
      broken(Error{code, "run init: " + why});
    });
  }
}

void SnapshotRun::End(const Status& made) {
  if (std::exchange(ended_, true)) return;
  ReadPackets(kPacketsQueuedMax);
  limit_.Cancel();
  broken_ = nullptr;
  stdout_->Drain();
  stderr_->Drain();
  stdout_->Flush();
  stderr_->Flush();
  log_.TellCut();
  if (!ready_ && !failed_)
    failed_ = ErrorFrame{"Runtime.ExitError", made.ok() ? "it said nothing" : made.error().message, {}};
  if (running_) Report();
}

// As Lambda has it for an init that is no invocation's.
void SnapshotRun::Report() {
  std::string line = "INIT_REPORT Init Duration: " + Millis(took_) + "\tPhase: snapshot";
  if (!ready_) {
    line += "\tStatus: error\tError Type: " + failed_->type + "\tError: " + failed_->message;
    if (!failed_->stack.empty()) line += "\tStack: " + failed_->stack;
  }
  log_.Tell(line, ready_ ? kLogInfo : kLogError);
}

}  // namespace hearth
