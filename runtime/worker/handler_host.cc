#include "runtime/worker/handler_host.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

#include "runtime/base/files.h"
#include "runtime/base/json_text.h"
#include "runtime/base/log_levels.h"
#include "runtime/worker/stages.h"

namespace hearth {
namespace {

constexpr std::string_view kJson = "application/json";

std::string_view View(hearth_bytes bytes) {
  return bytes.data == nullptr ? std::string_view() : std::string_view(bytes.data, bytes.size);
}

hearth_bytes BytesOf(std::string_view text) { return {text.data(), text.size()}; }

bool IsInvalid(hearth_bytes bytes) { return bytes.data == nullptr && bytes.size != 0; }

// At most `limit` bytes, not ending within a character of UTF-8.
std::string_view Cut(std::string_view text, size_t limit) {
  if (text.size() <= limit) return text;
  size_t end = limit;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

// Nothing of C++ may unwind through the library's C frames or ours: an exception here is std::terminate,
// hence abort.
int CallInit(const hearth_function& f, const hearth_host& host, const hearth_init& init,
             void** state) noexcept {
  return f.init == nullptr ? 0 : f.init(&host, &init, state);
}
int CallHook(int (*hook)(const hearth_host*, void*), const hearth_host& host, void* state) noexcept {
  return hook == nullptr ? 0 : hook(&host, state);
}
int CallInvoke(const hearth_function& f, const hearth_host& host, const hearth_request& request,
               void* state) noexcept {
  return f.invoke(&host, &request, state);
}
void CallShutdown(const hearth_function& f, const hearth_host& host, void* state) noexcept {
  if (f.shutdown != nullptr) f.shutdown(&host, state);
}

int64_t Nanoseconds(const timespec& time) { return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

struct ObjectVerdict {
  uint32_t state = HEARTH_OBJECT_OPEN;
  std::string problem;
};

// Is there anything in stdout or stderr that nobody has read?
bool OutputLies() {
  int out = 0, err = 0;
  return (ioctl(STDOUT_FILENO, FIONREAD, &out) == 0 && out > 0) ||
         (ioctl(STDERR_FILENO, FIONREAD, &err) == 0 && err > 0);
}

// Once more, here: while the event waited for this worker the file may have changed.
ObjectVerdict Judge(const ObjectFrame& object, int fd) {
  if (fd < 0) return {HEARTH_OBJECT_UNAVAILABLE, object.problem};
  struct stat st {};
  if (fstat(fd, &st) != 0) return {HEARTH_OBJECT_UNAVAILABLE, ErrnoError("stat the object").message};
  if (st.st_nlink == 0)
    return {HEARTH_OBJECT_GONE, "the object was deleted or replaced after its event was made"};
  if (st.st_ino != object.inode || static_cast<uint64_t>(st.st_size) != object.size ||
      Nanoseconds(st.st_mtim) != object.mtime_ns || Nanoseconds(st.st_ctim) != object.ctime_ns) {
    return {HEARTH_OBJECT_CHANGED, "the object was changed after its event was made"};
  }
  return {};
}

// What hearthd says in the environment of a function whose log has levels; it leaves out what is below them once more.
uint32_t LogLevelOfEnvironment() {
  const char* const format = getenv("AWS_LAMBDA_LOG_FORMAT");
  const char* const level = getenv("AWS_LAMBDA_LOG_LEVEL");
  if (format == nullptr || std::string_view(format) != "JSON" || level == nullptr) return HEARTH_LOG_TRACE;
  return ParseLogLevel(level).value_or(kLogTrace);
}

}  // namespace

std::string LinesAsJson(std::string_view lines) {
  if (lines.empty()) return {};
  std::string out = "[";
  while (!lines.empty()) {
    const size_t end = std::min(lines.find('\n'), lines.size());
    if (end > 0) {
      if (out.size() > 1) out += ',';
      AppendJsonString(out, lines.substr(0, end));
    }
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return out + "]";
}

HandlerHost::HandlerHost(int channel, const hearth_function& functions, HandlerFacts facts)
    : channel_(channel),
      functions_(functions),
      facts_(std::move(facts)),
      log_level_(LogLevelOfEnvironment()),
      main_thread_(std::this_thread::get_id()) {
  host_.struct_size = sizeof host_;
  host_.opaque = this;
  host_.log = &OnLog;
  host_.remaining_time_ns = &OnRemainingTime;
  host_.response_write = &OnWrite;
  host_.response_content_type = &OnContentType;
  host_.fail = &OnFail;
  host_.call = &OnCall;
  host_.response_flush = &OnFlush;
}

void HandlerHost::Run(uint32_t confine_us) {
  Send(EncodeStarted({confine_us}));
  while (HandleNext()) {
  }
  fflush(nullptr);
  _exit(0);
}

bool HandlerHost::HandleNext() {
  if (!ahead_.empty()) {
    Packet packet = std::move(ahead_.front());
    ahead_.pop_front();
    return Handle(packet);
  }
  while (lane_given_) {
    if (TakeFromLane()) return Handle(from_lane_);
    if (packet_lies_) {
      auto received = ReceivePacket(channel_, FdPolicy::kAccept, Waiting::kNever);
      packet_lies_ = !received.ok() || received->kind != ReceivedPacket::Kind::kWouldBlock;
      if (packet_lies_) return HandleReceived(std::move(received));
    }
    SleepForLane();
  }
  return HandleReceived(ReceivePacket(channel_, FdPolicy::kAccept));
}

bool HandlerHost::HandleReceived(Result<ReceivedPacket> received) {
  return received.ok() && received->kind == ReceivedPacket::Kind::kPacket && Handle(received->packet);
}

// hearthd rings from here on, unless it has put something there meanwhile.
void HandlerHost::SleepForLane() {
  lane_.BeginSleep();
  if (!lane_.HasEvent(last_sequence_ + 1)) {
    const auto rung = lane_.AwaitRing();
    packet_lies_ = rung == MappedEventLane::Rung::kForPacket;
    lane_given_ = rung != MappedEventLane::Rung::kGone;
  }
  lane_.EndSleep();
}

bool HandlerHost::TakeFromLane() {
  const auto frame = lane_.TakeEvent(last_sequence_ + 1);
  if (frame) from_lane_.bytes = *frame;
  return frame.has_value();
}

// What the handler printed for the event before is taken when hearthd reads that one's answer: what it prints from here
// on must not be taken with it.
void HandlerHost::AwaitOutputTaken() {
  constexpr int kPausesMax = 1'000;  // of 1 ms; then hearthd stands still, and whose a line is matters least
  for (int pauses = 0; output_lies_ && pauses < kPausesMax; ++pauses) {
    (void)poll(nullptr, 0, 1);
    output_lies_ = OutputLies();
  }
}

bool HandlerHost::Handle(Packet& packet) {
  std::string_view body;
  const auto header = TakeHeader(packet.bytes, body);
  if (!header) return false;
  switch (static_cast<WorkerFrameKind>(header->kind)) {
    case WorkerFrameKind::kInit:
      return !initialised_ && Init();
    case WorkerFrameKind::kInvoke:
      return initialised_ && Invoke(header->sequence, body, header->flags, packet);
    case WorkerFrameKind::kShutdown:
      Shutdown();
      return false;
    default:
      return false;
  }
}

void HandlerHost::Begin(Call call) {
  call_ = call;
  response_.Begin(std::exchange(window_given_, false) ? window_.answer() : std::span<char>());
  response_too_large_ = false;
  stream_begun_ = false;
  response_sent_ = 0;
  content_type_ = kJson;
  reply_ = {};
  error_ = {};
  failed_ = false;
}

bool HandlerHost::Init() {
  const Call call = copied_ ? Call::kAfterRestore : Call::kInit;
  const int returned = copied_ ? RunHook(call) : RunInit();
  if (returned != 0) {
    SendFailure(WorkerFrameKind::kInitFailed, 0, call, returned);
    return false;
  }
  initialised_ = true;
  SayReady();
  return true;
}

int HandlerHost::RunInit() {
  Begin(Call::kInit);
  hearth_init init{};
  init.struct_size = sizeof init;
  init.snap_start = facts_.snap_start ? 1 : 0;
  init.memory_limit_bytes = facts_.memory_bytes;
  init.function_name = BytesOf(facts_.function_name);
  init.function_version = BytesOf(facts_.function_version);
  const int returned = CallInit(functions_, host_, init, &state_);
  call_ = Call::kNone;
  fflush(nullptr);
  return returned;
}

int HandlerHost::RunHook(Call call) {
  Begin(call);
  const int returned = CallHook(
      call == Call::kAfterRestore ? functions_.after_restore : functions_.before_checkpoint, host_, state_);
  call_ = Call::kNone;
  fflush(nullptr);
  return returned;
}

// Nothing else is sent before: whatever else comes, hearthd wants this process to end.
void HandlerHost::AwaitInit() {
  const auto received = ReceivePacket(channel_, FdPolicy::kRefuse);
  std::string_view body;
  const bool packet = received.ok() && received->kind == ReceivedPacket::Kind::kPacket;
  const auto header = packet ? TakeHeader(received->packet.bytes, body) : std::nullopt;
  if (!header || static_cast<WorkerFrameKind>(header->kind) != WorkerFrameKind::kInit) _exit(0);
}

std::optional<StageFailure> HandlerHost::RunToSnapshot(int channel, StepObserver& stages) {
  channel_ = channel;
  Send(EncodeStarted({0}));
  AwaitInit();
  for (const Call call : {Call::kInit, Call::kBeforeCheckpoint}) {
    const std::string_view stage = call == Call::kInit ? kStageInit : kStageCheckpoint;
    stages.Entered(stage);
    const int returned = call == Call::kInit ? RunInit() : RunHook(call);
    if (returned == 0) continue;
    ExplainReturn(call, returned);
    return Refuse(stage, std::move(error_));
  }
  copied_ = true;
  return std::nullopt;
}

// Once over the channel, whole; and once as why there is no sandbox, in as many bytes as that may have.
StageFailure HandlerHost::Refuse(std::string_view stage, ErrorFrame error) {
  constexpr size_t kBytesMax = 4 * 1024;
  Send(EncodeError(WorkerFrameKind::kInitFailed, 0, error));
  return {std::string(stage), 0, std::string(Cut(error.type + ": " + error.message, kBytesMax)), 1};
}

const char* HandlerHost::NameOf(Call call) {
  switch (call) {
    case Call::kInit:
      return "init";
    case Call::kBeforeCheckpoint:
      return "before_checkpoint";
    case Call::kAfterRestore:
      return "after_restore";
    default:
      return "invoke";
  }
}

bool HandlerHost::Invoke(uint64_t sequence, std::string_view body, uint32_t flags, Packet& packet) {
  InvokeFrame& frame = event_;
  if (!DecodeInvoke(body, flags, frame)) return false;
  const bool has_memfd = (flags & kFlagBodyInMemfd) != 0;
  const bool has_file = frame.object && frame.object->problem.empty();
  const size_t memory = size_t{frame.new_window} + (frame.new_lane ? kLaneFds : 0);
  if (packet.fds.size() != memory + size_t{has_memfd} + size_t{has_file}) return false;
  if (!TakeMemory(frame, packet)) return false;
  if (has_memfd) {
    auto payload = ReadSealedBody(packet.fds[memory].get(), kPayloadBytesMax);
    if (!payload.ok()) return false;
    frame.payload = std::move(payload).value();
  }
  if ((frame.window || frame.bytes_in_window) && !window_.mapped()) return false;
  if (frame.bytes_in_window && *frame.bytes_in_window >= kWindowBodyBytesMax) return false;
  ObjectVerdict object{HEARTH_OBJECT_NONE, {}};
  LentFile file;
  if (frame.object) object = Judge(*frame.object, has_file ? packet.fds.back().get() : -1);
  if (object.state == HEARTH_OBJECT_OPEN) file.Lend(std::move(packet.fds.back()));
  packet.fds.clear();  // what was not lent is closed before the handler runs
  if (frame.ahead) AwaitOutputTaken();

  hearth_request request{};
  request.struct_size = sizeof request;
  request.trigger = frame.trigger;
  request.attempt = frame.attempt;
  request.cold = frame.cold;
  // The byte behind it is zero: of a std::string, or sent with it.
  request.payload = BytesOf(frame.bytes_in_window ? window_.event().substr(0, *frame.bytes_in_window)
                                                  : std::string_view(frame.payload));
  request.content_type = BytesOf(frame.content_type);
  request.request_id = BytesOf(frame.request_id);
  request.deadline_unix_ms = static_cast<int64_t>(frame.deadline_unix_ms);
  request.deadline_monotonic_ns = static_cast<int64_t>(frame.deadline_monotonic_ns);
  request.memory_limit_bytes = facts_.memory_bytes;
  request.function_name = BytesOf(facts_.function_name);
  request.function_version = BytesOf(facts_.function_version);
  request.function_arn = BytesOf(frame.function_arn);
  request.trace_id = BytesOf(frame.trace_id);
  request.client_context = BytesOf(frame.client_context);
  request.object_state = object.state;
  request.object_fd = file.fd();
  request.object_problem = BytesOf(object.problem);
  request.hops = frame.hops;
  request.response_streamed = frame.streamed ? 1 : 0;
  request.traceparent = BytesOf(frame.traceparent);
  request.tracestate = BytesOf(frame.tracestate);

  window_given_ = frame.window;
  told_ = false;
  Begin(Call::kInvoke);
  streamed_ = frame.streamed;
  sequence_ = sequence;
  deadline_ns_ = request.deadline_monotonic_ns;
  const int returned = CallInvoke(functions_, host_, request, state_);
  call_ = Call::kNone;
  deadline_ns_ = 0;
  file.TakeBack();
  fflush(nullptr);  // what the handler printed comes before its answer
  output_lies_ = OutputLies();
  const uint32_t answer_flags = output_lies_ ? kFlagOutput : 0;
  if (returned != 0) {
    SendFailure(WorkerFrameKind::kFailure, sequence, Call::kInvoke, returned, answer_flags);
  } else {
    SendResponse(sequence, answer_flags);
  }
  sequence_ = 0;
  last_sequence_ = sequence;
  return true;
}

// What hearthd shares from here on; the descriptors come first.
bool HandlerHost::TakeMemory(const InvokeFrame& frame, Packet& packet) {
  if (frame.new_window) {
    auto window = MappedBodyWindow::Map(std::move(packet.fds[0]));
    if (!window.ok()) return false;
    window_ = std::move(window).value();
  }
  if (frame.new_lane) {
    auto lane = MappedEventLane::Map(std::span(packet.fds).subspan(frame.new_window ? 1 : 0, kLaneFds));
    if (!lane.ok()) return false;
    lane_ = std::move(lane).value();
    packet_lies_ = true;  // what was sent before it is not rung for
  }
  lane_given_ = frame.lane;
  if (lane_given_) began_ns_ = static_cast<int64_t>(MonotonicNanoseconds());
  return !lane_given_ || lane_.mapped();
}

void HandlerHost::Shutdown() {
  if (!initialised_) return;
  Begin(Call::kShutdown);
  CallShutdown(functions_, host_, state_);
  call_ = Call::kNone;
}

void HandlerHost::SendResponse(uint64_t sequence, uint32_t flags) {
  if (response_too_large_) {
    const ErrorFrame error{"Function.ResponseSizeTooLarge",
                           "Response payload size exceeded maximum allowed payload size (" +
                               std::to_string(facts_.response_bytes_max) + " bytes).",
                           {}};
    return Send(EncodeError(WorkerFrameKind::kFailure, sequence, error, flags));
  }
  std::string packet;
  const std::string_view body = response_.view();
  if (response_.in_window() && body.size() > kInlineBytesMax) {
    EncodeResponseInWindow(sequence, content_type_, body.size(), packet, flags);
    return Send(packet);
  }
  const BodyPlace place = EncodeResponse(sequence, content_type_, body, packet, flags);
  if (place == BodyPlace::kInline && AnswerInLane(sequence, packet, flags)) return;
  Send(packet, place == BodyPlace::kMemfd ? body : std::string_view());
}

// Not behind what was sent.
bool HandlerHost::AnswerInLane(uint64_t sequence, std::string_view packet, uint32_t flags) {
  if (!lane_given_ || told_ || flags != 0 || packet.size() > kLaneFrameBytesMax) return false;
  const auto now = static_cast<int64_t>(MonotonicNanoseconds());
  lane_.PutAnswer(sequence, packet, now, now - began_ns_);
  if (lane_.MustRing()) lane_.Ring();
  return true;
}

void HandlerHost::ExplainReturn(Call failed, int returned) {
  if (failed_) return;
  error_ = {"Function.Error",
            std::string("the handler's ") + NameOf(failed) + " returned " + std::to_string(returned) +
                " without saying why",
            {}};
}

void HandlerHost::SendFailure(WorkerFrameKind kind, uint64_t sequence, Call failed, int returned,
                              uint32_t flags) {
  ExplainReturn(failed, returned);
  Send(EncodeError(kind, sequence, error_, flags));
}

void HandlerHost::Send(std::string_view packet, std::string_view memfd_body) {
  told_ = true;
  if (memfd_body.empty()) {
    if (!SendPacket(channel_, packet).ok()) _exit(0);  // hearthd has gone
    return;
  }
  const auto memfd = MakeSealedMemfd("response", memfd_body);
  const int fds[] = {memfd.ok() ? memfd->get() : -1};
  if (!memfd.ok() || !SendPacket(channel_, packet, fds).ok()) _exit(0);
}

bool HandlerHost::OnMainThreadIn(Call call) const {
  return call_ == call && std::this_thread::get_id() == main_thread_;
}

void HandlerHost::OnLog(const hearth_host* host, uint32_t level, hearth_bytes message, hearth_bytes fields) {
  if (level > HEARTH_LOG_FATAL) level = HEARTH_LOG_INFO;
  HandlerHost& self = Of(host);
  if (level < self.log_level_) return;
  LogFrame frame;
  frame.level = static_cast<uint8_t>(level);
  frame.message = Cut(View(message), kLogMessageBytesMax);
  frame.fields_json =
      View(fields).size() <= kLogFieldsBytesMax ? View(fields) : "{\"fields\":\"left out: over 16 KiB\"}";
  self.Send(EncodeLog(self.sequence_, frame));
}

int64_t HandlerHost::OnRemainingTime(const hearth_host* host) {
  const int64_t deadline = Of(host).deadline_ns_;
  return deadline == 0 ? INT64_MAX : deadline - static_cast<int64_t>(MonotonicNanoseconds());
}

int HandlerHost::OnWrite(const hearth_host* host, hearth_bytes bytes) {
  HandlerHost& self = Of(host);
  if (!self.OnMainThreadIn(Call::kInvoke)) return HEARTH_NOT_ALLOWED;
  if (IsInvalid(bytes)) return HEARTH_INVALID;
  const size_t most = self.stream_begun_ ? kResponseBytesMax : self.facts_.response_bytes_max;
  if (bytes.size > most - self.response_.size() - self.response_sent_) {
    self.response_too_large_ = true;
    return HEARTH_TOO_LARGE;
  }
  self.response_.Append(View(bytes));
  if (self.stream_begun_ && self.response_.size() >= kInlineBytesMax) self.SendChunks();
  return HEARTH_OK;
}

// Blocks while hearthd takes nothing more: that is how a slow client is felt here.
void HandlerHost::SendChunks() {
  for (std::string_view rest = response_.view(); !rest.empty();) {
    const std::string_view piece = rest.substr(0, kInlineBytesMax);
    Send(EncodeChunk(sequence_, stream_begun_ ? std::string_view() : content_type_, piece));
    stream_begun_ = true;
    rest.remove_prefix(piece.size());
  }
  response_sent_ += response_.size();
  response_.Clear();
}

int HandlerHost::OnFlush(const hearth_host* host) {
  HandlerHost& self = Of(host);
  if (!self.OnMainThreadIn(Call::kInvoke)) return HEARTH_NOT_ALLOWED;
  if (self.streamed_ && !self.response_too_large_) self.SendChunks();
  return HEARTH_OK;
}

int HandlerHost::OnContentType(const hearth_host* host, hearth_bytes type) {
  HandlerHost& self = Of(host);
  if (!self.OnMainThreadIn(Call::kInvoke)) return HEARTH_NOT_ALLOWED;
  const bool one_line = View(type).find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
  if (IsInvalid(type) || type.size > 1024 || !one_line) return HEARTH_INVALID;
  self.content_type_ = View(type);
  return HEARTH_OK;
}

// Events that were sent before hearthd knew of the call are kept until it is their turn. Whatever else comes instead of
// the reply: hearthd wants the worker to end.
ReplyFrame HandlerHost::AwaitReply() {
  auto received = ReceivePacket(channel_, FdPolicy::kAccept);
  if (!received.ok() || received->kind != ReceivedPacket::Kind::kPacket) _exit(0);
  std::string_view body;
  const auto header = TakeHeader(received->packet.bytes, body);
  if (header && (header->flags & kFlagAhead) != 0) {
    ahead_.push_back(std::move(received->packet));
    return AwaitReply();
  }
  if (!header || static_cast<WorkerFrameKind>(header->kind) != WorkerFrameKind::kReply ||
      header->sequence != sequence_) {
    _exit(0);
  }
  auto frame = DecodeReply(body, header->flags);
  const bool has_memfd = (header->flags & kFlagBodyInMemfd) != 0;
  if (!frame || received->packet.fds.size() != size_t{has_memfd}) _exit(0);
  if (has_memfd) {
    auto payload = ReadSealedBody(received->packet.fds[0].get(), kResponseBytesMax);
    if (!payload.ok()) _exit(0);
    frame->payload = std::move(payload).value();
  }
  return std::move(*frame);
}

int HandlerHost::OnCall(const hearth_host* host, const hearth_call* call, hearth_reply* reply) {
  HandlerHost& self = Of(host);
  if (!self.OnMainThreadIn(Call::kInvoke)) return HEARTH_NOT_ALLOWED;
  if (call == nullptr || reply == nullptr || call->struct_size < sizeof *call ||
      reply->struct_size < sizeof *reply) {
    return HEARTH_INVALID;
  }
  for (const hearth_bytes text : {call->function, call->qualifier, call->content_type}) {
    if (IsInvalid(text) || text.size > kCallNameBytesMax) return HEARTH_INVALID;
  }
  if (IsInvalid(call->payload) || call->payload.size > kPayloadBytesMax || call->function.size == 0 ||
      call->type > HEARTH_CALL_EVENT) {
    return HEARTH_INVALID;
  }
  CallFrame frame;
  frame.type = static_cast<uint8_t>(call->type);
  frame.timeout_ns = call->timeout_ns;
  frame.function = View(call->function);
  frame.qualifier = View(call->qualifier);
  frame.content_type = View(call->content_type);
  std::string packet;
  const std::string_view payload = View(call->payload);
  const BodyPlace place = EncodeCall(self.sequence_, frame, payload, packet);
  self.Send(packet, place == BodyPlace::kMemfd ? payload : std::string_view());

  ReplyFrame& got = self.reply_ = self.AwaitReply();
  reply->status = got.status;
  reply->payload = BytesOf(got.payload);
  reply->content_type = BytesOf(got.content_type);
  reply->error_type = BytesOf(got.error_type);
  reply->error_message = BytesOf(got.error_message);
  reply->request_id = BytesOf(got.request_id);
  reply->executed_version = BytesOf(got.executed_version);
  return HEARTH_OK;
}

int HandlerHost::OnFail(const hearth_host* host, hearth_bytes type, hearth_bytes message,
                        hearth_bytes stack) {
  HandlerHost& self = Of(host);
  if (!MayFail(self.call_) || !self.OnMainThreadIn(self.call_)) return HEARTH_NOT_ALLOWED;
  if (type.size == 0 || IsInvalid(type) || IsInvalid(message) || IsInvalid(stack)) return HEARTH_INVALID;
  self.failed_ = true;
  self.error_ = {std::string(Cut(View(type), kErrorTextBytesMax)),
                 std::string(Cut(View(message), kErrorTextBytesMax)),
                 LinesAsJson(Cut(View(stack), kErrorTextBytesMax))};
  // Escaping may have made it longer than a packet holds.
  if (self.error_.stack.size() > 2 * kErrorTextBytesMax) self.error_.stack.clear();
  return HEARTH_OK;
}

}  // namespace hearth
