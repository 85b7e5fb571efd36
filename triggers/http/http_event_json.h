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
  using HeaderViews = std::vector<std::pair<std::string_view, std::string_view>>;  // as sent, in order

  std::string_view method;
  std::string_view raw_path;   // as sent, still percent-encoded, without what the runtime mounted it under
  std::string_view raw_query;  // as sent, without '?'
  std::string_view protocol = "HTTP/1.1";
  HeaderViews headers;
  std::string_view body;
  std::string_view source_ip;
  std::string_view request_id;
  WallTime received{};
  std::string_view account_id;
  std::string_view api_id;
  std::string_view domain_name;
  std::string_view domain_prefix;
  std::string_view route_key = "$default";
  std::string_view stage = "$default";
  const std::map<std::string, std::string>* path_parameters =
      nullptr;  // decoded; none: the member is left out
};

// The event in API Gateway's payload format 2.0, which function URLs use too.
// https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
std::string HttpEventJson(const HttpEventParts& parts);
// The same, into the memory of another text.
void WriteHttpEventJson(const HttpEventParts& parts, std::string& out);

// "%2F" -> "/", "+" -> " "; what is not an escape stays as it is.
std::string DecodeQueryText(std::string_view text);

}  // namespace hearth
