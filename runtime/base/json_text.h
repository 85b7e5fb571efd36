#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

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

// The name of a member, a literal: `,"name":`, put together when the program is compiled. Names that would need an
// escape do not compile.
class JsonName final {
 public:
  template <size_t N>
  consteval JsonName(const char (&name)[N])
      : size_(N - 1 + kAround) {  // NOLINT: a literal is meant to become one
    static_assert(N - 1 + kAround <= kBytesMax);
    char* to = text_;
    *to++ = ',';
    *to++ = '"';
    for (size_t i = 0; i + 1 < N; ++i) {
      if (name[i] < 0x20 || name[i] == '"' || name[i] == '\\' || name[i] == 0x7f) NeedsAnEscape();
      *to++ = name[i];
    }
    *to++ = '"';
    *to++ = ':';
  }
  std::string_view behind_others() const { return {text_, size_}; }
  std::string_view as_first() const { return {text_ + 1, size_ - 1}; }

 private:
  static constexpr size_t kAround = 4, kBytesMax = 32;
  static void NeedsAnEscape() {}  // not constexpr: to get there ends the compilation
  char text_[kBytesMax]{};
  size_t size_;
};

// Writes one object, member by member, to the end of a text.
//
// Borrows: the text. Between the begin and the End() of an object inside, only that one is written to.
class JsonObjectText final {
 public:
  explicit JsonObjectText(std::string& out) : out_(out) { out_ += '{'; }

  void String(const JsonName& name, std::string_view value) { AppendJsonString(Member(name), value); }
  void Number(const JsonName& name, int64_t value) { Member(name) += std::to_string(value); }
  void Bool(const JsonName& name, bool value) { Member(name) += value ? "true" : "false"; }
  JsonObjectText Object(const JsonName& name) { return JsonObjectText(Member(name)); }
  // The text, behind which the member's value is to be written.
  std::string& Member(const JsonName& name) {
    return out_ += std::exchange(empty_, false) ? name.as_first() : name.behind_others();
  }
  // Of any name, such as one that a client has sent.
  void StringNamed(std::string_view name, std::string_view value);
  void End() { out_ += '}'; }

 private:
  std::string& out_;
  bool empty_ = true;
};

}  // namespace hearth
