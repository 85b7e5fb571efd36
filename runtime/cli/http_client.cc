#include "runtime/cli/http_client.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>

#include "runtime/base/unique_fd.h"
#include "runtime/cli/exit_code.h"

namespace hearth::cli {
namespace {

namespace beast = boost::beast;

constexpr seconds kConnectMax{10};
// X-Amz-Log-Result alone has 5.4 KiB; a limit keeps a stranger on that port from filling our memory.
constexpr uint32_t kHeadBytesMax = 256 << 10;
constexpr size_t kReadBytes = 64 << 10;

std::string LowerCase(beast::string_view name) {
  std::string out(name.data(), name.size());
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  return out;
}

// Collects an answer from the bytes that come.
class AnswerParser final : public beast::http::basic_parser<false> {
 public:
  explicit AnswerParser(std::function<void(std::string_view)> take) : take_(std::move(take)) {
    eager(true);
    header_limit(kHeadBytesMax);
    body_limit(boost::none);
  }

  HttpAnswer answer;

 private:
  void on_request_impl(beast::http::verb, beast::string_view, beast::string_view, int,
                       beast::error_code&) override {}
  void on_response_impl(int status, beast::string_view, int, beast::error_code&) override {
    answer.status = status;
  }
  void on_field_impl(beast::http::field, beast::string_view name, beast::string_view value,
                     beast::error_code&) override {
    answer.headers.emplace_back(LowerCase(name), std::string(value.data(), value.size()));
  }
  void on_header_impl(beast::error_code&) override {}
  void on_body_init_impl(const boost::optional<uint64_t>&, beast::error_code&) override {}
  size_t on_body_impl(beast::string_view bytes, beast::error_code&) override {
    if (take_ && answer.status / 100 == 2) {
      take_({bytes.data(), bytes.size()});
    } else {
      answer.body.append(bytes.data(), bytes.size());
    }
    return bytes.size();
  }
  void on_chunk_header_impl(uint64_t, beast::string_view, beast::error_code&) override {}
  size_t on_chunk_body_impl(uint64_t, beast::string_view bytes, beast::error_code& failure) override {
    return on_body_impl(bytes, failure);
  }
  void on_finish_impl(beast::error_code&) override {}

  const std::function<void(std::string_view)> take_;
};

// A 0 would mean for ever, so it is rounded up.
void SetTimeOut(int fd, int which, seconds time) {
  const timeval value{static_cast<time_t>(std::max<int64_t>(1, time.count())), 0};
  ::setsockopt(fd, SOL_SOCKET, which, &value, sizeof value);
}

Error CannotConnect(const Endpoint& endpoint, int errno_value) {
  const std::string where = "http://" + endpoint.Authority();
  if (errno_value == ECONNREFUSED) {
    return {ErrorCode::kUnavailable,
            "nobody listens on " + where +
                ": is hearthd running? start it with: hearthd --data-dir DIR   (another address: --endpoint "
                "URL, or HEARTH_URL)"};
  }
  return ErrnoError("connect to " + where, errno_value);
}

Result<UniqueFd> Connect(const Endpoint& endpoint) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int failed = ::getaddrinfo(endpoint.host.c_str(), endpoint.port.c_str(), &hints, &found)) {
    return Error{ErrorCode::kUnavailable, "look up " + endpoint.host + ": " + ::gai_strerror(failed) +
                                              " (from --endpoint or HEARTH_URL)"};
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, &::freeaddrinfo);
  int last_errno = ECONNREFUSED;
  for (const addrinfo* address = found; address; address = address->ai_next) {
    UniqueFd fd(::socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC, address->ai_protocol));
    if (!fd) return ErrnoError("socket");
    SetTimeOut(fd.get(), SO_SNDTIMEO, kConnectMax);  // connect() obeys it too
    if (::connect(fd.get(), address->ai_addr, address->ai_addrlen) == 0) return fd;
    last_errno = errno == EINPROGRESS ? ETIMEDOUT : errno;
  }
  return CannotConnect(endpoint, last_errno);
}

// A refusal may come before all is sent, so an error here counts only when no answer follows.
int SendAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return errno;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return 0;
}

Error NoAnswer(const Endpoint& endpoint, const HttpRequest& request, int errno_value) {
  const std::string what = request.method + " " + request.target + " at " + endpoint.Authority();
  if (errno_value == EAGAIN) {
    return {ErrorCode::kTimedOut,
            what + ": nothing came for " + std::to_string(request.quiet_max.count()) + " s"};
  }
  if (errno_value != 0) return ErrnoError(what, errno_value);
  return {ErrorCode::kUnavailable, what + ": the connection was closed before the answer was whole"};
}

