#include "triggers/http/http_event_json.h"

#include <algorithm>
#include <array>
#include <utility>

#include "runtime/base/base64.h"
#include "runtime/base/json_text.h"
#include "triggers/http/text_body.h"

namespace hearth {
namespace {

// Names, punctuation and what is alike in all events; more only costs another allocation.
constexpr size_t kOwnBytes = 600;

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char LowerCase(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

std::string LowerCase(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = LowerCase(c);
  return out;
}

bool EqualLetters(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(),
                    [](char x, char y) { return LowerCase(x) == LowerCase(y); });
}
// Most names differ in their length.
inline bool EqualIgnoringCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() && EqualLetters(a, b);
}

// Payload 2.0 has no lists: values of one name are joined by commas, in the order they came.
void Join(std::map<std::string, std::string>& map, std::string name, std::string_view value) {
  const auto [at, is_new] = map.try_emplace(std::move(name), value);
  if (!is_new) at->second.append(",").append(value);
}

std::map<std::string, std::string> QueryParameters(std::string_view query) {
  std::map<std::string, std::string> parameters;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    const std::string_view value = equals == pair.npos ? std::string_view() : pair.substr(equals + 1);
    Join(parameters, DecodeQueryText(pair.substr(0, equals)), DecodeQueryText(value));
  }
  return parameters;
}

void AppendCookies(std::string_view header, std::vector<std::string>& cookies) {
  while (!header.empty()) {
    std::string_view cookie = header.substr(0, header.find(';'));
    header.remove_prefix(std::min(header.size(), cookie.size() + 1));
    while (cookie.starts_with(' ')) cookie.remove_prefix(1);
    while (cookie.ends_with(' ')) cookie.remove_suffix(1);
    if (!cookie.empty()) cookies.emplace_back(cookie);
  }
}

// "12/Mar/2020:19:03:58 +0000"
void AppendCommonLogTime(std::string& text, WallTime time) {
  static constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - day));
  const auto two_digits = [&text](unsigned number, char before) {
    if (before != '\0') text += before;
    text += static_cast<char>('0' + number / 10 % 10);
    text += static_cast<char>('0' + number % 10);
  };
  two_digits(static_cast<unsigned>(date.day()), '\0');
  text.append("/").append(kMonths[static_cast<unsigned>(date.month()) - 1]).append("/");
  text += std::to_string(static_cast<int>(date.year()));
  two_digits(static_cast<unsigned>(clock.hours().count()), ':');
  two_digits(static_cast<unsigned>(clock.minutes().count()), ':');
  two_digits(static_cast<unsigned>(clock.seconds().count()), ':');
  text += " +0000";
}

// Headers by their lower-case names, cookies apart: those have a member of their own.
class HeaderText final {
 public:
  explicit HeaderText(const HttpEventParts& parts) : headers_(parts.headers) {}

  // Names that come more than once are rare: they stand where the first is, joined.
  void Write(JsonObjectText object) const {
    for (auto at = headers_.begin(); at != headers_.end(); ++at) {
      const std::string_view name = at->first;
      const auto same = [name](const auto& header) { return EqualIgnoringCase(header.first, name); };
      if (EqualIgnoringCase(name, kCookie) || std::any_of(headers_.begin(), at, same)) continue;
      std::string joined;
      const bool lower = std::none_of(name.begin(), name.end(), [](char c) { return c != LowerCase(c); });
      object.StringNamed(lower ? name : std::string_view(LowerCase(name)), Get(name, joined));
    }
    object.End();
  }
  size_t bytes() const {
    size_t sum = 0;
    for (const auto& [name, value] : headers_) sum += name.size() + value.size() + sizeof "\"\":\"\",";
    return sum;
  }
  std::vector<std::string> Cookies() const {
    std::vector<std::string> cookies;
    for (const auto& [name, value] : headers_) {
      if (EqualIgnoringCase(name, kCookie)) AppendCookies(value, cookies);
    }
    return cookies;
  }
  // Of several, as they are joined, in `joined`.
  std::string_view Get(std::string_view wanted, std::string& joined) const {
    std::string_view found;
    for (const auto& [name, value] : headers_) {
      if (!EqualIgnoringCase(name, wanted)) continue;
      if (!found.empty()) found = joined.assign(found).append(",").append(value);
      if (found.empty()) found = value;
    }
    return found;
  }

