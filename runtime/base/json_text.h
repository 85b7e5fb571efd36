#pragma once

#include <cstdint>
#include <string>
#include <string_view>

// Writing JSON as text, for what is written too often to be built as a tree first.

namespace hearth {

// Appends `text` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD, one for each byte: a
// message's body and a header's value are any bytes, JSON is not.
void AppendJsonString(std::string& out, std::string_view text);

// How many bytes at the front of `text` stand in a JSON string as they are: ASCII without controls, quote and
// backslash.
size_t PlainJsonPrefix(std::string_view text);

// Length in bytes of the UTF-8 sequence of several bytes that begins at `at`; 0 when there is none.
size_t Utf8SequenceAt(std::string_view text, size_t at);

// Strict: no overlong forms, surrogates, nor what is over U+10FFFF.
bool IsUtf8(std::string_view text);

// Writes one object, member by member, to the end of a text.
//
// Borrows: the text. Between the begin and the End() of an object inside, only that one is written to.
class JsonObjectText final {
 public:
  explicit JsonObjectText(std::string& out) : out_(out) { out_ += '{'; }

  void String(std::string_view name, std::string_view value) { AppendJsonString(Member(name), value); }
  void Number(std::string_view name, int64_t value) { Member(name) += std::to_string(value); }
  void Bool(std::string_view name, bool value) { Member(name) += value ? "true" : "false"; }
  JsonObjectText Object(std::string_view name) { return JsonObjectText(Member(name)); }
  // The text, behind which the member's value is to be written.
  std::string& Member(std::string_view name);
  void End() { out_ += '}'; }

 private:
  std::string& out_;
  bool empty_ = true;
};

}  // namespace hearth
