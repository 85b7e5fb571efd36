#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/ids.h"
#include "runtime/base/result.h"
#include "runtime/http/message.h"
#include "runtime/model/outcome.h"

namespace hearth {

// What goes back to the client.
struct HttpAnswer {
  int status = 200;
  http::Headers headers{};  // names in lower case; set-cookie once per cookie
  std::string body{};
};

// A function's answer (payload format 2.0). A JSON object with `statusCode` says status, headers, cookies and
// body; anything else is 200 with the answer as the body, a JSON string without its quotes. An answer of
// another content type goes out as it is. kInvalidArgument: it should be JSON and is not, or it has
// `statusCode` and cannot be an HTTP response.
Result<HttpAnswer> AnswerFromPayload(std::string payload, std::string_view content_type);

// A streamed answer of its own status begins with a prelude of this content type, as on AWS: {"statusCode", "headers",
// "cookies"}, eight zeros, then the body.
inline constexpr std::string_view kPreludeContentType = "application/vnd.awslambda.http-integration-response";
struct SplitAnswer {
  std::string_view prelude;
  std::string_view body;
};
std::optional<SplitAnswer> SplitPrelude(std::string_view bytes);  // nothing: its end has not come yet
Result<HttpAnswer> HeadFromPrelude(std::string_view prelude);

// Any end of an invocation: AnswerFromPayload(), 502 for what the handler did wrong, 504 past its timeout,
// 503 for our fault. The body of a failure is JSON with message, errorType and requestId, never the handler's
// own words: they may tell a stranger what only the log should.
HttpAnswer AnswerFromOutcome(Outcome outcome, const RequestId& request_id);

// Nothing ran: 404, 413, 429 with Retry-After, 503, 500.
HttpAnswer AnswerFromError(const Error& error, const RequestId& request_id);

// The JSON body of every answer that no function gave.
HttpAnswer ProblemAnswer(int status, std::string_view message, std::string_view error_type,
                         std::string_view request_id);

}  // namespace hearth
