#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>

#include <hearth/hearth.h>

// Calls whom its payload names: {"do": "tcp", "host": "192.0.2.1", "port": 80} and the like. Says "ok", with what it heard,
// or the errno's name.

namespace {

using hearth::Context;
using hearth::json;

constexpr int kPatienceMs = 3'000;

std::string Name(int error) {
  const char* const name = strerrorname_np(error);
  return name != nullptr ? name : std::to_string(error);
}

struct Socket {
  int fd = -1;
  ~Socket() {
    if (fd >= 0) close(fd);
  }
};

sockaddr_in Address(const json& order) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(order.value("port", 0)));
  inet_pton(AF_INET, order.value("host", "").c_str(), &address.sin_addr);
  return address;
}

std::string Wait(int fd, short events) {
  pollfd waiting{fd, events, 0};
  return poll(&waiting, 1, kPatienceMs) == 1 ? "" : "ETIMEDOUT";
}

std::string Hear(int fd) {
  if (!Wait(fd, POLLIN).empty()) return "silence";
  char text[200];
  const ssize_t size = recv(fd, text, sizeof text, 0);
  return size < 0 ? Name(errno) : "ok " + std::string(text, static_cast<size_t>(size));
}

std::string Tcp(const json& order) {
  const Socket s{socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  if (s.fd < 0) return "socket " + Name(errno);
  const sockaddr_in to = Address(order);
  if (connect(s.fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0 && errno != EINPROGRESS)
    return Name(errno);
  if (!Wait(s.fd, POLLOUT).empty()) return "ETIMEDOUT";
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(s.fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return Name(error);
  return order.value("hear", true) ? Hear(s.fd) : "ok";
}

std::string Udp(const json& order) {
  const Socket s{socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  if (s.fd < 0) return "socket " + Name(errno);
  const sockaddr_in to = Address(order);
  if (connect(s.fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) return Name(errno);
  if (send(s.fd, "hello", 5, 0) < 0) return Name(errno);
  return Hear(s.fd);
}

std::string Unix(const json& order) {
  const Socket s{socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (s.fd < 0) return "socket " + Name(errno);
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  const std::string path = order.value("path", "");  // with a 0 before it: abstract
  path.copy(to.sun_path, sizeof to.sun_path - 1);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  return connect(s.fd, reinterpret_cast<const sockaddr*>(&to), size) != 0 ? Name(errno) : Hear(s.fd);
}

std::string Resolve(const json& order) {
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(order.value("name", "").c_str(), nullptr, &hints, &found);
  if (error != 0) return gai_strerror(error);
  sockaddr_in address{};
  memcpy(&address, found->ai_addr, sizeof address);
  freeaddrinfo(found);
  char text[INET_ADDRSTRLEN];
  return inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
}

// What it may not do to its network, and where it may not be heard.
json Meddle() {
  json outcome;
  const auto note = [&outcome](const char* what, long result) {
    outcome[what] = result >= 0 ? "ok" : Name(errno);
  };
  const auto open = [](int family, int kind, int protocol) {
    const Socket s{socket(family, kind, protocol)};
    return s.fd;
  };
  note("tcp", open(AF_INET, SOCK_STREAM, IPPROTO_TCP));
  note("udp6", open(AF_INET6, SOCK_DGRAM, 0));
  note("unix", open(AF_UNIX, SOCK_STREAM, 0));
  note("netlink", open(AF_NETLINK, SOCK_RAW, 0));
  note("packet", open(AF_PACKET, SOCK_RAW, 0));
  note("vsock", open(AF_VSOCK, SOCK_STREAM, 0));
  note("raw", open(AF_INET, SOCK_RAW, IPPROTO_ICMP));
  note("ping", open(AF_INET, SOCK_DGRAM, IPPROTO_ICMP));
  note("mptcp", open(AF_INET, SOCK_STREAM, 262));
  const Socket s{socket(AF_INET, SOCK_STREAM, 0)};
  const sockaddr_in any = Address({{"host", "0.0.0.0"}, {"port", 8080}});
  note("bind", bind(s.fd, reinterpret_cast<const sockaddr*>(&any), sizeof any));
  note("listen", listen(s.fd, 1));
  const int one = 1;
  note("nodelay", setsockopt(s.fd, IPPROTO_TCP, 1, &one, sizeof one));
  note("mark", setsockopt(s.fd, SOL_SOCKET, SO_MARK, &one, sizeof one));
  note("device", setsockopt(s.fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3));
  note("options", setsockopt(s.fd, IPPROTO_IP, 4, &one, sizeof one));
  char request[40] = "eth0";
  note("interface down", ioctl(s.fd, 0x8914, request));  // SIOCSIFFLAGS
  note("route", ioctl(s.fd, 0x890b, request));           // SIOCADDRT
  return outcome;
}

json Handle(const json& order, Context&) {
  const std::string what = order.value("do", "");
  if (what == "tcp") return Tcp(order);
  if (what == "udp") return Udp(order);
  if (what == "unix") return Unix(order);
  if (what == "resolve") return Resolve(order);
  if (what == "read") {
    const Socket file{open(order.value("path", "").c_str(), O_RDONLY | O_CLOEXEC)};
    char text[2'000];
    const ssize_t size = file.fd < 0 ? -1 : read(file.fd, text, sizeof text);
    return size < 0 ? Name(errno) : std::string(text, static_cast<size_t>(size));
  }
  return Meddle();
}

}  // namespace

HEARTH_HANDLER(Handle);
