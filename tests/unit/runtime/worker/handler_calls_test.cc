// Calls of other functions by a handler: what goes over the channel, and what the handler is told.

#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <memory>
#include <thread>

#include <catch2/catch.hpp>

#include "runtime/base/files.h"
#include "runtime/worker/handler_host.h"

namespace hearth {
namespace {

hearth_bytes Text(std::string_view text) { return {text.data(), text.size()}; }

// What the handler below calls, and what it got.
struct Deed {
  std::string function = "resize:live", payload = "{}", content_type;
  uint32_t type = HEARTH_CALL_SYNC;
  uint32_t call_size = sizeof(hearth_call), reply_size = sizeof(hearth_reply);
  bool from_a_thread = false;
  int returned = -1;
  uint32_t status = 99;
  std::string answer, error_type, request_id;
};
Deed deed;

int CallOnce(const hearth_host* host, const hearth_request*, void*) {
  REQUIRE(HEARTH_HAS(host, call));
  hearth_call call{};
  call.struct_size = deed.call_size;
  call.type = deed.type;
  call.function = Text(deed.function);
  call.payload = Text(deed.payload);
  call.content_type = Text(deed.content_type);
  call.timeout_ns = 5;
  hearth_reply reply{};
  reply.struct_size = deed.reply_size;
  reply.status = 99;
  const auto run = [&] { deed.returned = host->call(host, &call, &reply); };
  if (deed.from_a_thread) {
    std::thread(run).join();
  } else {
    run();
  }
  deed.status = reply.status;
  deed.answer.assign(reply.payload.data ? reply.payload.data : "", reply.payload.size);
  deed.error_type.assign(reply.error_type.data ? reply.error_type.data : "", reply.error_type.size);
  deed.request_id.assign(reply.request_id.data ? reply.request_id.data : "", reply.request_id.size);
  return 0;
}

// A host in this process, and hearthd's part in another thread.
struct CallFixture {
  CallFixture() {
    deed = {};
    functions.abi_version = HEARTH_ABI_VERSION;
    functions.struct_size = sizeof functions;
    functions.invoke = &CallOnce;
    auto pair = std::move(MakePacketSocketPair()).value();
    ours = std::move(pair.ours);
    theirs = std::move(pair.theirs);
    host =
        std::make_unique<HandlerHost>(theirs.get(), functions, HandlerFacts{"f", "1", 128u << 20, 6u << 20});
    Packet packet;
    packet.bytes = EncodeEmpty(WorkerFrameKind::kInit);
    REQUIRE(host->Handle(packet));
  }
  bool Invoke() {
    Packet packet;
    EncodeInvoke(7, InvokeFrame{}, "{}", packet.bytes);
    return host->Handle(packet);
  }
  // Until the reply is in the channel the handler waits for it there: it may lie there before it is asked for.
  void AnswerWith(uint8_t status, const std::string& payload, uint64_t sequence = 7) {
    std::string packet;
    const ReplyFrame frame{status, "application/json", "TheType", "the message", "the-id", "3", {}};
    const BodyPlace place = EncodeReply(sequence, frame, payload, packet);
    UniqueFd memfd;
    if (place == BodyPlace::kMemfd) memfd = std::move(MakeSealedMemfd("reply", payload)).value();
    const int fds[] = {memfd.get()};
    REQUIRE(SendPacket(ours.get(), packet, std::span(fds, memfd.valid() ? 1 : 0)).ok());
  }
  // The packet that it sent when the handler called.
  CallFrame Called() {
    for (;;) {
      auto received = ReceivePacket(ours.get(), FdPolicy::kAccept);
      REQUIRE(received->kind == ReceivedPacket::Kind::kPacket);
      std::string_view body;
      const auto header = TakeHeader(received->packet.bytes, body);
      REQUIRE(header);
      if (static_cast<WorkerFrameKind>(header->kind) == WorkerFrameKind::kReady) continue;
      REQUIRE(static_cast<WorkerFrameKind>(header->kind) == WorkerFrameKind::kCall);
      CHECK(header->sequence == 7);
      auto frame = DecodeCall(body, header->flags);
      REQUIRE(frame);
      if ((header->flags & kFlagBodyInMemfd) != 0)
        frame->payload = std::move(ReadSealedBody(received->packet.fds.at(0).get(), 10u << 20)).value();
      return *frame;
    }
  }
  bool Silent() {
    auto received = ReceivePacket(ours.get(), FdPolicy::kAccept);  // Ready
    received = ReceivePacket(ours.get(), FdPolicy::kAccept);
    std::string_view body;
    const auto header = TakeHeader(received->packet.bytes, body);
    return header && static_cast<WorkerFrameKind>(header->kind) == WorkerFrameKind::kResponse;
  }