// Parses what is in `pending`, keeping the rest for later.
Status Feed(AnswerParser& parser, std::string& pending) {
  while (!pending.empty() && !parser.is_done()) {
    beast::error_code failure;
    const size_t used = parser.put(boost::asio::const_buffer(pending.data(), pending.size()), failure);
    pending.erase(0, used);
    if (failure == beast::http::error::need_more) return Ok();
    if (failure) return Error{ErrorCode::kIo, "the answer is not HTTP: " + failure.message()};
    if (used == 0) return Ok();
  }
  return Ok();
}

// True when the end of the connection was the end of the answer.
bool EndsWithConnection(AnswerParser& parser) {
  beast::error_code failure;
  if (parser.is_header_done()) parser.put_eof(failure);
  return parser.is_done();
}

Result<HttpAnswer> ReadAnswer(int fd, const Endpoint& endpoint, const HttpRequest& request, int send_errno,
                              std::function<void(std::string_view)> take) {
  AnswerParser parser(std::move(take));
  std::string pending;
  std::string block(kReadBytes, '\0');
  while (!parser.is_done()) {
    const ssize_t got = ::recv(fd, block.data(), block.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return NoAnswer(endpoint, request, send_errno != 0 ? send_errno : errno);
    if (got == 0 && EndsWithConnection(parser)) break;
    if (got == 0) return NoAnswer(endpoint, request, send_errno);
    pending.append(block.data(), static_cast<size_t>(got));
    HEARTH_TRY(Feed(parser, pending));
  }
  return std::move(parser.answer);
}

}  // namespace

std::string HttpAnswer::Header(std::string_view lower_case_name) const {
  for (const auto& [name, value] : headers) {
    if (name == lower_case_name) return value;
  }
  return "";
}

Result<Endpoint> Endpoint::Parse(const std::string& url) {
  constexpr std::string_view kScheme = "http://";
  const auto invalid = [&](const std::string& why) {
    return UsageError("endpoint \"" + url + "\" " + why + "; it has the form http://HOST:PORT");
  };
  if (url.starts_with("https://")) return invalid("asks for TLS, which the control port does not speak");
  if (!url.starts_with(kScheme)) return invalid("does not begin with http://");
  std::string rest = url.substr(kScheme.size());
  while (rest.ends_with('/')) rest.pop_back();
  if (rest.find_first_of("/?#@ \r\n") != std::string::npos) return invalid("has more than host and port");
  const size_t host_end = rest.starts_with('[') ? rest.find(']') : rest.rfind(':');
  Endpoint out;
  if (rest.starts_with('[')) {
    if (host_end == std::string::npos) return invalid("has no ] after the address");
    out.host = rest.substr(1, host_end - 1);
    rest.erase(0, host_end + 1);
  } else {
    out.host = rest.substr(0, host_end);
    rest.erase(0, out.host.size());
  }
  out.port = rest.empty() ? "80" : rest.substr(1);
  if (!rest.empty() && rest.front() != ':') return invalid("has something else than a port after the host");
  if (out.host.empty() || out.port.empty()) return invalid("lacks host or port");
  if (out.port.find_first_not_of("0123456789") != std::string::npos)
    return invalid("has a port that is no number");
  return out;
}

std::string Endpoint::Authority() const {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + port;
}

std::string HttpClient::Encode(const HttpRequest& request) const {
  std::string head = request.method + " " + request.target + " HTTP/1.1\r\nHost: " + endpoint_.Authority() +
                     "\r\nConnection: close\r\nUser-Agent: hearth\r\nContent-Length: " +
                     std::to_string(request.body.size()) + "\r\n";
  if (!token_.empty()) head += "Authorization: Bearer " + token_ + "\r\n";
  for (const auto& [name, value] : request.headers) head += name + ": " + value + "\r\n";
  return head + "\r\n" + request.body;
}

Result<HttpAnswer> HttpClient::Stream(const HttpRequest& request,
                                      std::function<void(std::string_view)> take) const {
  HEARTH_ASSIGN(const UniqueFd fd, Connect(endpoint_));
  SetTimeOut(fd.get(), SO_SNDTIMEO, request.quiet_max);
  SetTimeOut(fd.get(), SO_RCVTIMEO, request.quiet_max);
  const int send_errno = SendAll(fd.get(), Encode(request));
  return ReadAnswer(fd.get(), endpoint_, request, send_errno, std::move(take));
}

std::string PercentEncode(std::string_view text) {
  constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (kPlain.find(c) != std::string_view::npos) {
      out += c;
    } else {
      const auto byte = static_cast<uint8_t>(c);
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

}  // namespace hearth::cli
