#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <hearth/abi.h>
#include <hearth/error.h>
#include <nlohmann/json.hpp>

// An answer that goes to the client piece by piece: Context::stream().

namespace hearth {

// Status, headers and cookies of a streamed answer.
struct HttpHead {
  int status = 200;
  std::map<std::string, std::string> headers = {};
  std::vector<std::string> cookies = {};
};

// Writes the response of the invocation that runs. What is written goes when it is flushed, or 64 KiB are together;
// where the answer is not streamed, all of it goes at the end. Valid until the handler returns.
class ResponseWriter final {
 public:
  explicit ResponseWriter(const hearth_host* host) : host_(host) {}

  // Throws FunctionError when it is over the limit of a response.
  void Write(std::string_view bytes) const {
    if (host_->response_write(host_, {bytes.data(), bytes.size()}) == HEARTH_TOO_LARGE)
      throw FunctionError("Function.ResponseSizeTooLarge", "the response is over the platform's limit");
  }
  // What was written until now goes to the client, and the handler waits while that one is slow.
  void Flush() const {
    if (HEARTH_HAS(host_, response_flush)) host_->response_flush(host_);
  }

 private:
  const hearth_host* host_;
};

namespace internal {

// In front of the body, as Lambda has it: JSON, then eight zeros.
inline constexpr std::string_view kPreludeContentType = "application/vnd.awslambda.http-integration-response";

inline std::string PreludeOf(const HttpHead& head) {
  nlohmann::json prelude = {{"statusCode", head.status}, {"headers", head.headers}};
  if (!head.cookies.empty()) prelude["cookies"] = head.cookies;
  return prelude.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + std::string(8, '\0');
}

}  // namespace internal
}  // namespace hearth
