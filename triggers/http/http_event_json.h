#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/clock.h"

namespace hearth {

// What an HTTP event is made of. Views live as long as the call.
struct HttpEventParts {
  std::string_view method;
  std::string_view raw_path;   // as sent, still percent-encoded, without what the runtime mounted it under
  std::string_view raw_query;  // as sent, without '?'
  std::string_view protocol = "HTTP/1.1";
  std::vector<std::pair<std::string_view, std::string_view>> headers;  // as sent, in order
  std::string_view body;
  std::string source_ip;
  std::string request_id;
  WallTime received{};
  std::string account_id;
  std::string api_id;
  std::string domain_name;
  std::string domain_prefix;
  std::string route_key = "$default";
  std::string stage = "$default";
  std::map<std::string, std::string> path_parameters;  // decoded; none: the member is left out
};

// The event in API Gateway's payload format 2.0, which function URLs use too.
// https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
std::string HttpEventJson(const HttpEventParts& parts);

// "%2F" -> "/", "+" -> " "; what is not an escape stays as it is.
std::string DecodeQueryText(std::string_view text);

}  // namespace hearth
