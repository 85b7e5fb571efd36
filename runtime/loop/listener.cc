#include "runtime/loop/listener.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>

namespace hearth {
namespace {

std::string_view NumericHost(std::string_view host) { return host == "localhost" ? "127.0.0.1" : host; }

bool IsIpLiteral(std::string_view host) {
  const std::string text(NumericHost(host));
  in6_addr scratch;
  return inet_pton(AF_INET, text.c_str(), &scratch) == 1 || inet_pton(AF_INET6, text.c_str(), &scratch) == 1;
}

std::string Describe(const ListenAddress& address) {
  const bool is_v6 = address.host.find(':') != std::string::npos;
  return (is_v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  int family() const { return storage.ss_family; }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Result<SocketAddress> ToSocketAddress(const ListenAddress& address) {
  SocketAddress out;
  const std::string host(NumericHost(address.host));
  auto& v4 = reinterpret_cast<sockaddr_in&>(out.storage);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(out.storage);
  if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(address.port);
    out.size = sizeof v4;
    return out;
  }
  if (inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(address.port);
    out.size = sizeof v6;
    return out;
  }
  return Error{ErrorCode::kInvalidArgument, "listen on " + Describe(address) + ": '" + address.host +
                                                "' is not an IPv4 or IPv6 address; give one, or localhost"};
}

Error ListenError(const ListenAddress& address, int errno_value) {
  Error error = ErrnoError("listen on " + Describe(address), errno_value);
  error.code = ErrorCode::kMisconfigured;
  if (errno_value == EADDRINUSE)
    error.message += "; another process listens there, choose another port or stop it";
  if (errno_value == EACCES) error.message += "; ports under 1024 need root or CAP_NET_BIND_SERVICE";
  return error;
}

uint16_t BoundPort(int fd) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size);
  const bool is_v6 = bound.ss_family == AF_INET6;
  return ntohs(is_v6 ? reinterpret_cast<sockaddr_in6&>(bound).sin6_port
                     : reinterpret_cast<sockaddr_in&>(bound).sin_port);
}

}  // namespace

bool ListenAddress::IsLoopback() const {
  const std::string text(NumericHost(host));
  in_addr v4;
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6;
  if (inet_pton(AF_INET6, text.c_str(), &v6) != 1) return false;
  return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
}

Result<ListenAddress> ParseListenAddress(std::string_view text) {
  const Error wrong{
      ErrorCode::kInvalidArgument,
      "listen address '" + std::string(text) +
          "': not one of PORT, IPV4:PORT, [IPV6]:PORT, localhost:PORT with a port of 0 to 65535"};
  ListenAddress address;
  std::string_view port = text;
  if (const size_t colon = text.rfind(':'); colon != std::string_view::npos) {
    std::string_view host = text.substr(0, colon);
    port = text.substr(colon + 1);
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    if (bracketed != (host.find(':') != std::string_view::npos) || !IsIpLiteral(host)) return wrong;
    address.host = host;
  }
  const auto [end, failed] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (failed != std::errc() || end != port.data() + port.size()) return wrong;
  return address;
}

Result<std::unique_ptr<Listener>> Listener::Create(Loop& loop, const ListenAddress& address,
                                                   OnConnection on_connection, OnAcceptError on_accept_error,
                                                   PortShared shared) {
  DCHECK_TRUE(loop.OnLoopThread());
  HEARTH_ASSIGN(const SocketAddress where, ToSocketAddress(address));
  std::unique_ptr<Listener> listener(new Listener(loop));
  listener->callbacks_ =
      std::make_shared<const Callbacks>(Callbacks{std::move(on_connection), std::move(on_accept_error)});
  listener->fd_ = UniqueFd(::socket(where.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int fd = listener->fd_.get();
  if (fd < 0) return ListenError(address, errno);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (shared == PortShared::kYes) HEARTH_TRY(listener->Share());
  if (::bind(fd, where.get(), where.size) != 0) return ListenError(address, errno);
  if (::listen(fd, kBacklog) != 0) return ListenError(address, errno);
  listener->port_ = BoundPort(fd);
  HEARTH_TRY(listener->Watch());
  return listener;
}

Status Listener::Share() {
  const int on = 1;
  if (::setsockopt(fd_.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
    return ErrnoError("share a listening port (SO_REUSEPORT)");
  return Ok();
}

Status Listener::Watch() {
  HEARTH_ASSIGN(watch_,
                FdWatch::Create(loop_, fd_.get(), FdEvents::kReadable, [this](FdEvents) { Accept(); }));
  return Ok();
}

void Listener::Accept() {
  const auto callbacks = callbacks_;
  const WeakPtr<Listener> self = weak_.Get();
  for (int accepted = 0; accepted < kAcceptsPerTurn && self && AcceptOne(*callbacks);) ++accepted;
}

// False: nobody waits, or it has paused.
bool Listener::AcceptOne(const Callbacks& callbacks) {
  UniqueFd fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (fd) {
    auto stream = Stream::Adopt(loop_, std::move(fd));
    if (stream.ok()) callbacks.on_connection(std::move(stream).value());
    return true;
  }
  switch (errno) {
    case EAGAIN:
      return false;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      Pause(ErrnoError("accept a connection on port " + std::to_string(port_)));
      return false;
    default:
      return true;  // the fault of that one connection, which has gone (ECONNABORTED, EPROTO, ...)
  }
}

void Listener::Pause(const Error& reason) {
  const auto callbacks = callbacks_;  // one of which may destroy this
  watch_.reset();
  resume_ = loop_.After(kPause, [this] {
    if (auto watched = Watch(); !watched.ok()) Pause(watched.error());
  });
  if (callbacks->on_accept_error) callbacks->on_accept_error(reason);
}

}  // namespace hearth