  hearth_function functions{};
  UniqueFd ours, theirs;
  std::unique_ptr<HandlerHost> host;
};

TEST_CASE_METHOD(CallFixture, "a call goes out whole, and its reply comes back whole", "[handler][calls]") {
  deed.content_type = "text/plain";
  deed.payload = GENERATE(std::string("{\"a\":1}"), std::string(kInlineBytesMax + 1, 'p'));
  const std::string payload = deed.payload;
  const std::string answer = GENERATE(std::string("done"), std::string(1'000'000, 'a'));
  AnswerWith(HEARTH_CALL_OK, answer);
  REQUIRE(Invoke());
  const CallFrame call = Called();
  CHECK(call.type == HEARTH_CALL_SYNC);
  CHECK(call.function == "resize:live");
  CHECK(call.content_type == "text/plain");
  CHECK(call.timeout_ns == 5);
  CHECK(call.payload == payload);
  CHECK(deed.returned == HEARTH_OK);
  CHECK(deed.status == HEARTH_CALL_OK);
  CHECK(deed.answer == answer);
  CHECK(deed.request_id == "the-id");
}

TEST_CASE_METHOD(CallFixture, "a failed call is told with its type", "[handler][calls]") {
  AnswerWith(HEARTH_CALL_FUNCTION_ERROR, "{}");
  REQUIRE(Invoke());
  CHECK(deed.status == HEARTH_CALL_FUNCTION_ERROR);
  CHECK(deed.error_type == "TheType");
}

TEST_CASE_METHOD(CallFixture, "calls whose arguments are wrong send nothing", "[handler][calls]") {
  int returned = HEARTH_INVALID;
  SECTION("no name") { deed.function.clear(); }
  SECTION("a name past its limit") { deed.function.assign(kCallNameBytesMax + 1, 'f'); }
  SECTION("a type of the future") { deed.type = HEARTH_CALL_EVENT + 1; }
  SECTION("a struct that is too short") { deed.call_size = sizeof(hearth_call) - 1; }
  SECTION("a reply that is too short") { deed.reply_size = sizeof(hearth_reply) - 1; }
  SECTION("from another thread") {
    deed.from_a_thread = true;
    returned = HEARTH_NOT_ALLOWED;
  }
  REQUIRE(Invoke());
  CHECK(deed.returned == returned);
  CHECK(deed.status == 99);
  CHECK(Silent());
}

TEST_CASE_METHOD(CallFixture, "a name at its limit goes out", "[handler][calls]") {
  deed.function.assign(kCallNameBytesMax, 'f');
  AnswerWith(HEARTH_CALL_REFUSED, "");
  REQUIRE(Invoke());
  CHECK(Called().function.size() == kCallNameBytesMax);
  CHECK(deed.status == HEARTH_CALL_REFUSED);
}

// Goal: what hearthd sends instead of the reply ends the worker, in the middle of the handler.
TEST_CASE_METHOD(CallFixture, "no reply, but an end", "[handler][calls]") {
  const int kind = GENERATE(0, 1, 2);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ours.Reset();
    Invoke();
    ::_exit(9);  // the handler went on
  }
  theirs.Reset();
  if (kind == 0) REQUIRE(SendPacket(ours.get(), EncodeEmpty(WorkerFrameKind::kShutdown)).ok());
  if (kind == 1) AnswerWith(HEARTH_CALL_OK, "{}", 8);
  if (kind == 2) ours.Reset();
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

// Goal: an event that was sent before hearthd knew of the call is neither lost nor taken for the reply.
TEST_CASE_METHOD(CallFixture, "an event that comes before the reply waits for its turn",
                 "[calls][prefetch]") {
  InvokeFrame ahead;
  ahead.request_id = "the second";
  ahead.ahead = true;
  std::string packet;
  EncodeInvoke(8, ahead, "{}", packet);
  REQUIRE(SendPacket(ours.get(), packet).ok());
  AnswerWith(0, "first", 7);
  REQUIRE(Invoke());
  AnswerWith(0, "second", 8);
  REQUIRE(host->HandleNext());
  std::vector<uint64_t> answered;
  for (;;) {
    auto received = ReceivePacket(ours.get(), FdPolicy::kAccept);
    if (received->kind != ReceivedPacket::Kind::kPacket) break;
    std::string_view body;
    const auto header = TakeHeader(received->packet.bytes, body);
    if (static_cast<WorkerFrameKind>(header->kind) == WorkerFrameKind::kResponse)
      answered.push_back(header->sequence);
  }
  CHECK(answered == std::vector<uint64_t>{7, 8});
}

}  // namespace
}  // namespace hearth
