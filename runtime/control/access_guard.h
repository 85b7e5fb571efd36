#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"

namespace hearth {

// Who may speak to the control plane.
//
// Two dangers, two checks. A stranger who can reach the port: a bearer token, where one is configured. A web
// page in the operator's own browser, whose script reaches loopback through a name that it rebinds: the Host
// that was asked for, and the Origin of a browser's request, must be this machine's own names; a request that
// another site's page causes without an Origin (an image, a link) is refused too, since SQS's query protocol
// does things on GET.
//
// Thread: any; it holds nothing that changes.
class AccessGuard final {
 public:
  struct Options {
    std::string token;  // "": none is asked for
    std::vector<std::string>
        allowed_hosts;  // names or addresses besides loopback, without port; the listener's own among them
  };
  // The headers of one request; "" for what was not sent.
  struct Asked {
    std::string_view path = {};
    std::string_view host = {};
    std::string_view origin = {};
    std::string_view authorization = {};
    // X-Amz-Security-Token: how AWS's tools can carry the token (AWS_SESSION_TOKEN).
    std::string_view security_token = {};
    // Sec-Fetch-Site: what browsers say of requests that carry no Origin, such as an image's.
    std::string_view fetch_site = {};
  };

  explicit AccessGuard(Options options);
  // kUnauthorized with the reason. /livez is let through: it says nothing but that the process lives.
  Status Check(const Asked& asked) const;
  bool wants_token() const { return !options_.token.empty(); }

 private:
  bool IsOwnName(std::string_view host_and_port) const;
  bool HasToken(const Asked& asked) const;

  const Options options_;
};

// "[::1]:4566" -> "::1", "localhost:4566" -> "localhost", in lower case.
std::string HostWithoutPort(std::string_view host_and_port);

}  // namespace hearth
