#include "runtime/wire/packet.h"

#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>

namespace hearth {
namespace {

using Kind = ReceivedPacket::Kind;

PacketSocketPair AChannel() {
  auto pair = MakePacketSocketPair();
  REQUIRE(pair.ok());
  return std::move(pair).value();
}

TEST_CASE("a packet arrives whole, with its descriptors and its sender", "[wire]") {
  PacketSocketPair channel = AChannel();
  int pipe_fds[2];
  REQUIRE(pipe(pipe_fds) == 0);
  const UniqueFd read_end(pipe_fds[0]);
  UniqueFd write_end(pipe_fds[1]);
  const int fds[] = {write_end.get()};
  REQUIRE(SendPacket(channel.theirs.get(), "hello", fds).ok());
  write_end.Reset();

  auto received = ReceivePacket(channel.ours.get(), FdPolicy::kAccept);
  REQUIRE(received.ok());
  REQUIRE(received->kind == Kind::kPacket);
  CHECK(received->packet.bytes == "hello");
  CHECK(received->packet.sender == getpid());
  REQUIRE(received->packet.fds.size() == 1);
  REQUIRE(write(received->packet.fds[0].get(), "x", 1) == 1);
  char c = 0;
  CHECK(read(read_end.get(), &c, 1) == 1);
}

TEST_CASE("a packet says when it was sent, not when it is looked at", "[wire]") {
  PacketSocketPair channel = AChannel();
  const SystemClock clock;
  const WallTime before = clock.WallNow();
  REQUIRE(SendPacket(channel.theirs.get(), "hello").ok());
  const WallTime after = clock.WallNow() + std::chrono::microseconds(1);  // the stamp is rounded up
  while (clock.WallNow() <= after) {
  }
  const auto sent_at = ReceivePacket(channel.ours.get(), FdPolicy::kRefuse)->packet.sent_at;
  REQUIRE(sent_at);
  CHECK(*sent_at >= before);
  CHECK(*sent_at <= after);
  REQUIRE(SendPacket(channel.ours.get(), "hello").ok());
  CHECK_FALSE(ReceivePacket(channel.theirs.get(), FdPolicy::kRefuse)->packet.sent_at);
}

TEST_CASE("two packets stay two", "[wire]") {
  PacketSocketPair channel = AChannel();
  REQUIRE(SendPacket(channel.theirs.get(), "one").ok());
  REQUIRE(SendPacket(channel.theirs.get(), "two").ok());
  CHECK(ReceivePacket(channel.ours.get(), FdPolicy::kRefuse)->packet.bytes == "one");
  CHECK(ReceivePacket(channel.ours.get(), FdPolicy::kRefuse)->packet.bytes == "two");
  CHECK(ReceivePacket(channel.ours.get(), FdPolicy::kRefuse)->kind == Kind::kWouldBlock);
}

TEST_CASE("descriptors that were not asked for refuse the packet and are closed", "[wire]") {
  PacketSocketPair channel = AChannel();
  int pipe_fds[2];
  REQUIRE(pipe(pipe_fds) == 0);
  const UniqueFd read_end(pipe_fds[0]);
  UniqueFd write_end(pipe_fds[1]);
  const int fds[] = {write_end.get()};

  SECTION("by a receiver that learns the sender") {
    REQUIRE(SendPacket(channel.theirs.get(), "spam", fds).ok());
    CHECK(ReceivePacket(channel.ours.get(), FdPolicy::kRefuse).error().code == ErrorCode::kCorrupt);
  }
  SECTION("by one that does not") {
    REQUIRE(SendPacket(channel.ours.get(), "spam", fds).ok());
    CHECK(ReceivePacket(channel.theirs.get(), FdPolicy::kRefuse).error().code == ErrorCode::kCorrupt);
  }
  write_end.Reset();
  char c = 0;
  CHECK(read(read_end.get(), &c, 1) == 0);  // end of file: no copy of the write end is left
}

TEST_CASE("a packet is refused one byte past the limit", "[wire]") {
  PacketSocketPair channel = AChannel();
  CHECK(SendPacket(channel.theirs.get(), std::string(kPacketBytesMax, 'x')).ok());
  CHECK(ReceivePacket(channel.ours.get(), FdPolicy::kRefuse)->packet.bytes.size() == kPacketBytesMax);
  CHECK(SendPacket(channel.theirs.get(), std::string(kPacketBytesMax + 1, 'x')).error().code ==
        ErrorCode::kTooLarge);
  const std::string raw(kPacketBytesMax + 1, 'x');
  REQUIRE(send(channel.theirs.get(), raw.data(), raw.size(), 0) > 0);
  CHECK(ReceivePacket(channel.ours.get(), FdPolicy::kRefuse).error().code == ErrorCode::kCorrupt);
}

TEST_CASE("an empty packet is not the end of file", "[wire]") {
  PacketSocketPair channel = AChannel();
  REQUIRE(send(channel.theirs.get(), "", 0, 0) == 0);
  channel.theirs.Reset();
  CHECK(ReceivePacket(channel.ours.get(), FdPolicy::kRefuse)->kind == Kind::kPacket);
  CHECK(ReceivePacket(channel.ours.get(), FdPolicy::kRefuse)->kind == Kind::kEndOfFile);
}

TEST_CASE("peer gone", "[wire]") {
  PacketSocketPair channel = AChannel();
  SECTION("sending says so and raises no signal") {
    channel.theirs.Reset();
    CHECK(SendPacket(channel.ours.get(), "x").error().code == ErrorCode::kIo);
  }
  SECTION("with packets unread reads as the end of file, and is told apart") {
    REQUIRE(SendPacket(channel.ours.get(), "x").ok());
    channel.theirs.Reset();
    const auto end = ReceivePacket(channel.ours.get(), FdPolicy::kRefuse);
    CHECK(end->kind == Kind::kEndOfFile);
    CHECK(end->unread);
  }
  SECTION("with all of them read") {
    REQUIRE(SendPacket(channel.ours.get(), "x").ok());
    REQUIRE(ReceivePacket(channel.theirs.get(), FdPolicy::kRefuse).ok());
    channel.theirs.Reset();
    CHECK_FALSE(ReceivePacket(channel.ours.get(), FdPolicy::kRefuse)->unread);
  }
}

TEST_CASE("the largest events that are given ahead fit into a channel, eight of them", "[wire]") {
  PacketSocketPair channel = AChannel();
  const std::string event(24 * 1024 + 1024, 'x');  // with its fields
  for (int n = 0; n < 8; ++n) CHECK(SendPacket(channel.ours.get(), event).value() == SendOutcome::kSent);
}

TEST_CASE("a peer that reads nothing makes sending wait, not fail", "[wire]") {
  PacketSocketPair channel = AChannel();
  const std::string packet(kInlineBytesMax, 'x');
  SendOutcome outcome = SendOutcome::kSent;
  for (int i = 0; i < 100 && outcome == SendOutcome::kSent; ++i) {
    outcome = SendPacket(channel.ours.get(), packet).value();
  }
  CHECK(outcome == SendOutcome::kWouldBlock);
}

}  // namespace
}  // namespace hearth
