// Events and answers in memory shared with hearthd, as the worker deals with them.

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include <catch2/catch.hpp>

#include "runtime/worker/handler_host.h"

namespace hearth {
namespace {

// Answers its event. One that begins with "log" is logged first, with "fail" is answered by a failure, with "print" is
// written to stdout.
int Act(const hearth_host* host, const hearth_request* request, void*) {
  const std::string event(request->payload.data, request->payload.size);
  if (event.starts_with("log")) host->log(host, HEARTH_LOG_INFO, request->payload, {nullptr, 0});
  if (event.starts_with("fail")) {
    host->fail(host, {"T", 1}, {"m", 1}, {nullptr, 0});
    return 1;
  }
  return host->response_write(host, request->payload);
}

struct LaneFixture {
  LaneFixture() {
    functions.abi_version = HEARTH_ABI_VERSION;
    functions.struct_size = sizeof functions;
    functions.invoke = &Act;
    auto pair = std::move(MakePacketSocketPair()).value();
    ours = std::move(pair.ours);
    theirs = std::move(pair.theirs);
    host =
        std::make_unique<HandlerHost>(theirs.get(), functions, HandlerFacts{"f", "1", 128u << 20, 6u << 20});
    REQUIRE(SendPacket(ours.get(), EncodeEmpty(WorkerFrameKind::kInit)).ok());
    REQUIRE(HandleNext());
    CHECK(Said() == "3");
  }
  // With a stdout in which nothing lies: the worker looks, and says so with its answer.
  bool HandleNext() {
    const UniqueFd nothing(open("/dev/null", O_WRONLY)), out(dup(STDOUT_FILENO)), err(dup(STDERR_FILENO));
    dup2(nothing.get(), STDOUT_FILENO);
    dup2(nothing.get(), STDERR_FILENO);
    const bool handled = host->HandleNext();
    dup2(out.get(), STDOUT_FILENO);
    dup2(err.get(), STDERR_FILENO);
    return handled;
  }
  static std::string Frame(uint64_t sequence, std::string_view payload, bool lane = true,
                           bool new_lane = false) {
    InvokeFrame frame;
    frame.lane = lane;
    frame.new_lane = new_lane;
    std::string packet;
    EncodeInvoke(sequence, frame, payload, packet);
    return packet;
  }
  void Send(const std::string& packet) {
    REQUIRE(SendPacket(ours.get(), packet).ok());
    lane->RingForPacket();
  }
  // The first event, which brings the lane.
  void BringLane(uint64_t sequence = 1) {
    REQUIRE(SendPacket(ours.get(), Frame(sequence, "first", true, true), lane->fds()).ok());
    REQUIRE(HandleNext());
    CHECK(InLane(sequence) == "first");
  }
  // What is the answer in the lane; "" if there is none.
  std::string InLane(uint64_t sequence) {
    const auto answer = lane->TakeAnswer(sequence, out);
    if (!answer) return "";
    REQUIRE(answer->ok());
    std::string_view body;
    const auto header = TakeHeader((*answer)->frame, body);
    CHECK(header->sequence == sequence);
    CHECK((*answer)->took_ns >= 0);
    CHECK((*answer)->ended_ns > 0);
    return DecodeResponse(body, header->flags)->payload;
  }
  // The kinds of the packets that have come, in order.
  std::string Said() {
    std::string kinds;
    for (;;) {
      const auto packet = ReceivePacket(ours.get(), FdPolicy::kAccept);
      if (!packet.ok() || packet->kind != ReceivedPacket::Kind::kPacket) return kinds;
      std::string_view body;
      const auto header = TakeHeader(packet->packet.bytes, body);
      kinds += (kinds.empty() ? "" : ",") + std::to_string(header->kind);
    }
  }

