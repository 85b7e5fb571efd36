#include <utility>

#include "runtime/base/files.h"
#include "runtime/pool/worker_process.h"

// What a worker asks for while it runs an event: that another function be run.

namespace hearth {

void WorkerProcess::OnCall(FrameHeader header, std::string_view body, Packet& packet) {
  auto frame = DecodeCall(body, header.flags);
  if (!frame || frame->type > static_cast<uint8_t>(HostCall::Type::kEvent))
    return EndWorker("its Call frame is malformed");
  keeps_others_ = true;
  TakeBack();
  packets_wait_ = false;  // it waits for us now; what its threads log wakes us again
  HostReply refusal;
  std::string payload = std::move(frame->payload);
  if ((header.flags & kFlagBodyInMemfd) != 0) {
    auto large = TakeMemfd(packet, context_.call_bytes_max);
    if (!large.ok() && large.error().code != ErrorCode::kTooLarge)
      return EndWorker("its Call frame is malformed: " + large.error().message);
    if (large.ok()) {
      payload = std::move(large).value();
    } else {
      refusal.error_type = "RequestTooLargeException";
      refusal.error_message = "the payload of the call of " + frame->function + ": " + large.error().message;
    }
  }
  if (context_.calls == nullptr) refusal.error_type = "ServiceUnavailableException";
  if (!refusal.error_type.empty()) {
    running_->call = UINT64_MAX;
    return OnReply(std::move(refusal));
  }
  HostCall call;
  call.type = static_cast<HostCall::Type>(frame->type);
  call.function = std::move(frame->function);
  call.qualifier = std::move(frame->qualifier);
  call.content_type = std::move(frame->content_type);
  call.payload = std::move(payload);
  call.wait_max = nanoseconds(static_cast<int64_t>(std::min<uint64_t>(frame->timeout_ns, INT64_MAX)));
  if (call.wait_max > version_->settings.timeout) call.wait_max = nanoseconds(0);  // its own ends it earlier
  call.caller = running_->event;
  call.deadline = running_->deadline;
  running_->call = context_.calls->Call(std::move(call), [weak = weak_.Get()](HostReply reply) {
    if (weak) weak->OnReply(std::move(reply));
  });
}

void WorkerProcess::OnReply(HostReply reply) {
  running_->call = 0;  // dropped, no reply would come
  ReplyFrame frame;
  frame.status = static_cast<uint8_t>(reply.status);
  frame.content_type = std::move(reply.content_type);
  frame.error_type = std::move(reply.error_type);
  frame.error_message = std::move(reply.error_message);
  frame.request_id = std::move(reply.request_id);
  frame.executed_version = std::move(reply.executed_version);
  std::string packet;
  UniqueFd memfd;
  if (EncodeReply(sequence_, frame, reply.payload, packet) == BodyPlace::kMemfd) {
    auto body = MakeSealedMemfd("hearth-reply", reply.payload);
    if (!body.ok()) {
      return EndWorker("the answer to its call could not be handed over: " + body.error().message,
                       OutcomeKind::kPlatformFault);
    }
    memfd = std::move(body).value();
  }
  const int fds[] = {memfd.get()};
  // Gone: its end is being told.
  (void)TrySend(packet, std::span(fds, memfd.valid() ? 1 : 0));
}

void WorkerProcess::OnChunk(FrameHeader header, std::string_view body) {
  auto frame = DecodeChunk(body, header.flags);
  if (!frame) return EndWorker("its Chunk frame is malformed");
  uint64_t& sent = running_->attempt.streamed_bytes;
  ResponseStream& stream = *running_->event->stream;
  if (frame->payload.empty()) return EndWorker("it sent a Chunk of nothing");
  if (sent + frame->payload.size() > context_.stream_bytes_max) return RefuseStreamSize();
  if (sent == 0) stream.Begin(std::move(frame->content_type));
  sent += frame->payload.size();
  stream.Write(std::move(frame->payload));
  if (stream.bytes_waiting() > kStreamWindow) PauseReading();
}

// Its answer is cut off: it is ended, since it would write on.
void WorkerProcess::RefuseStreamSize() {
  EndPhase(std::nullopt);
  const std::string limit = std::to_string(context_.stream_bytes_max);
  SetState(WorkerState::kDying, "streamed too much");
  watch_.reset();
  channel_.Reset();
  Kill();
  running_->attempt.kind = OutcomeKind::kFunctionError;  // the handler's doing, but it does not go on
  running_->attempt.error.type = "Function.ResponseSizeTooLarge";
  running_->attempt.error.message =
      "Streamed response payload size exceeded maximum allowed payload size (" + limit + " bytes).";
  Finish();
}

// Until the client has taken what there is: the worker waits in its own channel, and runs on towards its time limit.
void WorkerProcess::PauseReading() {
  paused_ = true;
  watch_.reset();
  running_->event->stream->OnRoom([weak = weak_.Get()] {
    if (weak) weak->ResumeReading();
  });
}

void WorkerProcess::ResumeReading() {
  if (!std::exchange(paused_, false) || !channel_.valid()) return;
  if (const Status watched = Watch(); !watched.ok())
    EndWorker("its channel cannot be watched: " + watched.error().message, OutcomeKind::kPlatformFault);
}

// Whoever waited for it has ended.
void WorkerProcess::DropCall() {
  if (!running_ || running_->call == 0) return;
  context_.calls->Drop(std::exchange(running_->call, 0));
}

}  // namespace hearth
