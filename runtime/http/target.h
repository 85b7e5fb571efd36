#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/http/message.h"

namespace hearth::http {

// Nothing when a '%' is not followed by two hexadecimal digits, or when the result has a NUL.
std::optional<std::string> PercentDecode(std::string_view text);

// Fills target, path, raw_path and raw_query from a request line's target (RFC 9112 3.2): origin form,
// absolute form (whose scheme and host are dropped, the Host header rules here) or "*". kInvalidArgument on
// anything else.
Status SplitTarget(std::string_view target, Request& request);

}  // namespace hearth::http
