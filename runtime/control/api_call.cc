#include "runtime/control/api_call.h"

#include <charconv>

namespace hearth {
namespace {

// What SDKs wait before they ask again; they add their own back-off.
constexpr const char* kRetryAfterSeconds = "1";

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string DecodeQueryText(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
    const int low = high >= 0 ? HexDigit(text[i + 2]) : -1;
    if (low < 0) {
      out += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    out += static_cast<char>(high << 4 | low);
    i += 2;
  }
  return out;
}

}  // namespace

std::string ApiCall::parameter(std::string_view name) const {
  for (const http::PathParameter& parameter : request_.parameters) {
    if (parameter.name == name) return parameter.value;
  }
  return "";
}

Result<uint64_t> ApiCall::query_number(const std::string& name, uint64_t fallback, uint64_t least,
                                       uint64_t most) const {
  const std::string text = query(name);
  if (text.empty()) return fallback;
  uint64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed == std::errc() && end == text.data() + text.size() && least <= value && value <= most)
    return value;
  return Error{ErrorCode::kInvalidArgument, name + "=" + text + " is not a whole number from " +
                                                std::to_string(least) + " to " + std::to_string(most)};
}

std::string ApiCall::query(std::string_view name) const {
  const std::vector<std::string> given = queries(name);
  return given.empty() ? "" : given.front();
}

std::vector<std::string> ApiCall::queries(std::string_view name) const {
  std::vector<std::string> given;
  std::string_view rest = request_.raw_query;
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    const size_t equals = std::min(pair.find('='), pair.size());
    if (DecodeQueryText(pair.substr(0, equals)) != name) continue;
    given.push_back(equals == pair.size() ? "" : DecodeQueryText(pair.substr(equals + 1)));
  }
  return given;
}

void ApiCall::Answer(int status, http::Headers headers, std::string body) {
  headers.Add("x-amzn-RequestId", request_id_.text());
  responder_.Send({status, std::move(headers), std::move(body)});
}

void ApiCall::AnswerJson(int status, const Json& body) {
  Answer(status, {{"content-type", "application/json"}}, DumpJson(body));
}

void ApiCall::Fail(const LambdaError& error) {
  http::Headers headers = {{"content-type", "application/json"}, {"x-amzn-ErrorType", error.type}};
  if (error.status == 429 || error.status == 503) headers.Add("retry-after", kRetryAfterSeconds);
  Answer(error.status, std::move(headers), LambdaErrorJson(error));
}

void ApiCall::Begin(int status, http::Headers headers) {
  headers.Add("x-amzn-RequestId", request_id_.text());
  responder_.Begin({status, std::move(headers), ""});
}

}  // namespace hearth
