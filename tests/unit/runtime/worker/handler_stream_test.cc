// Answers that a handler flushes: what goes over the channel, when, and where it does not.

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "runtime/worker/handler_host.h"

namespace hearth {
namespace {

// What the handler below writes before each flush; the last is not flushed.
std::vector<std::string> pieces;
int returns = 0;
bool flushes_elsewhere = false;

int WritePieces(const hearth_host* host, const hearth_request* request, void*) {
  CHECK(HEARTH_HAS(host, response_flush));
  CHECK(request->response_streamed <= 1);
  host->response_content_type(host, {"text/plain", 10});
  for (size_t i = 0; i < pieces.size(); ++i) {
    CHECK(host->response_write(host, {pieces[i].data(), pieces[i].size()}) == HEARTH_OK);
    if (i + 1 < pieces.size()) CHECK(host->response_flush(host) == HEARTH_OK);
  }
  if (flushes_elsewhere) std::thread([&] { CHECK(host->response_flush(host) == HEARTH_NOT_ALLOWED); }).join();
  return returns;
}

struct StreamFixture {
  StreamFixture() {
    pieces.clear();
    returns = 0;
    flushes_elsewhere = false;
    functions.abi_version = HEARTH_ABI_VERSION;
    functions.struct_size = sizeof functions;
    functions.invoke = &WritePieces;
    auto pair = std::move(MakePacketSocketPair()).value();
    ours = std::move(pair.ours);
    theirs = std::move(pair.theirs);
    host =
        std::make_unique<HandlerHost>(theirs.get(), functions, HandlerFacts{"f", "1", 128u << 20, 100'000});
    Packet packet;
    packet.bytes = EncodeEmpty(WorkerFrameKind::kInit);
    REQUIRE(host->Handle(packet));
    CHECK(Next() == "Ready");
  }
  void Invoke(bool streamed) {
    Packet packet;
    InvokeFrame frame;
    frame.streamed = streamed;
    EncodeInvoke(7, frame, "{}", packet.bytes);
    REQUIRE(host->Handle(packet));
  }
  // "Chunk text/plain: one", "Response: two", "Failure", ...
  std::string Next() {
    auto received = ReceivePacket(ours.get(), FdPolicy::kAccept);
    REQUIRE(received->kind == ReceivedPacket::Kind::kPacket);
    std::string_view body;
    const auto header = TakeHeader(received->packet.bytes, body);
    REQUIRE(header);
    switch (static_cast<WorkerFrameKind>(header->kind)) {
      case WorkerFrameKind::kReady:
        return "Ready";
      case WorkerFrameKind::kChunk: {
        const auto chunk = DecodeChunk(body, header->flags);
        REQUIRE(chunk);
        CHECK(header->sequence == 7);
        return "Chunk " + chunk->content_type + ": " + chunk->payload;
      }
      case WorkerFrameKind::kResponse:
        return "Response: " + DecodeResponse(body, header->flags)->payload;
      default:
        return "Failure";
    }
  }

  hearth_function functions{};
  UniqueFd ours, theirs;
  std::unique_ptr<HandlerHost> host;
};

TEST_CASE_METHOD(StreamFixture, "what is flushed goes at once, with its type the first time",
                 "[handler][stream]") {
  pieces = {"one", "two", "three"};
  flushes_elsewhere = true;
  Invoke(true);
  CHECK(Next() == "Chunk text/plain: one");
  CHECK(Next() == "Chunk : two");
  CHECK(Next() == "Response: three");
}

TEST_CASE_METHOD(StreamFixture, "an answer that is not streamed goes whole", "[handler][stream]") {
  pieces = {"one", "two", "three"};
  Invoke(false);
  CHECK(Next() == "Response: onetwothree");
}

TEST_CASE_METHOD(StreamFixture, "a flush of nothing sends nothing", "[handler][stream]") {
  pieces = {"", "one", "", "two"};
  Invoke(true);
  CHECK(Next() == "Chunk text/plain: one");
  CHECK(Next() == "Response: two");
}

// Goal: a handler that has begun to stream holds no more than a piece.
TEST_CASE_METHOD(StreamFixture, "once begun, what fills a piece goes by itself", "[handler][stream]") {
  const std::string large(kInlineBytesMax, 'x');
  pieces = {"one", large};
  Invoke(true);
  CHECK(Next() == "Chunk text/plain: one");
  CHECK(Next() == "Chunk : " + large);
  CHECK(Next() == "Response: ");
}

TEST_CASE_METHOD(StreamFixture, "a streamed answer may be longer than one that is told whole",
                 "[handler][stream]") {
  pieces = {std::string(60'000, 'a'), std::string(60'000, 'b'), "end"};
  Invoke(true);
  CHECK(Next() == "Chunk text/plain: " + pieces[0]);
  CHECK(Next() == "Chunk : " + pieces[1]);
  CHECK(Next() == "Response: end");
}

TEST_CASE_METHOD(StreamFixture, "a failure after a flush, and a whole answer after it", "[handler][stream]") {
  pieces = {"one", "two"};
  returns = 1;
  Invoke(true);
  CHECK(Next() == "Chunk text/plain: one");
  CHECK(Next() == "Failure");
  returns = 0;
  Invoke(false);
  CHECK(Next() == "Response: onetwo");
}

}  // namespace
}  // namespace hearth
