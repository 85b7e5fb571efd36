#include "runtime/base/json_walk.h"

#include <algorithm>

#include "runtime/base/json_text.h"

namespace hearth {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

// Bytes of the string that begins at `from`, with its quotes.
size_t StringBytes(std::string_view text, size_t from) {
  size_t at = from + 1;
  while (at < text.size()) {
    at += PlainJsonPrefix(text.substr(at));
    if (at < text.size() && text[at] == '"') return at + 1 - from;
    at += at < text.size() && text[at] == '\\' ? 2 : 1;
  }
  return text.size() - from;
}

// Of an object or array.
size_t NestBytes(std::string_view text) {
  size_t level = 0, at = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      at += StringBytes(text, at);
      continue;
    }
    ++at;
    if (c == '{' || c == '[') ++level;
    if ((c == '}' || c == ']') && --level == 0) break;
  }
  return at;
}

unsigned FourHexDigits(std::string_view text) {
  unsigned code = 0;
  for (const char c : text.substr(0, 4))
    code = code << 4 | static_cast<unsigned>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
  return code;
}

void AppendUtf8(std::string& out, unsigned code) {
  const auto rest = [&](int shift) { out += static_cast<char>(0x80 | (code >> shift & 0x3f)); };
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | code >> 6);
    rest(0);
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | code >> 12);
    rest(6);
    rest(0);
  } else {
    out += static_cast<char>(0xf0 | code >> 18);
    rest(12);
    rest(6);
    rest(0);
  }
}

// Appends what the escape says that begins behind a backslash, and returns its bytes.
size_t AppendEscaped(std::string& out, std::string_view escape) {
  constexpr std::string_view kLetters = "bfnrt", kMeant = "\b\f\n\r\t";
  if (escape[0] != 'u') {
    const size_t letter = kLetters.find(escape[0]);
    out += letter == kLetters.npos ? escape[0] : kMeant[letter];
    return 1;
  }
  const unsigned code = FourHexDigits(escape.substr(1));
  if (code < 0xd800 || code > 0xdbff || escape.size() < 11) {
    AppendUtf8(out, code);
    return 5;
  }
  AppendUtf8(out, 0x10000 + ((code & 0x3ff) << 10) + (FourHexDigits(escape.substr(7)) & 0x3ff));
  return 11;
}

}  // namespace

JsonWalk::JsonWalk(std::string_view value) : text_(value) {
  SkipSpace();
  named_ = text_.starts_with('{');
  SkipTo(1);
}

void JsonWalk::SkipSpace() {
  while (!text_.empty() && IsSpace(text_.front())) text_.remove_prefix(1);
}

std::string_view JsonWalk::Take() {
  SkipSpace();
  size_t bytes = 0;
  if (text_.starts_with('"')) {
    bytes = StringBytes(text_, 0);
  } else if (text_.starts_with('{') || text_.starts_with('[')) {
    bytes = NestBytes(text_);
  } else {
    bytes = std::min(text_.find_first_of(",]} \n\r\t"), text_.size());
  }
  const std::string_view taken = text_.substr(0, bytes);
  SkipTo(bytes);
  SkipSpace();
  return taken;
}

bool JsonWalk::Next() {
  SkipSpace();
  if (text_.starts_with(',')) SkipTo(1);
  SkipSpace();
  if (text_.empty() || text_.starts_with('}') || text_.starts_with(']')) return false;
  if (named_) {
    name_ = Take();
    SkipTo(1);  // the colon
  }
  value_ = Take();
  return true;
}

std::string JsonStringText(std::string_view raw) {
  raw = raw.substr(std::min<size_t>(raw.size(), 1));
  raw.remove_suffix(std::min<size_t>(raw.size(), 1));
  std::string text;
  text.reserve(raw.size());
  while (true) {
    const size_t plain = std::min(raw.find('\\'), raw.size());
    text += raw.substr(0, plain);
    raw.remove_prefix(plain);
    if (raw.size() < 2) return text;
    raw.remove_prefix(1);
    raw.remove_prefix(std::min(AppendEscaped(text, raw), raw.size()));
  }
}

}  // namespace hearth
