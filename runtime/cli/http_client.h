#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/base/units.h"

namespace hearth::cli {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method = "GET";
  std::string target = "/";  // path and query, as they travel
  HttpHeaders headers{};
  std::string body{};
  seconds quiet_max{960};  // longest time without a byte from the daemon; a function may run for 900 s
};

struct HttpAnswer {
  int status = 0;
  HttpHeaders headers{};  // names in lower case
  std::string body{};

  std::string Header(std::string_view lower_case_name) const;
};

// Where the daemon listens. "http://127.0.0.1:4566", "http://[::1]:4566/"; nothing but http: the control port
// speaks no TLS.
struct Endpoint {
  std::string host;
  std::string port;

  static Result<Endpoint> Parse(const std::string& url);
  std::string Authority() const;  // as the Host header has it
};

// Asks one daemon, one connection a request. Blocks, since a command line has nothing else to do. The only
// user of Boost.Beast in this folder.
//
// Failure: kUnavailable when nobody listens, kTimedOut when nothing came for quiet_max, kIo otherwise. What
//          the daemon says with a status is an answer.
class HttpClient final {
 public:
  // `token` "" sends none.
  HttpClient(Endpoint endpoint, std::string token)
      : endpoint_(std::move(endpoint)), token_(std::move(token)) {}

  Result<HttpAnswer> Ask(const HttpRequest& request) const { return Stream(request, nullptr); }
  // Gives the body of a 2xx answer to `take` as it arrives instead of keeping it.
  Result<HttpAnswer> Stream(const HttpRequest& request, std::function<void(std::string_view)> take) const;
  const Endpoint& endpoint() const { return endpoint_; }

 private:
  std::string Encode(const HttpRequest& request) const;

  const Endpoint endpoint_;
  const std::string token_;
};

// As a path segment or a query value.
std::string PercentEncode(std::string_view text);

}  // namespace hearth::cli
