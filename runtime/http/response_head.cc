#include "runtime/http/response_head.h"

#include <time.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace hearth::http {
namespace {

constexpr std::array<bool, 256> kTokenCharacters = [] {
  std::array<bool, 256> token{};
  for (size_t c = 0; c < 256; ++c)
    token[c] = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) token[static_cast<unsigned char>(c)] = true;
  return token;
}();

// The connection's own affair (RFC 9110 7.6.1); it is the server that says them.
bool IsOurs(std::string_view name) {
  for (const std::string_view ours :
       {"connection", "content-length", "transfer-encoding", "keep-alive", "upgrade", "trailer"}) {
    if (name.size() == ours.size() && EqualIgnoringCase(name, ours)) return true;
  }
  return false;
}

bool IsDate(std::string_view name) {
  constexpr std::string_view kDate = "date";
  return name.size() == kDate.size() && EqualIgnoringCase(name, kDate);
}

bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](char c) { return kTokenCharacters[static_cast<unsigned char>(c)]; });
}

bool IsValueCharacter(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return c == '\t' || (byte >= 0x20 && byte != 0x7f);
}

// Eight bytes in one step, while none of them is a control.
bool IsValue(std::string_view text) {
  constexpr uint64_t kEach = 0x0101010101010101, kHigh = 0x80 * kEach;
  for (uint64_t word; text.size() >= sizeof word; text.remove_prefix(sizeof word)) {
    std::memcpy(&word, text.data(), sizeof word);
    const uint64_t del = word ^ 0x7f * kEach;
    const uint64_t below_blank = (word - 0x20 * kEach) & ~word, is_del = (del - kEach) & ~del;
    if (((below_blank | is_del) & kHigh) == 0) continue;
    if (!std::all_of(text.begin(), text.begin() + sizeof word, IsValueCharacter)) return false;
  }
  return std::all_of(text.begin(), text.end(), IsValueCharacter);
}

}  // namespace

const std::string& DateLine::Get() {
  const auto second = std::chrono::floor<std::chrono::seconds>(clock_.WallNow());
  if (second == second_ && !line_.empty()) return line_;
  second_ = second;
  const time_t seconds = second.time_since_epoch().count();
  tm parts{};
  gmtime_r(&seconds, &parts);
  char text[64];
  strftime(text, sizeof text, "date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
  return line_ = text;
}

bool StatusHasBody(int status) { return status >= 200 && status != 204 && status != 304; }

std::optional<std::string> IllegalHeader(const Headers& headers) {
  for (const Header& header : headers) {
    if (!IsToken(header.name) || !IsValue(header.value)) return std::string(header.name);
  }
  return std::nullopt;
}

std::string FormatHead(const Response& response, const Framing& framing, const std::string& date_line) {
  std::string out;
  AppendHead(out, response, framing, date_line);
  return out;
}

void AppendHead(std::string& out, const Response& response, const Framing& framing,
                const std::string& date_line) {
  constexpr size_t kOwnLines = 160;  // the status line and what the server adds
  constexpr size_t kSmallBody = 16 << 10;
  const Headers& headers = response.headers;
  const size_t body = response.body.size() <= kSmallBody ? response.body.size() : 0;
  out.reserve(out.size() + kOwnLines + headers.lines().size() + body);
  out += "HTTP/1.1 ";
  out += std::to_string(response.status);
  out += ' ';
  out += StatusText(response.status);
  out += "\r\n";
  bool dated = false, any_ours = false;
  for (const Header& header : headers) {
    any_ours = any_ours || IsOurs(header.name);
    dated = dated || IsDate(header.name);
  }
  if (!any_ours) {
    out += headers.lines();
  } else {
    for (const Header& header : headers) {
      if (!IsOurs(header.name)) out.append(header.name).append(": ").append(header.value).append("\r\n");
    }
  }
  if (!dated) out += date_line;
  if (framing.body == BodyFraming::kChunked) out += "transfer-encoding: chunked\r\n";
  if (framing.body == BodyFraming::kLength && StatusHasBody(response.status)) {
    out.append("content-length: ")
        .append(std::to_string(framing.length.value_or(response.body.size())))
        .append("\r\n");
  }
  if (framing.close) out += "connection: close\r\n";
  if (!framing.close && framing.old_keep_alive) out += "connection: keep-alive\r\n";
  out += "\r\n";
}

}  // namespace hearth::http
