#include "runtime/http/target.h"

namespace hearth::http {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// What follows "http://host"; empty when that is not how it begins.
std::string_view AfterAuthority(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.size() <= scheme.size() || !EqualIgnoringCase(target.substr(0, scheme.size()), scheme))
      continue;
    const size_t end = target.find_first_of("/?", scheme.size());
    return end == std::string_view::npos ? std::string_view("/") : target.substr(end);
  }
  return {};
}

}  // namespace

std::optional<std::string> PercentDecode(std::string_view text) {
  if (text.find_first_of(std::string_view("%\0", 2)) == text.npos) return std::string(text);
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (text.size() - i < 3) return std::nullopt;
      const int high = HexDigit(text[i + 1]);
      const int low = HexDigit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (c == '\0') return std::nullopt;
    out += c;
  }
  return out;
}

Status SplitTarget(std::string_view target, Request& request) {
  const auto wrong = [&](const char* why) {
    return Error{ErrorCode::kInvalidArgument,
                 "the request target '" + std::string(target.substr(0, 100)) + "' " + why};
  };
  std::string_view origin = target;
  if (!target.starts_with('/') && target != "*") {
    origin = AfterAuthority(target);
    if (origin.empty()) return wrong("is not a path; send an absolute path such as /hello");
  }
  request.target.assign(origin.starts_with('?') ? "/" : "").append(origin);
  const std::string_view whole = request.target;
  const size_t question = whole.find('?');
  request.raw_path = whole.substr(0, question);
  request.raw_query = question == std::string_view::npos ? std::string_view() : whole.substr(question + 1);
  if (request.raw_path.find('%') == std::string::npos && request.raw_path.find('\0') == std::string::npos) {
    request.path = request.raw_path;
    return Ok();
  }
  auto decoded = PercentDecode(request.raw_path);
  if (!decoded)
    return wrong("has a '%' without two hexadecimal digits, or an encoded NUL; percent-encode it properly");
  request.path = std::move(*decoded);
  return Ok();
}

}  // namespace hearth::http
