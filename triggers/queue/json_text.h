#pragma once

#include <string>
#include <string_view>

namespace hearth {

// Appends `text` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD, one for each byte: a
// message's body is any bytes to the store, JSON is not.
void AppendJsonString(std::string& out, std::string_view text);

// Length in bytes of the UTF-8 sequence of several bytes that begins at `at`; 0 when there is none.
size_t Utf8SequenceAt(std::string_view text, size_t at);

}  // namespace hearth
