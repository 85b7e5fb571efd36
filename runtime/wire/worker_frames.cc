#include "runtime/wire/worker_frames.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "runtime/wire/fields.h"

namespace hearth {

template <>
struct FieldsOf<StartedFrame> {
  static auto Tie(auto& f) { return std::tie(f.confine_us); }
};
template <>
struct FieldsOf<ErrorFrame> {
  static auto Tie(auto& f) { return std::tie(f.type, f.message, f.stack); }
};
// Of those with a body: without it, which comes last or in the memfd.
template <class Text>
struct FieldsOf<BasicInvokeFrame<Text>> {
  static auto Tie(auto& f) {
    return std::tie(f.request_id, f.trace_id, f.content_type, f.function_arn, f.client_context,
                    f.deadline_monotonic_ns, f.deadline_unix_ms, f.attempt, f.trigger, f.cold, f.hops,
                    f.traceparent, f.tracestate);
  }
};
template <>
struct FieldsOf<CrashFrame> {
  static auto Tie(auto& f) { return std::tie(f.signal, f.code, f.address, f.text); }
};
template <>
struct FieldsOf<ObjectFrame> {
  static auto Tie(auto& f) { return std::tie(f.inode, f.size, f.mtime_ns, f.ctime_ns, f.problem); }
};
template <>
struct FieldsOf<CallFrame> {
  static auto Tie(auto& f) { return std::tie(f.type, f.timeout_ns, f.function, f.qualifier, f.content_type); }
};
template <>
struct FieldsOf<ReplyFrame> {
  static auto Tie(auto& f) {
    return std::tie(f.status, f.content_type, f.error_type, f.error_message, f.request_id,
                    f.executed_version);
  }
};
template <>
struct FieldsOf<LogFrame> {
  static auto Tie(auto& f) { return std::tie(f.level, f.message, f.fields_json); }
};

namespace {

std::string HeaderBytes(WorkerFrameKind kind, uint64_t sequence, uint32_t flags = 0) {
  std::string out;
  PutHeader(out, {.kind = static_cast<uint16_t>(kind), .flags = flags, .sequence = sequence});
  return out;
}

template <class Frame>
std::string EncodeFields(WorkerFrameKind kind, uint64_t sequence, const Frame& frame, uint32_t flags = 0) {
  FrameWriter fields;
  WriteFields(fields, frame);
  return HeaderBytes(kind, sequence, flags) + fields.bytes();
}

template <class Frame>
std::optional<Frame> DecodeFields(std::string_view body) {
  FrameReader in(body);
  Frame frame;
  ReadFields(in, frame);
  if (!in.Complete()) return std::nullopt;
  return frame;
}

// What has a body and nothing else beside its fields.
template <class Frame>
std::optional<Frame> DecodeWithBody(std::string_view body, uint32_t flags) {
  FrameReader in(body);
  Frame frame;
  ReadFields(in, frame);
  if ((flags & kFlagBodyInMemfd) == 0) frame.payload = in.String();
  if (!in.Complete()) return std::nullopt;
  return frame;
}

// Other fields may be long too (a client context): what counts is that the packet fits.
BodyPlace AppendBody(FrameWriter& writer, std::string_view payload, std::string& out, FrameHeader header) {
  const size_t whole = writer.bytes().size() + sizeof(uint32_t) + payload.size();
  const bool fits = payload.size() <= kInlineBytesMax && whole <= kPacketBytesMax;
  if (fits) writer.String(payload);
  out = writer.Take();
  if (!fits) header.flags |= kFlagBodyInMemfd;
  std::memcpy(out.data(), &header, sizeof header);
  return fits ? BodyPlace::kInline : BodyPlace::kMemfd;
}

// Fields with the room for a header before them, which is known last.
template <class WriteAll>
BodyPlace EncodeWithBody(WorkerFrameKind kind, uint64_t sequence, uint32_t flags, std::string_view payload,
                         std::string& out, WriteAll write_fields) {
  FrameWriter writer(std::move(out));
  writer.Skip(sizeof(FrameHeader));
  write_fields(writer);
  return AppendBody(writer, payload, out,
                    {.kind = static_cast<uint16_t>(kind), .flags = flags, .sequence = sequence});
}

template <class WriteAll>
void EncodeInWindow(WorkerFrameKind kind, uint64_t sequence, uint32_t flags, uint64_t bytes, std::string& out,
                    WriteAll write_fields) {
  FrameWriter writer(std::move(out));
  const FrameHeader header{
      .kind = static_cast<uint16_t>(kind), .flags = flags | kFlagBodyInWindow, .sequence = sequence};
  writer.Skip(sizeof header);
  write_fields(writer);
  writer.U64(bytes);
  out = writer.Take();
  std::memcpy(out.data(), &header, sizeof header);
}

// Where the payload stands, if it is in the packet.
template <class Frame>
void ReadBody(FrameReader& in, uint32_t flags, Frame& frame) {
  if ((flags & kFlagBodyInWindow) != 0) {
    frame.bytes_in_window = in.U64();
  } else if ((flags & kFlagBodyInMemfd) == 0) {
    frame.payload = in.String();
  }
}

}  // namespace

void PutHeader(std::string& out, FrameHeader header) {
  out.append(reinterpret_cast<const char*>(&header), sizeof header);
}

std::optional<FrameHeader> TakeHeader(std::string_view packet, std::string_view& rest) {
  FrameHeader header;
  if (packet.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, packet.data(), sizeof header);
  if (header.version != kWireVersion) return std::nullopt;
  rest = packet.substr(sizeof header);
  return header;
}

std::string EncodeStarted(const StartedFrame& frame) {
  return EncodeFields(WorkerFrameKind::kStarted, 0, frame);
}

std::string EncodeEmpty(WorkerFrameKind kind) { return HeaderBytes(kind, 0); }

std::string EncodeError(WorkerFrameKind kind, uint64_t sequence, const ErrorFrame& frame, uint32_t flags) {
  return EncodeFields(kind, sequence, frame, flags);
}

template <class Text>
BodyPlace EncodeInvoke(uint64_t sequence, const BasicInvokeFrame<Text>& frame, std::string_view payload,
                       std::string& out) {
  const uint32_t flags = (frame.object ? kFlagObject : 0) | (frame.streamed ? kFlagStream : 0) |
                         (frame.ahead ? kFlagAhead : 0) | (frame.window ? kFlagWindow : 0) |
                         (frame.new_window ? kFlagNewWindow : 0) | (frame.lane ? kFlagLane : 0) |
                         (frame.new_lane ? kFlagNewLane : 0);
  const auto write_fields = [&](FrameWriter& fields) {
    WriteFields(fields, frame);
    if (frame.object) WriteFields(fields, *frame.object);
  };
  if (!frame.bytes_in_window)
    return EncodeWithBody(WorkerFrameKind::kInvoke, sequence, flags, payload, out, write_fields);
  EncodeInWindow(WorkerFrameKind::kInvoke, sequence, flags, *frame.bytes_in_window, out, write_fields);
  return BodyPlace::kWindow;
}
template BodyPlace EncodeInvoke(uint64_t, const InvokeFrame&, std::string_view, std::string&);
template BodyPlace EncodeInvoke(uint64_t, const InvokeFrameView&, std::string_view, std::string&);

BodyPlace EncodeResponse(uint64_t sequence, std::string_view content_type, std::string_view payload,
                         std::string& out, uint32_t flags) {
  return EncodeWithBody(WorkerFrameKind::kResponse, sequence, flags, payload, out,
                        [&](FrameWriter& fields) { fields.String(content_type); });
}

void EncodeResponseInWindow(uint64_t sequence, std::string_view content_type, uint64_t bytes,
                            std::string& out, uint32_t flags) {
  EncodeInWindow(WorkerFrameKind::kResponse, sequence, flags, bytes, out,
                 [&](FrameWriter& fields) { fields.String(content_type); });
}

std::string EncodeChunk(uint64_t sequence, std::string_view content_type, std::string_view piece) {
  FrameWriter fields;
  fields.String(content_type).String(piece);
  return HeaderBytes(WorkerFrameKind::kChunk, sequence) + fields.bytes();
}

BodyPlace EncodeCall(uint64_t sequence, const CallFrame& frame, std::string_view payload, std::string& out) {
  return EncodeWithBody(WorkerFrameKind::kCall, sequence, 0, payload, out,
                        [&](FrameWriter& fields) { WriteFields(fields, frame); });
}

BodyPlace EncodeReply(uint64_t sequence, const ReplyFrame& frame, std::string_view payload,
                      std::string& out) {
  return EncodeWithBody(WorkerFrameKind::kReply, sequence, 0, payload, out,
                        [&](FrameWriter& fields) { WriteFields(fields, frame); });
}

std::string EncodeLog(uint64_t sequence, const LogFrame& frame) {
  return EncodeFields(WorkerFrameKind::kLog, sequence, frame);
}

std::optional<StartedFrame> DecodeStarted(std::string_view body) { return DecodeFields<StartedFrame>(body); }
std::optional<ErrorFrame> DecodeError(std::string_view body) { return DecodeFields<ErrorFrame>(body); }
std::optional<LogFrame> DecodeLog(std::string_view body) { return DecodeFields<LogFrame>(body); }
std::optional<CrashFrame> DecodeCrash(std::string_view body) {
  auto frame = DecodeFields<CrashFrame>(body);
  if (!frame || frame->text.size() > kCrashTextBytesMax) return std::nullopt;
  return frame;
}

std::optional<InvokeFrame> DecodeInvoke(std::string_view body, uint32_t flags) {
  InvokeFrame frame;
  if (!DecodeInvoke(body, flags, frame)) return std::nullopt;
  return frame;
}

bool DecodeInvoke(std::string_view body, uint32_t flags, InvokeFrame& frame) {
  FrameReader in(body);
  ReadFields(in, frame);
  frame.streamed = (flags & kFlagStream) != 0;
  frame.ahead = (flags & kFlagAhead) != 0;
  frame.window = (flags & kFlagWindow) != 0;
  frame.new_window = (flags & kFlagNewWindow) != 0;
  frame.lane = (flags & kFlagLane) != 0;
  frame.new_lane = (flags & kFlagNewLane) != 0;
  frame.object.reset();
  if ((flags & kFlagObject) != 0) ReadFields(in, frame.object.emplace());
  frame.bytes_in_window.reset();
  frame.payload.clear();
  ReadBody(in, flags, frame);
  return in.Complete();
}

std::optional<ResponseFrame> DecodeResponse(std::string_view body, uint32_t flags) {
  FrameReader in(body);
  ResponseFrame frame;
  frame.content_type = in.String();
  ReadBody(in, flags, frame);
  if (!in.Complete()) return std::nullopt;
  return frame;
}

std::optional<ResponseFrame> DecodeChunk(std::string_view body, uint32_t flags) {
  if (flags != 0) return std::nullopt;
  return DecodeResponse(body, 0);
}
std::optional<CallFrame> DecodeCall(std::string_view body, uint32_t flags) {
  return DecodeWithBody<CallFrame>(body, flags);
}
std::optional<ReplyFrame> DecodeReply(std::string_view body, uint32_t flags) {
  return DecodeWithBody<ReplyFrame>(body, flags);
}

Result<std::string> ReadSealedBody(int memfd, uint64_t bytes_max) {
  // Unsealed, its writer could change or cut it while it is read.
  constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
  const int seals = fcntl(memfd, F_GET_SEALS);
  if (seals < 0 || (seals & kSeals) != kSeals)
    return Error{ErrorCode::kCorrupt, "body is not a sealed memfd"};
  struct stat info {};
  if (fstat(memfd, &info) != 0) return ErrnoError("stat body");
  const auto size = static_cast<uint64_t>(info.st_size);
  if (size > bytes_max) {
    return Error{ErrorCode::kTooLarge,
                 "body has " + std::to_string(size) + " bytes, the limit is " + std::to_string(bytes_max)};
  }
  std::string body(size, '\0');
  for (uint64_t done = 0; done < size;) {
    const ssize_t n = pread(memfd, body.data() + done, size - done, static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return ErrnoError("read body", n == 0 ? EIO : errno);
    done += static_cast<uint64_t>(n);
  }
  return body;
}

}  // namespace hearth
