#pragma once

#include <string>
#include <string_view>

#include "runtime/http/message.h"

namespace hearth::http {

// {"error":"<code>","message":"<message>"}: every error that this folder answers. `code` is short and stable
// ("payload_too_large"); `message` says what happened, the limit, and what to do. Bytes that are not UTF-8
// become U+FFFD.
Response ErrorResponse(int status, std::string_view code, std::string_view message);

}  // namespace hearth::http
