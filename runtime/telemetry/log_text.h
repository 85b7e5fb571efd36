#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "runtime/model/observers.h"

namespace hearth {

// What a handler wrote made safe for terminals, files and JSON: one line, valid UTF-8, no control characters
// but tab. Others are shown as \n, \x1b or \u009b, and so are bytes that are no UTF-8.
std::string EscapeLogText(std::string_view text);
// The same for a JSON object: only escapes that JSON has, line breaks between its tokens become spaces. What
// was no JSON before is none after.
std::string EscapeLogJson(std::string_view json);

// At most `bytes_max` of it, never through a character, with "[truncated N bytes]" behind when something
// went.
std::string CutLogText(std::string_view text, size_t bytes_max);

}  // namespace hearth
