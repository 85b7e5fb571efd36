#include <utility>

#include "runtime/base/files.h"
#include "runtime/pool/worker_process.h"

// What a worker asks for while it runs an event: that another function be run.

namespace hearth {

void WorkerProcess::OnCall(FrameHeader header, std::string_view body, Packet& packet) {
  auto frame = DecodeCall(body, header.flags);
  if (!frame || frame->type > static_cast<uint8_t>(HostCall::Type::kEvent))
    return EndWorker("its Call frame is malformed");
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

// Whoever waited for it has ended.
void WorkerProcess::DropCall() {
  if (!running_ || running_->call == 0) return;
  context_.calls->Drop(std::exchange(running_->call, 0));
}

}  // namespace hearth
