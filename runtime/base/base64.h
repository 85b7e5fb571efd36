#pragma once

#include <string>
#include <string_view>

#include "runtime/base/result.h"

namespace hearth {

// RFC 4648 section 4, with padding. Decoding is strict: kInvalidArgument on any other character or a wrong
// length.
std::string Base64Encode(std::string_view raw);
Result<std::string> Base64Decode(std::string_view text);

}  // namespace hearth
