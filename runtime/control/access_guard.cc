#include "runtime/control/access_guard.h"

#include <arpa/inet.h>

#include <algorithm>

#include "runtime/base/digest.h"

namespace hearth {
namespace {

std::string LowerCase(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

// Literals only: "127.0.0.1.example.com" is a name that its owner can point anywhere.
bool IsLoopbackLiteral(const std::string& host) {
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

// RFC 6761: names under "localhost" never leave the machine.
bool IsLocalhostName(std::string_view host) { return host == "localhost" || host.ends_with(".localhost"); }

Error Refused(std::string message) { return {ErrorCode::kUnauthorized, std::move(message)}; }

// "http://localhost:3000" -> "localhost:3000"; "" for "null" and what is no origin.
std::string_view AuthorityOf(std::string_view origin) {
  const size_t scheme_end = origin.find("://");
  return scheme_end == origin.npos ? std::string_view() : origin.substr(scheme_end + 3);
}

}  // namespace

std::string HostWithoutPort(std::string_view host) {
  if (host.starts_with('[')) {
    const size_t end = host.find(']');
    return LowerCase(end == host.npos ? std::string_view() : host.substr(1, end - 1));
  }
  // More than one colon and no brackets: an IPv6 literal without a port, which some clients send.
  const bool has_port = std::count(host.begin(), host.end(), ':') == 1;
  return LowerCase(has_port ? host.substr(0, host.find(':')) : host);
}

AccessGuard::AccessGuard(Options options) : options_(std::move(options)) {}

bool AccessGuard::IsOwnName(std::string_view host_and_port) const {
  const std::string host = HostWithoutPort(host_and_port);
  if (host.empty()) return false;
  return IsLoopbackLiteral(host) || IsLocalhostName(host) ||
         std::any_of(options_.allowed_hosts.begin(), options_.allowed_hosts.end(),
                     [&](const std::string& allowed) { return LowerCase(allowed) == host; });
}

bool AccessGuard::HasToken(const Asked& asked) const {
  constexpr std::string_view kScheme = "bearer ";
  const bool bearer = LowerCase(asked.authorization.substr(0, kScheme.size())) == kScheme;
  const std::string_view given = bearer ? asked.authorization.substr(kScheme.size()) : asked.security_token;
  return ConstantTimeEqual(given, options_.token);
}

Status AccessGuard::Check(const Asked& asked) const {
  if (asked.path == "/livez") return Ok();
  if (!IsOwnName(asked.host)) {
    return Refused(
        "Host \"" + std::string(asked.host) +
        "\" is not this machine's: ask for localhost or a loopback address, or allow the name with "
        "--allow-host (a guard against DNS rebinding)");
  }
  if (!asked.origin.empty() && !IsOwnName(AuthorityOf(asked.origin))) {
    return Refused(
        "Origin \"" + std::string(asked.origin) +
        "\" is a foreign web page: the control API answers only pages of this machine, or of names allowed "
        "with --allow-host");
  }
  if (asked.origin.empty() && asked.fetch_site == "cross-site") {
    return Refused(
        "a page of another site causes this request (Sec-Fetch-Site: cross-site): the control API answers "
        "only pages of this machine");
  }
  if (wants_token() && !HasToken(asked)) {
    return Refused(
        "the control API asks for the token of --auth-token-file: send it as \"Authorization: Bearer "
        "TOKEN\", "
        "or with AWS's tools as AWS_SESSION_TOKEN");
  }
  return Ok();
}

}  // namespace hearth
