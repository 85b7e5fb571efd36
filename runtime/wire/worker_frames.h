#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/wire/codec.h"
#include "runtime/wire/packet.h"

// hearthd <-> worker, one SOCK_SEQPACKET channel each. docs/wire.md has the grammar and an example in bytes.
//
//   worker                      hearthd
//     Started  ───────────────────▶   confined, nothing of the author's has run in this process since the fork
//     ◀───────────────────────  Init   the clock of Init Duration starts
//     Ready | InitFailed  ────────▶   it stops
//     ◀─────────────────────  Invoke   the clock of Duration starts; further ones may stand behind it, whose clocks
//                                    start when the answer before them has been sent
//     Log*  ──────────────────────▶
//     (Call  ─────────────────────▶   of another function; until its Reply has come, Log and Crash are all it may send
//     ◀──────────────────────  Reply)*
//     Chunk*  ────────────────────▶   where the Invoke says that the answer may be streamed
//     Response | Failure  ────────▶   it stops; `sequence` must be that of the invocation at the head
//     ◀───────────────────  Shutdown
//     Crash* ─────────────────────▶   at any time once started, last words of a signal handler: each says more than
//                                    the one before, and none is believed unless the process does die
// Where a worker has a lane (runtime/wire/event_lane.h) Invokes and Responses may go there instead.
//
// A worker is never trusted: no frame has a field for time or memory, and any frame out of turn kills it.

