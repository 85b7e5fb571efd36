#include "runtime/wire/worker_frames.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <catch2/catch.hpp>

#include "runtime/base/files.h"
#include "tests/unit/runtime/wire/frame_mangler.h"

namespace hearth {
namespace {

InvokeFrame AnInvocation() {
  return {.request_id = "8476a536-e9f4-41e3-8d4f-5f9a2d1c0b7e",
          .trace_id = "Root=1-2-3",
          .content_type = "application/json",
          .function_arn = "arn:aws:lambda:us-east-1:000000000000:function:resize:3",
          .client_context = "{}",
          .deadline_monotonic_ns = 1,
          .deadline_unix_ms = 2,
          .attempt = 3,
          .trigger = 4,
          .cold = 1,
          .hops = 0,
          .traceparent = "00-1-2-3",
          .tracestate = "a=1",
          .streamed = false,
          .object = {},
          .bytes_in_window = {},
          .payload = {}};
}

// Reads header and body as the peer would; empty if any of it is refused or of another kind.
template <class Frame>
std::string Again(std::string_view packet, WorkerFrameKind kind,
                  std::optional<Frame> (*decode)(std::string_view),
                  std::string (*encode)(uint64_t, const Frame&)) {
  std::string_view body;
  const auto header = TakeHeader(packet, body);
  if (!header || header->kind != static_cast<uint16_t>(kind) || header->flags != 0) return {};
  const auto frame = decode(body);
  return frame ? encode(header->sequence, *frame) : std::string();
}

TEST_CASE("worker frames survive the way there and nothing else does", "[wire]") {
  SECTION("Log") {
    CheckFrameReader(EncodeLog(7, {3, "hello", "{\"a\":1}"}), [](std::string_view packet) {
      return Again<LogFrame>(packet, WorkerFrameKind::kLog, &DecodeLog, &EncodeLog);
    });
  }
  SECTION("Failure") {
    const ErrorFrame error{"std::runtime_error", "no such key", "[\"a\",\"b\"]"};
    CheckFrameReader(EncodeError(WorkerFrameKind::kFailure, 9, error), [](std::string_view packet) {
      return Again<ErrorFrame>(packet, WorkerFrameKind::kFailure, &DecodeError,
                               [](uint64_t sequence, const ErrorFrame& f) {
                                 return EncodeError(WorkerFrameKind::kFailure, sequence, f);
                               });
    });
  }
  SECTION("Started") {
    CheckFrameReader(EncodeStarted({412}), [](std::string_view packet) {
      std::string_view body;
      const auto header = TakeHeader(packet, body);
      if (!header || header->kind != 1 || header->flags != 0 || header->sequence != 0) return std::string();
      const auto frame = DecodeStarted(body);
      return frame ? EncodeStarted(*frame) : std::string();
    });
  }
  SECTION("Invoke") {
    std::string whole;
    REQUIRE(EncodeInvoke(11, AnInvocation(), "{\"key\":\"cat.png\"}", whole) == BodyPlace::kInline);
    CheckFrameReader(whole, [](std::string_view packet) {
      std::string_view body;
      std::string out;
      const auto header = TakeHeader(packet, body);
      if (!header || header->kind != 5 || header->flags != 0) return out;
      if (const auto frame = DecodeInvoke(body, 0))
        EncodeInvoke(header->sequence, *frame, frame->payload, out);
      return out;
    });
  }
  SECTION("Invoke with an object") {
    std::string whole;
    InvokeFrame invocation = AnInvocation();
    invocation.hops = 5;
    invocation.object = {6, 7, -8, 9, "permission denied"};
    REQUIRE(EncodeInvoke(11, invocation, "{}", whole) == BodyPlace::kInline);
    CheckFrameReader(whole, [](std::string_view packet) {
      std::string_view body;
      std::string out;
      const auto header = TakeHeader(packet, body);
      if (!header || header->kind != 5 || header->flags != kFlagObject) return out;
      if (const auto frame = DecodeInvoke(body, kFlagObject))
        EncodeInvoke(header->sequence, *frame, frame->payload, out);
      return out;
    });
  }
  SECTION("Invoke and Response with a body in the window") {
    std::string whole;
    InvokeFrame invocation = AnInvocation();
    invocation.window = true;
    invocation.bytes_in_window = 300'000;
    REQUIRE(EncodeInvoke(11, invocation, "left out", whole) == BodyPlace::kWindow);
    CheckFrameReader(whole, [](std::string_view packet) {
      std::string_view body;
      std::string out;
      const auto header = TakeHeader(packet, body);
      if (!header || header->kind != 5 || header->flags != (kFlagWindow | kFlagBodyInWindow)) return out;
      if (const auto frame = DecodeInvoke(body, header->flags))
        EncodeInvoke(header->sequence, *frame, "", out);
      return out;
    });
    EncodeResponseInWindow(11, "text/plain", 300'000, whole, kFlagOutput);
    CheckFrameReader(whole, [](std::string_view packet) {
      std::string_view body;
      std::string out;
      const auto header = TakeHeader(packet, body);
      if (!header || header->kind != 6 || header->flags != (kFlagOutput | kFlagBodyInWindow)) return out;
      const auto frame = DecodeResponse(body, header->flags);
      if (!frame || !frame->payload.empty()) return out;
      EncodeResponseInWindow(header->sequence, frame->content_type, *frame->bytes_in_window, out,
                             kFlagOutput);
      return out;
    });
  }
  SECTION("Chunk") {
    CheckFrameReader(EncodeChunk(11, "text/plain", "piece"), [](std::string_view packet) {
      std::string_view body;
      const auto header = TakeHeader(packet, body);
      if (!header || header->kind != 13) return std::string();
      const auto frame = DecodeChunk(body, header->flags);
      return frame ? EncodeChunk(header->sequence, frame->content_type, frame->payload) : std::string();
    });
  }
  SECTION("Call") {
    const CallFrame call{1, 5'000'000, "resize", "live", "text/plain", {}};
    std::string whole;
    REQUIRE(EncodeCall(11, call, "{}", whole) == BodyPlace::kInline);
    CheckFrameReader(whole, [](std::string_view packet) {
      std::string_view body;
      std::string out;
      const auto header = TakeHeader(packet, body);
      if (!header || header->kind != 11 || header->flags != 0) return out;
      if (const auto frame = DecodeCall(body, 0)) EncodeCall(header->sequence, *frame, frame->payload, out);
      return out;
    });
  }
  SECTION("Reply") {
    const ReplyFrame reply{1, "application/json", "OutOfStock", "no teapots", "8476a536", "3", {}};
    std::string whole;
    REQUIRE(EncodeReply(11, reply, "{\"errorType\":\"OutOfStock\"}", whole) == BodyPlace::kInline);
    CheckFrameReader(whole, [](std::string_view packet) {
      std::string_view body;
      std::string out;
      const auto header = TakeHeader(packet, body);
      if (!header || header->kind != 12 || header->flags != 0) return out;
      if (const auto frame = DecodeReply(body, 0)) EncodeReply(header->sequence, *frame, frame->payload, out);
      return out;
    });
  }
  SECTION("Response") {
    std::string whole;
    REQUIRE(EncodeResponse(11, "text/plain", "done", whole) == BodyPlace::kInline);
    CheckFrameReader(whole, [](std::string_view packet) {
      std::string_view body;
      std::string out;
      const auto header = TakeHeader(packet, body);
      if (!header || header->kind != 6 || header->flags != 0) return out;
      if (const auto frame = DecodeResponse(body, 0)) {
        EncodeResponse(header->sequence, frame->content_type, frame->payload, out);
      }
      return out;
    });
  }
}

// docs/wire.md shows these bytes.
TEST_CASE("the example of the wire's page", "[wire]") {
  const std::string expected(
      "\x01\x00\x08\x00\x00\x00\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00"
      "\x03"
      "\x05\x00\x00\x00hello"
      "\x02\x00\x00\x00{}",
      32);
  CHECK(EncodeLog(7, {3, "hello", "{}"}) == expected);
}

TEST_CASE("every field of an invocation arrives", "[wire]") {
  std::string packet;
  EncodeInvoke(11, AnInvocation(), "payload", packet);
  std::string_view body;
  const auto header = TakeHeader(packet, body);
  REQUIRE(header);
  const auto frame = DecodeInvoke(body, header->flags);
  REQUIRE(frame);
  CHECK(header->sequence == 11);
  CHECK(frame->request_id == "8476a536-e9f4-41e3-8d4f-5f9a2d1c0b7e");
  CHECK(frame->trace_id == "Root=1-2-3");
  CHECK(frame->traceparent == "00-1-2-3");
  CHECK(frame->tracestate == "a=1");
  CHECK(frame->content_type == "application/json");
  CHECK(frame->function_arn == "arn:aws:lambda:us-east-1:000000000000:function:resize:3");
  CHECK(frame->client_context == "{}");
  CHECK(frame->deadline_monotonic_ns == 1);
  CHECK(frame->deadline_unix_ms == 2);
  CHECK(frame->attempt == 3);
  CHECK(frame->trigger == 4);
  CHECK(frame->cold == 1);
  CHECK(frame->payload == "payload");
}

TEST_CASE("an object of an invocation arrives, beside a payload of any size", "[wire]") {
  InvokeFrame invocation = AnInvocation();
  invocation.hops = 5;
  invocation.object = {6, 7, -8, 9, ""};
  for (const size_t size : {size_t{2}, kInlineBytesMax + 1}) {
    std::string packet;
    const BodyPlace place = EncodeInvoke(1, invocation, std::string(size, 'x'), packet);
    std::string_view body;
    const auto header = TakeHeader(packet, body);
    REQUIRE(header);
    CHECK(header->flags == (kFlagObject | (place == BodyPlace::kMemfd ? kFlagBodyInMemfd : 0)));
    const auto frame = DecodeInvoke(body, header->flags);
    REQUIRE(frame);
    REQUIRE(frame->object);
    CHECK(frame->hops == 5);
    CHECK(frame->object->inode == 6);
    CHECK(frame->object->size == 7);
    CHECK(frame->object->mtime_ns == -8);
    CHECK(frame->object->ctime_ns == 9);
  }
}

TEST_CASE("a payload goes by memfd one byte past the inline limit", "[wire]") {
  std::string packet;
  CHECK(EncodeResponse(1, "text/plain", std::string(kInlineBytesMax, 'x'), packet) == BodyPlace::kInline);
  CHECK(packet.size() <= kPacketBytesMax);
  CHECK(EncodeResponse(1, "text/plain", std::string(kInlineBytesMax + 1, 'x'), packet) == BodyPlace::kMemfd);
  std::string_view body;
  const auto header = TakeHeader(packet, body);
  REQUIRE(header);
  CHECK(header->flags == kFlagBodyInMemfd);
  CHECK(DecodeResponse(body, header->flags)->content_type == "text/plain");
}

TEST_CASE("a payload goes by memfd when other fields would not leave it room", "[wire]") {
  InvokeFrame frame = AnInvocation();
  frame.client_context.assign(kPacketBytesMax - kInlineBytesMax, 'c');
  std::string packet;
  CHECK(EncodeInvoke(1, frame, std::string(kInlineBytesMax, 'x'), packet) == BodyPlace::kMemfd);
  CHECK(packet.size() <= kPacketBytesMax);
}

TEST_CASE("a header of another wire version is refused", "[wire]") {
  std::string packet = EncodeEmpty(WorkerFrameKind::kReady);
  packet[0] = 2;
  std::string_view body;
  CHECK_FALSE(TakeHeader(packet, body));
}

TEST_CASE("a body is read from a sealed memfd only", "[wire]") {
  const auto sealed = MakeSealedMemfd("body", "twelve bytes");
  REQUIRE(sealed.ok());
  CHECK(ReadSealedBody(sealed->get(), 12).value() == "twelve bytes");

  const auto too_large = ReadSealedBody(sealed->get(), 11);
  REQUIRE_FALSE(too_large.ok());
  CHECK(too_large.error().code == ErrorCode::kTooLarge);
  CHECK(too_large.error().message == "body has 12 bytes, the limit is 11");

  const UniqueFd open(memfd_create("body", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  CHECK_FALSE(ReadSealedBody(open.get(), 12).ok());
  REQUIRE(fcntl(open.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0);
  CHECK_FALSE(ReadSealedBody(open.get(), 12).ok());
}

TEST_CASE("a crash frame as a signal handler lays it out", "[wire]") {
  const auto frame_of = [](size_t text_bytes) {
    const CrashFrameHead head{.version = kWireVersion,
                              .kind = static_cast<uint16_t>(WorkerFrameKind::kCrash),
                              .flags = 0,
                              .sequence = 0,
                              .signal = 11,
                              .code = 1,
                              .address = 0x1234,
                              .text_bytes = static_cast<uint32_t>(text_bytes)};
    return std::string(reinterpret_cast<const char*>(&head), sizeof head) + std::string(text_bytes, 'x');
  };
  std::string_view body;
  const std::string packet = frame_of(3);
  const auto header = TakeHeader(packet, body);
  REQUIRE(header);
  CHECK(header->kind == 10);
  const auto crash = DecodeCrash(body);
  REQUIRE(crash);
  CHECK(crash->signal == 11);
  CHECK(crash->code == 1);
  CHECK(crash->address == 0x1234);
  CHECK(crash->text == "xxx");
  CHECK_FALSE(DecodeCrash(body.substr(0, body.size() - 1)));
  const std::string longest = frame_of(kCrashTextBytesMax), longer = frame_of(kCrashTextBytesMax + 1);
  CHECK(DecodeCrash(std::string_view(longest).substr(sizeof(FrameHeader))));
  CHECK_FALSE(DecodeCrash(std::string_view(longer).substr(sizeof(FrameHeader))));
}

}  // namespace
}  // namespace hearth
