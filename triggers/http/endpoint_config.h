#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/result.h"
#include "triggers/http/cors.h"

namespace hearth {

enum class AuthType { kNone, kToken };
// What becomes of an invocation whose client goes away before it has its answer.
enum class OnClientGone { kFinish, kCancel };
// Whether the client has the answer whole at its end, or from the handler's first flush on.
enum class InvokeMode { kBuffered, kResponseStream };

// What a function URL and a declared route have in common, and what each adds; the document that a Trigger
// keeps.
//   {"FunctionName": "resize", "Qualifier": "3",
//    "AuthType": "TOKEN", "Token": "..." (only in; kept as "TokenSha256", 64 hexadecimal digits),
//    "Cors": {"AllowOrigins": ["*"], ...},
//    "InvokeMode": "BUFFERED" (default) or "RESPONSE_STREAM",
//    "OnClientGone": "FINISH" (default, as on AWS) or "CANCEL",
//    "Route": "GET /thumbs/{name}" (routes), "UrlId": "..." (URLs)}
struct EndpointConfig {
  std::string function;
  std::string qualifier;
  AuthType auth = AuthType::kNone;
  std::string token_sha256;  // hexadecimal
  std::optional<CorsRules> cors;
  InvokeMode invoke_mode = InvokeMode::kBuffered;
  OnClientGone on_client_gone = OnClientGone::kFinish;
  std::string route;    // "METHOD /path", routes only
  std::string url_id;   // URLs only
  std::string created;  // ISO 8601, kept as it came
};

// kInvalidArgument names the member and what is allowed. AWS_IAM is refused, since no signature is checked
// here yet.
Result<EndpointConfig> DecodeEndpointConfig(std::string_view json);
// As kept: with defaults filled in, the token only as its hash.
std::string EncodeEndpointConfig(const EndpointConfig& config);

}  // namespace hearth