namespace hearth {

inline constexpr uint16_t kWireVersion = 1;

enum class WorkerFrameKind : uint16_t {
  kStarted = 1,
  kInit = 2,
  kReady = 3,
  kInitFailed = 4,
  kInvoke = 5,
  kResponse = 6,
  kFailure = 7,
  kLog = 8,
  kShutdown = 9,
  kCrash = 10,
  kCall = 11,
  kReply = 12,
  kChunk = 13,
};

// In front of every frame.
struct FrameHeader {
  uint16_t version = kWireVersion;
  uint16_t kind = 0;
  uint32_t flags = 0;  // kFlagBodyInMemfd
  uint64_t sequence = 0;
};
static_assert(sizeof(FrameHeader) == 16);

// The body is in the packet's first descriptor: a memfd sealed against SHRINK, GROW, WRITE and SEAL.
inline constexpr uint32_t kFlagBodyInMemfd = 1;
// An Invoke has an object: its fields stand before the payload, and its descriptor, if it could be had, comes last.
inline constexpr uint32_t kFlagObject = 2;
// An Invoke whose answer may come in Chunks before its Response.
inline constexpr uint32_t kFlagStream = 4;
// An Invoke that was sent before the answer to the one before had been read.
inline constexpr uint32_t kFlagAhead = 8;
// A Response or Failure: what the handler printed lies in stdout or stderr, as yet unread. The worker begins no Invoke
// that was sent ahead before it has been read.
inline constexpr uint32_t kFlagOutput = 16;
// An Invoke whose answer may be put into the body window; of a Response, and of an Invoke: its body is there, and the
// number of its bytes stands in its place.
inline constexpr uint32_t kFlagWindow = 32;
inline constexpr uint32_t kFlagBodyInWindow = 64;
// An Invoke that brings a new window, whose descriptor comes first; the one before is of no more use.
inline constexpr uint32_t kFlagNewWindow = 128;
// An Invoke whose answer may be put into the lane, where further events may come; and one that brings a new lane, whose
// descriptors (kLaneFds) come before those of memfd and file.
inline constexpr uint32_t kFlagLane = 256;
inline constexpr uint32_t kFlagNewLane = 512;
// The worker's descriptor of its channel.
inline constexpr int kWorkerChannel = 3;

void PutHeader(std::string& out, FrameHeader header);
// The header, and `rest` set to what follows it. Empty if the packet is shorter or of another version.
std::optional<FrameHeader> TakeHeader(std::string_view packet, std::string_view& rest);

struct StartedFrame {
  uint32_t confine_us = 0;  // by the worker's own clock: shown, never billed
};

struct ErrorFrame {  // InitFailed and Failure
  std::string type;
  std::string message;
  std::string stack;  // JSON array of strings, or empty
};

// The file that an invocation is about; model/event.h EventObject.
struct ObjectFrame {
  uint64_t inode = 0;
  uint64_t size = 0;
  int64_t mtime_ns = 0;
  int64_t ctime_ns = 0;
  std::string problem;  // why there is no descriptor; empty: there is one
};

// Read into strings, written from views of what the event and its version keep.
template <class Text>
struct BasicInvokeFrame {
  Text request_id;
  Text trace_id;
  Text content_type;
  Text function_arn;
  Text client_context;
  uint64_t deadline_monotonic_ns = 0;  // CLOCK_MONOTONIC
  uint64_t deadline_unix_ms = 0;
  uint32_t attempt = 1;
  uint8_t trigger = 0;  // model/event.h TriggerKind
  uint8_t cold = 0;
  uint32_t hops = 0;
  Text traceparent;
  Text tracestate;
  bool streamed = false;    // kFlagStream
  bool ahead = false;       // kFlagAhead
  bool window = false;      // kFlagWindow
  bool new_window = false;  // kFlagNewWindow
  bool lane = false;        // kFlagLane
  bool new_lane = false;    // kFlagNewLane
  std::optional<ObjectFrame> object;
  std::optional<uint64_t> bytes_in_window;  // kFlagBodyInWindow
  Text payload;                             // last: may be in the memfd
};
using InvokeFrame = BasicInvokeFrame<std::string>;
using InvokeFrameView = BasicInvokeFrame<std::string_view>;

struct ResponseFrame {
  std::string content_type;
  std::string payload;  // may be in the memfd
  std::optional<uint64_t> bytes_in_window;
};

struct CallFrame {
  uint8_t type = 0;  // abi.h enum hearth_call_type
  uint64_t timeout_ns = 0;
  std::string function;
  std::string qualifier;
  std::string content_type;
  std::string payload;  // last: may be in the memfd
};

struct ReplyFrame {
  uint8_t status = 0;  // abi.h enum hearth_call_status
  std::string content_type;
  std::string error_type;
  std::string error_message;
  std::string request_id;
  std::string executed_version;
  std::string payload;  // last: may be in the memfd
};

struct LogFrame {
  uint8_t level = 0;  // 0 trace .. 5 fatal, as abi.h
  std::string message;
  std::string fields_json;  // a JSON object, or empty
};

struct CrashFrame {
  int32_t signal = 0;
  int32_t code = 0;      // si_code
  uint64_t address = 0;  // of the fault, where there is one
  std::string text;      // lines of a backtrace
};
inline constexpr size_t kCrashTextBytesMax = 24 * 1024;
// The same with its header in memory, for a signal handler that cannot allocate; the text follows.
struct [[gnu::packed]] CrashFrameHead {
  uint16_t version;
  uint16_t kind;
  uint32_t flags;
  uint64_t sequence;
  int32_t signal;
  int32_t code;
  uint64_t address;
  uint32_t text_bytes;
};

// Each Encode writes header and fields. A payload over kInlineBytesMax is left out and the flag set: the
// sender passes it as a sealed memfd (EncodeX returns whether).
enum class BodyPlace { kInline, kMemfd, kWindow };

std::string EncodeStarted(const StartedFrame& frame);
std::string EncodeEmpty(WorkerFrameKind kind);  // Init, Ready, Shutdown
std::string EncodeError(WorkerFrameKind kind, uint64_t sequence, const ErrorFrame& frame, uint32_t flags = 0);
// Into the memory that `out` has. Of both kinds of frame. With `bytes_in_window` the payload is left out.
template <class Text>
BodyPlace EncodeInvoke(uint64_t sequence, const BasicInvokeFrame<Text>& frame, std::string_view payload,
                       std::string& out);
BodyPlace EncodeResponse(uint64_t sequence, std::string_view content_type, std::string_view payload,
                         std::string& out, uint32_t flags = 0);
// The body, of so many bytes, is in the window.
void EncodeResponseInWindow(uint64_t sequence, std::string_view content_type, uint64_t bytes,
                            std::string& out, uint32_t flags = 0);
// A piece of an answer, inline alone: up to kInlineBytesMax. The content type counts in the first.
std::string EncodeChunk(uint64_t sequence, std::string_view content_type, std::string_view piece);
// Both without their frame's own payload.
BodyPlace EncodeCall(uint64_t sequence, const CallFrame& frame, std::string_view payload, std::string& out);
BodyPlace EncodeReply(uint64_t sequence, const ReplyFrame& frame, std::string_view payload, std::string& out);
std::string EncodeLog(uint64_t sequence, const LogFrame& frame);

// Each Decode takes what follows the header; empty when it is malformed. Payload strings are empty for memfd
// bodies.
std::optional<StartedFrame> DecodeStarted(std::string_view body);
std::optional<ErrorFrame> DecodeError(std::string_view body);
std::optional<InvokeFrame> DecodeInvoke(std::string_view body, uint32_t flags);
// Into one that was used before, with the memory of its texts. False: malformed, and nothing in it counts.
bool DecodeInvoke(std::string_view body, uint32_t flags, InvokeFrame& frame);
std::optional<ResponseFrame> DecodeResponse(std::string_view body, uint32_t flags);
std::optional<ResponseFrame> DecodeChunk(std::string_view body, uint32_t flags);
std::optional<CallFrame> DecodeCall(std::string_view body, uint32_t flags);
std::optional<ReplyFrame> DecodeReply(std::string_view body, uint32_t flags);
std::optional<LogFrame> DecodeLog(std::string_view body);
std::optional<CrashFrame> DecodeCrash(std::string_view body);

// Reads a body from a memfd: refuses one without the four seals or over `bytes_max` (kTooLarge names both
// sizes).
Result<std::string> ReadSealedBody(int memfd, uint64_t bytes_max);

}  // namespace hearth
