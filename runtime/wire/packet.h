#pragma once

#include <sys/types.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/result.h"
#include "runtime/base/unique_fd.h"

// One message of a SOCK_SEQPACKET socket: bytes and descriptors, whole or not at all. The kernel keeps the
// boundaries, so a peer that writes garbage spoils one message, never the next.

namespace hearth {

// Limit of one packet's bytes. A body over kInlineBytesMax travels as a sealed memfd instead.
// Below the kernel's default socket buffer (212,992), with room for the header and a second packet.
inline constexpr size_t kPacketBytesMax = 72 * 1024;
inline constexpr size_t kInlineBytesMax = 64 * 1024;
inline constexpr size_t kPacketFdsMax = 16;

struct Packet {
  std::string bytes;
  std::vector<UniqueFd> fds;
  pid_t sender = 0;  // by the kernel (SO_PASSCRED), in the receiver's pid namespace; 0 if not asked for
  // By the kernel (SO_TIMESTAMPNS), when the sender's call was under way, however long the packet lay here; rounded
  // up. None if not asked for.
  std::optional<WallTime> sent_at;
};

struct PacketSocketPair {
  UniqueFd ours;    // non-blocking
  UniqueFd theirs;  // blocking
};

// `ours` learns with each packet the sender's pid and when it was sent.
Result<PacketSocketPair> MakePacketSocketPair();

// What a socket is known by as long as it lives, whoever has it (SO_COOKIE); 0: it is none.
uint64_t CookieOf(int socket);

enum class SendOutcome { kSent, kWouldBlock };

// kIo with EPIPE/ECONNRESET text when the peer has gone; never raises SIGPIPE.
Result<SendOutcome> SendPacket(int fd, std::string_view bytes, std::span<const int> fds = {});

enum class FdPolicy {
  kAccept,  // up to kPacketFdsMax; more is an error
  kRefuse,  // any descriptor sent along is closed by the kernel (MSG_CTRUNC) and makes the packet an error
};

struct ReceivedPacket {
  enum class Kind { kPacket, kWouldBlock, kEndOfFile } kind = Kind::kEndOfFile;
  Packet packet;
  bool unread = false;  // with kEndOfFile, told once: the peer went with packets of ours that it had not read
};

// kCorrupt when the packet was cut (over kPacketBytesMax) or carried descriptors that were refused.
enum class Waiting { kAsTheSocket, kNever };
Result<ReceivedPacket> ReceivePacket(int fd, FdPolicy fd_policy, Waiting waiting = Waiting::kAsTheSocket);

}  // namespace hearth
