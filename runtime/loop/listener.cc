#include "runtime/loop/listener.h"

#include <arpa/inet.h>

#include <charconv>

#include "runtime/loop/stream_uv.h"

namespace hearth {
namespace {

constexpr int kBacklog = 1024;

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

Result<sockaddr_storage> ToSocketAddress(const ListenAddress& address) {
  sockaddr_storage out{};
  const std::string host(NumericHost(address.host));
  if (uv_ip4_addr(host.c_str(), address.port, reinterpret_cast<sockaddr_in*>(&out)) == 0) return out;
  if (uv_ip6_addr(host.c_str(), address.port, reinterpret_cast<sockaddr_in6*>(&out)) == 0) return out;
  return Error{ErrorCode::kInvalidArgument, "listen on " + Describe(address) + ": '" + address.host +
                                                "' is not an IPv4 or IPv6 address; give one, or localhost"};
}

Error ListenError(const ListenAddress& address, int uv_error) {
  Error error = ErrnoError("listen on " + Describe(address), -uv_error);
  error.code = ErrorCode::kMisconfigured;
  if (uv_error == UV_EADDRINUSE)
    error.message += "; another process listens there, choose another port or stop it";
  if (uv_error == UV_EACCES) error.message += "; ports under 1024 need root or CAP_NET_BIND_SERVICE";
  return error;
}

uint16_t BoundPort(const uv_tcp_t& tcp) {
  sockaddr_storage bound{};
  int size = sizeof(bound);
  uv_tcp_getsockname(&tcp, reinterpret_cast<sockaddr*>(&bound), &size);
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

// Outlives the listener by a turn of the loop, so that a callback may destroy its listener.
struct Listener::Uv {
  explicit Uv(Loop& owner) : loop(owner) {}

  uv_tcp_t tcp;
  Loop& loop;
  bool in_callback = false;
  bool closed = false;
  OnConnection on_connection;
  OnAcceptError on_accept_error;

  static void OnWaiting(uv_stream_t* server, int status) {
    Uv* uv = static_cast<Uv*>(server->data);
    uv->in_callback = true;
    uv->Accept(server, status);
    uv->in_callback = false;
    if (uv->closed) uv->Release();
  }
  void Accept(uv_stream_t* server, int status) {
    if (status >= 0) {
      std::unique_ptr<Stream> stream(new Stream(loop));
      status = uv_accept(server, stream->uv_->stream());
      if (status >= 0) {
        uv_tcp_nodelay(&stream->uv_->tcp, 1);
        return on_connection(std::move(stream));
      }
    }
    if (on_accept_error) on_accept_error(ErrnoError("accept a connection", -status));
  }
  void Release() {
    on_connection = nullptr;
    on_accept_error = nullptr;
  }
};

Result<std::unique_ptr<Listener>> Listener::Create(Loop& loop, const ListenAddress& address,
                                                   OnConnection on_connection,
                                                   OnAcceptError on_accept_error) {
  DCHECK_TRUE(loop.OnLoopThread());
  HEARTH_ASSIGN(const sockaddr_storage where, ToSocketAddress(address));
  std::unique_ptr<Listener> listener(new Listener);
  Uv* uv = listener->uv_ = new Uv(loop);
  uv_tcp_init(loop.raw(), &uv->tcp);
  uv->tcp.data = uv;
  uv->on_connection = std::move(on_connection);
  uv->on_accept_error = std::move(on_accept_error);
  int failed = uv_tcp_bind(&uv->tcp, reinterpret_cast<const sockaddr*>(&where), 0);
  // uv reports "in use" from bind(2) here.
  if (failed == 0) failed = uv_listen(reinterpret_cast<uv_stream_t*>(&uv->tcp), kBacklog, &Uv::OnWaiting);
  if (failed < 0) return ListenError(address, failed);
  listener->port_ = BoundPort(uv->tcp);
  return listener;
}

Listener::~Listener() {
  uv_->closed = true;
  if (!uv_->in_callback) uv_->Release();
  uv_close(reinterpret_cast<uv_handle_t*>(&uv_->tcp),
           [](uv_handle_t* closed) { delete static_cast<Uv*>(closed->data); });
}

}  // namespace hearth