  uint32_t left = 2;
  std::optional<EventLane> lane = std::move(EventLane::Make(left)).value();
  std::string out;
  hearth_function functions{};
  UniqueFd ours, theirs;
  std::unique_ptr<HandlerHost> host;
};

TEST_CASE_METHOD(LaneFixture, "events in the lane are handled one after the other, without a packet",
                 "[handler][lane]") {
  BringLane();
  lane->PutEvent(2, Frame(2, "second"));
  lane->PutEvent(3, Frame(3, "third"));
  REQUIRE(HandleNext());
  REQUIRE(HandleNext());
  CHECK(InLane(2) == "second");
  CHECK(InLane(3) == "third");
  CHECK(Said().empty());
  CHECK_FALSE(lane->TakeBack(3));
}

TEST_CASE_METHOD(LaneFixture, "what was taken back is not handled: the next packet is", "[handler][lane]") {
  BringLane();
  lane->PutEvent(2, Frame(2, "second"));
  REQUIRE(lane->TakeBack(2));
  Send(Frame(3, "third"));
  REQUIRE(HandleNext());
  CHECK(InLane(2).empty());
  CHECK(InLane(3) == "third");
}

TEST_CASE_METHOD(LaneFixture, "before it sleeps it says so, and is woken for an event, and for a packet",
                 "[handler][lane]") {
  BringLane();
  const bool in_lane = GENERATE(true, false);
  bool sent = false;
  std::thread hearthd([&] {
    while (!lane->WorkerSleeps()) std::this_thread::yield();
    lane->RingForEvents();  // there is none: it sleeps again
    while (!lane->WorkerSleeps()) std::this_thread::yield();
    if (in_lane) lane->PutEvent(2, Frame(2, "second"));
    sent = !in_lane && SendPacket(ours.get(), Frame(2, "second")).ok();
    in_lane ? lane->RingForEvents() : lane->RingForPacket();
  });
  const bool handled = HandleNext();
  hearthd.join();
  CHECK(handled);
  CHECK(sent != in_lane);
  CHECK(InLane(2) == "second");
  CHECK_FALSE(lane->WorkerSleeps());
}

TEST_CASE_METHOD(LaneFixture, "packets that come together are handled one after the other, rung for once",
                 "[handler][lane]") {
  BringLane();
  std::thread hearthd([&] {
    while (!lane->WorkerSleeps()) std::this_thread::yield();
    (void)SendPacket(ours.get(), Frame(2, "second"));
    (void)SendPacket(ours.get(), Frame(3, "third"));
    lane->RingForPacket();
  });
  for (int n = 0; n < 2; ++n) REQUIRE(HandleNext());
  hearthd.join();
  lane->PutEvent(4, Frame(4, "fourth"));
  REQUIRE(HandleNext());
  CHECK(InLane(2) == "second");
  CHECK(InLane(3) == "third");
  CHECK(InLane(4) == "fourth");
}

TEST_CASE_METHOD(LaneFixture,
                 "what was sent behind the packet that brings the lane is not rung for, and comes",
                 "[handler][lane]") {
  REQUIRE(SendPacket(ours.get(), Frame(1, "first", true, true), lane->fds()).ok());
  REQUIRE(SendPacket(ours.get(), Frame(2, "second")).ok());
  for (int n = 0; n < 2; ++n) REQUIRE(HandleNext());
  CHECK(InLane(2) == "second");
}

TEST_CASE_METHOD(LaneFixture,
                 "a worker whose lane goes while it sleeps waits for packets, and ends with its channel",
                 "[handler][lane]") {
  BringLane();
  std::thread hearthd([&] {
    while (!lane->WorkerSleeps()) std::this_thread::yield();
    lane.reset();
    (void)SendPacket(ours.get(), Frame(2, "second", false));
  });
  REQUIRE(HandleNext());
  hearthd.join();
  CHECK(Said() == "6");
  ours.Reset();
  CHECK_FALSE(HandleNext());
}

// Each end goes to sleep all the time: what the other does meanwhile must not be missed.
TEST_CASE_METHOD(LaneFixture, "of thousands of events none waits, whenever the worker goes to sleep",
                 "[handler][lane]") {
  constexpr uint64_t kEvents = 5'000;
  BringLane();
  std::atomic<uint64_t> wrong{0};
  std::thread hearthd([&] {
    for (uint64_t n = 2; n <= kEvents; ++n) {
      const std::string event = Frame(n, "event");
      for (uint64_t pause = n * 7 % 1'000; pause > 0; --pause)
        std::atomic_signal_fence(std::memory_order_seq_cst);
      lane->PutEvent(n, event);
      if (lane->WorkerSleeps()) lane->RingForEvents();
      while (!lane->HasAnswer(n)) std::this_thread::yield();
      if (!lane->TakeAnswer(n, out)) ++wrong;
    }
  });
  bool all = true;
  for (uint64_t n = 2; n <= kEvents; ++n) all = HandleNext() && all;
  hearthd.join();
  CHECK(all);
  CHECK(wrong == 0);
}

TEST_CASE_METHOD(LaneFixture, "a ring for a packet that has been taken back leads to no wait for it",
                 "[handler][lane]") {
  BringLane();
  lane->RingForPacket();
  lane->PutEvent(2, Frame(2, "second"));
  REQUIRE(HandleNext());
  CHECK(InLane(2) == "second");
}

TEST_CASE_METHOD(LaneFixture, "while hearthd sleeps it is rung for with an answer, once", "[handler][lane]") {
  BringLane();
  lane->WantBell();
  lane->PutEvent(2, Frame(2, "second"));
  lane->PutEvent(3, Frame(3, "third"));
  REQUIRE(HandleNext());
  REQUIRE(HandleNext());
  CHECK(InLane(2) == "second");
  CHECK(InLane(3) == "third");
  int rings = 0;
  REQUIRE(ioctl(lane->bell_fd(), FIONREAD, &rings) == 0);
  CHECK(rings == 1);
  CHECK(Said().empty());
}

TEST_CASE_METHOD(LaneFixture,
                 "an answer goes behind what was sent before it, and what is not an answer in a packet",
                 "[handler][lane]") {
  BringLane();
  const auto [event, kinds] = GENERATE(table<std::string, std::string>({
      {"log it", "8,6"},
      {"fail", "7"},
      {std::string(kLaneFrameBytesMax - 200, 'x'), ""},
      {std::string(kLaneFrameBytesMax, 'x'), "6"},
  }));
  Send(Frame(2, event));
  REQUIRE(HandleNext());
  CHECK(InLane(2) == (kinds.empty() ? event : ""));
  CHECK(Said() == kinds);
  Send(Frame(3, "again"));
  REQUIRE(HandleNext());
  CHECK(InLane(3) == "again");
}

TEST_CASE_METHOD(LaneFixture, "an event that does not give the lane is answered by a packet",
                 "[handler][lane]") {
  BringLane();
  Send(Frame(2, "second", false));
  REQUIRE(HandleNext());
  CHECK(InLane(2).empty());
  CHECK(Said() == "6");
  lane->PutEvent(3, Frame(3, "third"));
  Send(Frame(4, "fourth"));
  REQUIRE(HandleNext());
  CHECK(InLane(3).empty());
  CHECK(InLane(4) == "fourth");
}

TEST_CASE_METHOD(LaneFixture, "a new lane takes the old one's place", "[handler][lane]") {
  BringLane();
  lane->PutEvent(3, Frame(3, "in the old one"));
  auto second = EventLane::Make(left);
  lane.reset();
  lane.emplace(std::move(second).value());
  BringLane(2);
  lane->PutEvent(3, Frame(3, "in the new one"));
  REQUIRE(HandleNext());
  CHECK(InLane(3) == "in the new one");
}

TEST_CASE_METHOD(LaneFixture, "a lane that is spoken of and not there ends the worker", "[handler][lane]") {
  SECTION("never") { Send(Frame(1, "{}")); }
  SECTION("new, without its descriptor") { Send(Frame(1, "{}", true, true)); }
  SECTION("what comes is no lane") {
    const int fds[] = {STDIN_FILENO, STDIN_FILENO, STDIN_FILENO};
    REQUIRE(SendPacket(ours.get(), Frame(1, "{}", true, true), fds).ok());
  }
  CHECK_FALSE(HandleNext());
}

}  // namespace
}  // namespace hearth
