#include "runtime/wire/packet.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#include <cerrno>
#include <cstring>

namespace hearth {
namespace {

// Where the kernel writes what comes beside the bytes: the time first, then the sender's credentials, descriptors
// last.
struct alignas(cmsghdr) ControlBuffer {
  static constexpr size_t kStamps = CMSG_SPACE(sizeof(timespec)) + CMSG_SPACE(sizeof(ucred));
  static constexpr size_t kDescriptors = CMSG_SPACE(sizeof(int) * kPacketFdsMax);
  char bytes[kStamps + kDescriptors];
};

void TakeControl(msghdr& message, Packet& packet) {
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET) continue;
    if (c->cmsg_type == SCM_CREDENTIALS) {
      ucred credentials{};
      std::memcpy(&credentials, CMSG_DATA(c), sizeof credentials);
      packet.sender = credentials.pid;
    } else if (c->cmsg_type == SCM_TIMESTAMPNS) {
      timespec stamp{};
      std::memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
      packet.sent_at = WallTime(std::chrono::ceil<std::chrono::microseconds>(
          std::chrono::seconds(stamp.tv_sec) + std::chrono::nanoseconds(stamp.tv_nsec)));
    } else if (c->cmsg_type == SCM_RIGHTS) {
      const size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (size_t i = 0; i < count; ++i) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
        packet.fds.emplace_back(fd);
      }
    }
  }
}

Error Cut(std::string_view what) { return {ErrorCode::kCorrupt, "packet refused: " + std::string(what)}; }

}  // namespace

Result<PacketSocketPair> MakePacketSocketPair() {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
    return ErrnoError("make a packet channel");
  PacketSocketPair pair{UniqueFd(fds[0]), UniqueFd(fds[1])};
  const int on = 1;
  if (setsockopt(fds[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0) return ErrnoError("set SO_PASSCRED");
  if (setsockopt(fds[0], SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0)
    return ErrnoError("set SO_TIMESTAMPNS");
  // O_NONBLOCK belongs to the open description, and the two ends have one each.
  if (fcntl(fds[0], F_SETFL, O_NONBLOCK) != 0) return ErrnoError("set O_NONBLOCK");
  return pair;
}

uint64_t CookieOf(int socket) {
  uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  return getsockopt(socket, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 ? cookie : 0;
}

Result<SendOutcome> SendPacket(int fd, std::string_view bytes, std::span<const int> fds) {
  if (fds.size() > kPacketFdsMax || bytes.size() > kPacketBytesMax) {
    return Error{ErrorCode::kTooLarge, "packet of " + std::to_string(bytes.size()) + " bytes and " +
                                           std::to_string(fds.size()) + " descriptors is over the limits " +
                                           std::to_string(kPacketBytesMax) + " and " +
                                           std::to_string(kPacketFdsMax)};
  }
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  ControlBuffer control;
  if (!fds.empty()) {
    std::memset(&control, 0, sizeof control);
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
  }
  ssize_t sent;
  do {
    sent = sendmsg(fd, &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) return SendOutcome::kSent;
  if (errno == EAGAIN || errno == EWOULDBLOCK) return SendOutcome::kWouldBlock;
  return Error{ErrorCode::kIo, "send packet: " + std::string(std::strerror(errno))};
}

Result<ReceivedPacket> ReceivePacket(int fd, FdPolicy fd_policy, Waiting waiting) {
  char bytes[kPacketBytesMax];
  iovec part{bytes, sizeof bytes};
  ControlBuffer control;
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = fd_policy == FdPolicy::kAccept ? sizeof control.bytes : ControlBuffer::kStamps;
  ssize_t received;
  do {
    received = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | (waiting == Waiting::kNever ? MSG_DONTWAIT : 0));
  } while (received < 0 && errno == EINTR);
  ReceivedPacket result;
  if (received < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      result.kind = ReceivedPacket::Kind::kWouldBlock;
      return result;
    }
    result.unread = errno == ECONNRESET;
    if (result.unread) return result;
    return ErrnoError("receive packet");
  }
  TakeControl(message, result.packet);
  // An empty packet is not the end of file where the kernel vouches for its sender.
  if (received == 0 && result.packet.sender == 0 && result.packet.fds.empty()) return result;
  if ((message.msg_flags & MSG_TRUNC) != 0) return Cut("it is over the limit of bytes");
  if ((message.msg_flags & MSG_CTRUNC) != 0) return Cut("it carries more descriptors than allowed");
  if (fd_policy == FdPolicy::kRefuse && !result.packet.fds.empty()) return Cut("it carries descriptors");
  result.kind = ReceivedPacket::Kind::kPacket;
  result.packet.bytes.assign(bytes, static_cast<size_t>(received));
  return result;
}

}  // namespace hearth
