#include "triggers/http/http_event_json.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "runtime/base/base64.h"
#include "triggers/http/text_body.h"

namespace hearth {
namespace {

using nlohmann::json;

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string LowerCase(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
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
std::string CommonLogTime(WallTime time) {
  static constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - day));
  char text[64];
  std::snprintf(text, sizeof text, "%02u/%s/%04d:%02d:%02d:%02d +0000", static_cast<unsigned>(date.day()),
                kMonths[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text;
}

json RequestContext(const HttpEventParts& parts, std::string_view user_agent) {
  const auto since_epoch = std::chrono::floor<std::chrono::milliseconds>(parts.received).time_since_epoch();
  return {{"accountId", parts.account_id},
          {"apiId", parts.api_id},
          {"domainName", parts.domain_name},
          {"domainPrefix", parts.domain_prefix},
          {"http",
           {{"method", parts.method},
            {"path", parts.raw_path},
            {"protocol", parts.protocol},
            {"sourceIp", parts.source_ip},
            {"userAgent", user_agent}}},
          {"requestId", parts.request_id},
          {"routeKey", parts.route_key},
          {"stage", parts.stage},
          {"time", CommonLogTime(parts.received)},
          {"timeEpoch", since_epoch.count()}};
}

void AddBody(json& event, std::string_view body, std::string_view content_type) {
  const bool text = IsTextBody(content_type, body);
  event["isBase64Encoded"] = !body.empty() && !text;
  if (!body.empty()) event["body"] = text ? std::string(body) : Base64Encode(body);
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
  std::map<std::string, std::string> headers;
  std::vector<std::string> cookies;
  for (const auto& [name, value] : parts.headers) {
    std::string lower = LowerCase(name);
    if (lower == "cookie") {
      AppendCookies(value, cookies);
    } else {
      Join(headers, std::move(lower), value);
    }
  }
  json event = {
      {"version", "2.0"},
      {"routeKey", parts.route_key},
      {"rawPath", parts.raw_path},
      {"rawQueryString", parts.raw_query},
      {"headers", headers},
      {"requestContext", RequestContext(parts, headers.contains("user-agent") ? headers["user-agent"] : "")}};
  if (!cookies.empty()) event["cookies"] = cookies;
  if (auto query = QueryParameters(parts.raw_query); !query.empty()) event["queryStringParameters"] = query;
  if (!parts.path_parameters.empty()) event["pathParameters"] = parts.path_parameters;
  AddBody(event, parts.body, headers.contains("content-type") ? headers["content-type"] : "");
  // A header may hold any byte; what is not UTF-8 is replaced, not thrown upon.
  return event.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace hearth
