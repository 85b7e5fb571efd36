#include "runtime/telemetry/log_text.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>

namespace hearth {
namespace {

bool IsContinuation(char c) { return (static_cast<uint8_t>(c) & 0xc0) == 0x80; }

struct Character {
  size_t bytes = 1;
  uint32_t code = 0;
  bool valid = false;
};

// The character that `text` begins with; RFC 3629: no overlong forms, no surrogates, nothing over 10FFFF.
Character FirstCharacter(std::string_view text) {
  const auto lead = static_cast<uint8_t>(text[0]);
  if (lead < 0x80) return {1, lead, true};
  const size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  static constexpr std::array<uint32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  if (lead < 0xc0 || lead > 0xf4 || text.size() < bytes) return {};
  uint32_t code = lead & (0x7f >> bytes);
  for (size_t i = 1; i < bytes; ++i) {
    if (!IsContinuation(text[i])) return {};
    code = code << 6 | (static_cast<uint8_t>(text[i]) & 0x3f);
  }
  if (code < kLeast[bytes] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return {};
  return {bytes, code, true};
}

// Line and paragraph separators too: some viewers break lines at them. And what turns the direction of all text that
// follows it, by which a line could be shown as another.
bool NeedsEscape(uint32_t code) {
  if (code == '\t') return false;
  if ((code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069)) return true;
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029;
}

bool IsPlain(char c) { return (c >= 0x20 && c < 0x7f) || c == '\t'; }

void AppendEscaped(std::string& out, const char* form, uint32_t code) {
  char text[16];
  std::snprintf(text, sizeof text, form, code);
  out += text;
}

void AppendForText(std::string& out, uint32_t code) {
  if (code == '\n') {
    out += "\\n";
  } else if (code == '\r') {
    out += "\\r";
  } else {
    AppendEscaped(out, code < 0x80 ? "\\x%02x" : "\\u%04x", code);
  }
}

void AppendForJson(std::string& out, uint32_t code) {
  if (code == '\n' || code == '\r') {
    out += ' ';
  } else {
    AppendEscaped(out, "\\u%04x", code);
  }
}

// `append` writes a control character, `invalid` is the form of a byte that is no UTF-8.
std::string Escape(std::string_view text, void (*append)(std::string&, uint32_t), const char* invalid) {
  // Nearly every line, and every line of ours, is plain through and through.
  const auto plain = static_cast<size_t>(std::find_if_not(text.begin(), text.end(), IsPlain) - text.begin());
  std::string out;
  out.reserve(text.size());
  out = text.substr(0, plain);
  text.remove_prefix(plain);
  while (!text.empty()) {
    const Character character = FirstCharacter(text);
    if (!character.valid) {
      AppendEscaped(out, invalid, static_cast<uint8_t>(text[0]));
    } else if (NeedsEscape(character.code)) {
      append(out, character.code);
    } else {
      out += text.substr(0, character.bytes);
    }
    text.remove_prefix(character.bytes);
  }
  return out;
}

}  // namespace

std::string EscapeLogText(std::string_view text) { return Escape(text, AppendForText, "\\x%02x"); }
std::string EscapeLogJson(std::string_view json) { return Escape(json, AppendForJson, "\\u%04x"); }

std::string CutLogText(std::string_view text, size_t bytes_max) {
  if (text.size() <= bytes_max) return std::string(text);
  size_t end = bytes_max;
  for (int back = 0; back < 3 && end > 0 && IsContinuation(text[end]); ++back) --end;
  return std::string(text.substr(0, end)) + "[truncated " + std::to_string(text.size() - end) + " bytes]";
}

}  // namespace hearth
