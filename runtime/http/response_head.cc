#include "runtime/http/response_head.h"

#include <time.h>

#include <algorithm>
#include <array>

namespace hearth::http {
namespace {

struct CharacterKinds {
  std::array<bool, 256> token{}, value{};
};
constexpr CharacterKinds kKinds = [] {
  CharacterKinds kinds;
  for (size_t c = 0; c < 256; ++c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    kinds.token[c] = letter || (c >= '0' && c <= '9');
    kinds.value[c] = c == '\t' || (c >= 0x20 && c != 0x7f);
  }
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) kinds.token[static_cast<unsigned char>(c)] = true;
  return kinds;
}();

bool IsTokenCharacter(char c) { return kKinds.token[static_cast<unsigned char>(c)]; }
bool IsValueCharacter(char c) { return kKinds.value[static_cast<unsigned char>(c)]; }

// The connection's own affair (RFC 9110 7.6.1); it is the server that says them.
bool IsOurs(std::string_view name) {
  for (const std::string_view ours :
       {"connection", "content-length", "transfer-encoding", "keep-alive", "upgrade", "trailer"}) {
    if (EqualIgnoringCase(name, ours)) return true;
  }
  return false;
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
    const bool legal = !header.name.empty() &&
                       std::all_of(header.name.begin(), header.name.end(), IsTokenCharacter) &&
                       std::all_of(header.value.begin(), header.value.end(), IsValueCharacter);
    if (!legal) return header.name;
  }
  return std::nullopt;
}

std::string FormatHead(const Response& response, const Framing& framing, const std::string& date_line) {
  constexpr size_t kOwnLines = 160;  // the status line and what the server adds
  constexpr size_t kSmallBody = 16 << 10;
  size_t bytes = kOwnLines + (response.body.size() <= kSmallBody ? response.body.size() : 0);
  for (const Header& header : response.headers) bytes += header.name.size() + header.value.size() + 4;
  std::string out;
  out.reserve(bytes);
  out += "HTTP/1.1 ";
  out += std::to_string(response.status);
  out += ' ';
  out += StatusText(response.status);
  out += "\r\n";
  bool dated = false;
  for (const Header& header : response.headers) {
    if (IsOurs(header.name)) continue;
    dated = dated || EqualIgnoringCase(header.name, "date");
    out.append(header.name).append(": ").append(header.value).append("\r\n");
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
  return out;
}

}  // namespace hearth::http