 private:
  static constexpr std::string_view kCookie = "cookie";
  const HttpEventParts::HeaderViews& headers_;
};

void WriteMap(JsonObjectText object, const std::map<std::string, std::string>& map) {
  for (const auto& [name, value] : map) object.StringNamed(name, value);
  object.End();
}

void WriteCookies(std::string& out, const std::vector<std::string>& cookies) {
  char before = '[';
  for (const std::string& cookie : cookies) {
    out += std::exchange(before, ',');
    AppendJsonString(out, cookie);
  }
  out += ']';
}

void WriteRequestContext(JsonObjectText context, const HttpEventParts& parts, std::string_view user_agent) {
  context.String("accountId", parts.account_id);
  context.String("apiId", parts.api_id);
  context.String("domainName", parts.domain_name);
  context.String("domainPrefix", parts.domain_prefix);
  JsonObjectText http = context.Object("http");
  http.String("method", parts.method);
  http.String("path", parts.raw_path);
  http.String("protocol", parts.protocol);
  http.String("sourceIp", parts.source_ip);
  http.String("userAgent", user_agent);
  http.End();
  context.String("requestId", parts.request_id);
  context.String("routeKey", parts.route_key);
  context.String("stage", parts.stage);
  std::string& time = context.Member("time");
  time += '"';
  AppendCommonLogTime(time, parts.received);
  time += '"';
  context.Number("timeEpoch",
                 std::chrono::floor<std::chrono::milliseconds>(parts.received).time_since_epoch().count());
  context.End();
}

void WriteBody(JsonObjectText& event, std::string_view body, std::string_view content_type) {
  const bool text = body.empty() || IsTextBody(content_type, body);
  if (!body.empty())
    AppendJsonString(event.Member("body"), text ? body : std::string_view(Base64Encode(body)));
  event.Bool("isBase64Encoded", !text);
}

}  // namespace

std::string DecodeQueryText(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
    const int low = high >= 0 ? HexDigit(text[i + 2]) : -1;
    if (low >= 0) {
      out += static_cast<char>(high << 4 | low);
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

std::string HttpEventJson(const HttpEventParts& parts) {
  std::string out;
  WriteHttpEventJson(parts, out);
  return out;
}

void WriteHttpEventJson(const HttpEventParts& parts, std::string& out) {
  const HeaderText headers(parts);
  out.clear();
  out.reserve(kOwnBytes + headers.bytes() + 2 * (parts.raw_path.size() + parts.raw_query.size()) +
              parts.body.size());
  JsonObjectText event(out);
  event.String("version", "2.0");
  event.String("routeKey", parts.route_key);
  event.String("rawPath", parts.raw_path);
  event.String("rawQueryString", parts.raw_query);
  if (const auto cookies = headers.Cookies(); !cookies.empty())
    WriteCookies(event.Member("cookies"), cookies);
  headers.Write(event.Object("headers"));
  if (const auto query = QueryParameters(parts.raw_query); !query.empty()) {
    WriteMap(event.Object("queryStringParameters"), query);
  }
  std::string joined;
  WriteRequestContext(event.Object("requestContext"), parts, headers.Get("user-agent", joined));
  if (parts.path_parameters && !parts.path_parameters->empty())
    WriteMap(event.Object("pathParameters"), *parts.path_parameters);
  WriteBody(event, parts.body, headers.Get("content-type", joined));
  event.End();
}

}  // namespace hearth
