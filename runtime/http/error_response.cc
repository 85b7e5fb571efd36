#include "runtime/http/error_response.h"

#include "runtime/base/json_text.h"

namespace hearth::http {

Response ErrorResponse(int status, std::string_view code, std::string_view message) {
  std::string body = "{\"error\":";
  AppendJsonString(body, code);
  body += ",\"message\":";
  AppendJsonString(body, message);
  body += '}';
  return Response::Json(status, std::move(body));
}

}  // namespace hearth::http
