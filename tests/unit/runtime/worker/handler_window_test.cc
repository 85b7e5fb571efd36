// Bodies that lie in memory shared with hearthd: where a handler reads its event, and where its answer is written.

#include <unistd.h>

#include <memory>
#include <string>

#include <catch2/catch.hpp>

#include "runtime/worker/handler_host.h"

namespace hearth {
namespace {

// Answers its event, `copies` times over, in two writes each.
int copies = 1;
int Echo(const hearth_host* host, const hearth_request* request, void*) {
  const hearth_bytes event = request->payload;
  CHECK(event.data[event.size] == '\0');
  for (int n = 0; n < copies; ++n) {
    const size_t half = event.size / 2;
    if (const int refused = host->response_write(host, {event.data, half}); refused != 0) return refused;
    if (const int refused = host->response_write(host, {event.data + half, event.size - half}); refused != 0)
      return refused;
  }
  return 0;
}

struct WindowFixture {
  WindowFixture() {
    copies = 1;
    functions.abi_version = HEARTH_ABI_VERSION;
    functions.struct_size = sizeof functions;
    functions.invoke = &Echo;
    auto pair = std::move(MakePacketSocketPair()).value();
    ours = std::move(pair.ours);
    theirs = std::move(pair.theirs);
    host =
        std::make_unique<HandlerHost>(theirs.get(), functions, HandlerFacts{"f", "1", 128u << 20, 6u << 20});
    Packet packet;
    packet.bytes = EncodeEmpty(WorkerFrameKind::kInit);
    REQUIRE(host->Handle(packet));
    Hear();
  }
  bool Invoke(InvokeFrame frame, std::string_view inline_body, bool bring_window) {
    Packet packet;
    frame.new_window = bring_window;
    EncodeInvoke(7, frame, inline_body, packet.bytes);
    if (bring_window) packet.fds.emplace_back(dup(window.fd()));
    return host->Handle(packet);
  }
  bool InvokeInWindow(std::string_view body, bool bring_window = false) {
    InvokeFrame frame;
    frame.window = true;
    frame.bytes_in_window = body.size();
    REQUIRE(window.PutEvent(std::string(body) + '\0').ok());
    return Invoke(frame, "", bring_window);
  }
  void Hear() {
    packet = std::move(ReceivePacket(ours.get(), FdPolicy::kAccept)->packet);
    std::string_view body;
    header = *TakeHeader(packet.bytes, body);
    if (header.kind == static_cast<uint16_t>(WorkerFrameKind::kResponse))
      frame = *DecodeResponse(body, header.flags);
  }
  // "window", "memfd" or "packet", and its bytes.
  std::pair<std::string, std::string> Answer() {
    Hear();
    REQUIRE(header.kind == static_cast<uint16_t>(WorkerFrameKind::kResponse));
    if (frame.bytes_in_window) return {"window", window.TakeAnswer(*frame.bytes_in_window).value()};
    if ((header.flags & kFlagBodyInMemfd) != 0)
      return {"memfd", ReadSealedBody(packet.fds.at(0).get(), 10u << 20).value()};
    return {"packet", frame.payload};
  }
  static std::string Body(size_t size) {
    std::string body(size, 'b');
    body[size / 3] = 'x';
    return body;
  }
  using Pair = std::pair<std::string, std::string>;

  uint32_t left = 2;
  BodyWindow window = std::move(BodyWindow::Make(left)).value();
  hearth_function functions{};
  UniqueFd ours, theirs;
  std::unique_ptr<HandlerHost> host;
  Packet packet;
  FrameHeader header;
  ResponseFrame frame;
};

TEST_CASE_METHOD(WindowFixture, "an event in the window is answered in the window", "[handler][window]") {
  REQUIRE(InvokeInWindow(Body(300'000), true));
  CHECK(Answer() == Pair{"window", Body(300'000)});
  REQUIRE(InvokeInWindow(Body(200'000)));
  CHECK(Answer() == Pair{"window", Body(200'000)});
}

TEST_CASE_METHOD(
    WindowFixture,
    "a short answer goes in the packet, one that fills its half in the window, a longer one in a memfd",
    "[handler][window]") {
  REQUIRE(InvokeInWindow(Body(kInlineBytesMax), true));
  CHECK(Answer() == Pair{"packet", Body(kInlineBytesMax)});
  REQUIRE(InvokeInWindow(Body(kInlineBytesMax + 1)));
  CHECK(Answer() == Pair{"window", Body(kInlineBytesMax + 1)});
  copies = 4;
  const std::string quarter = Body(kWindowBodyBytesMax / 4);
  REQUIRE(InvokeInWindow(quarter));
  CHECK(Answer() == Pair{"window", quarter + quarter + quarter + quarter});
  const std::string more = Body(kWindowBodyBytesMax / 4 + 1);
  REQUIRE(InvokeInWindow(more));
  CHECK(Answer() == Pair{"memfd", more + more + more + more});
  copies = 1;
  REQUIRE(InvokeInWindow(quarter));
  CHECK(Answer() == Pair{"window", quarter});
}

// Goal: hearthd may not have read the answer before when an event comes that was sent ahead.
TEST_CASE_METHOD(WindowFixture, "an event that does not give the window leaves it alone",
                 "[handler][window]") {
  REQUIRE(InvokeInWindow(Body(300'000), true));
  copies = 30;
  InvokeFrame ahead;
  ahead.ahead = true;
  const std::string small(10'000, 's');
  REQUIRE(Invoke(ahead, small, false));
  CHECK(Answer() == Pair{"window", Body(300'000)});
  CHECK(Answer().first == "memfd");
}

TEST_CASE_METHOD(WindowFixture, "a new window takes the old one's place", "[handler][window]") {
  REQUIRE(InvokeInWindow(Body(300'000), true));
  CHECK(Answer() == Pair{"window", Body(300'000)});
  const BodyWindow second = std::move(BodyWindow::Make(left)).value();
  REQUIRE(second.PutEvent(Body(100'000) + '\0').ok());
  InvokeFrame frame;
  frame.window = frame.new_window = true;
  frame.bytes_in_window = 100'000;
  Packet packet;
  EncodeInvoke(8, frame, "", packet.bytes);
  packet.fds.emplace_back(dup(second.fd()));
  REQUIRE(host->Handle(packet));
  Hear();
  REQUIRE(this->frame.bytes_in_window);
  CHECK(second.TakeAnswer(*this->frame.bytes_in_window).value() == Body(100'000));
}

TEST_CASE_METHOD(WindowFixture, "a window that is spoken of and not there ends the worker",
                 "[handler][window]") {
  CHECK_FALSE(InvokeInWindow("{}"));
  InvokeFrame frame;
  frame.window = true;
  CHECK_FALSE(Invoke(frame, "{}", false));
  Packet packet;
  frame.new_window = true;
  EncodeInvoke(7, frame, "{}", packet.bytes);
  CHECK_FALSE(host->Handle(packet));  // without its descriptor
}

}  // namespace
}  // namespace hearth
