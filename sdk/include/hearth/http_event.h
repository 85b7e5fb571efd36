#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <hearth/json_reader.h>
#include <hearth/text_coding.h>
#include <nlohmann/json.hpp>

// An HTTP request as API Gateway's payload format 2.0 and Lambda's function URLs write it, and its answer.
// https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html

namespace hearth {

struct HttpRequestContext {
  std::string account_id;
  std::string api_id;
  std::string domain_name;
  std::string domain_prefix;
  std::string method;  // requestContext.http.method: "GET"
  std::string path;
  std::string protocol;
  std::string source_ip;
  std::string user_agent;
  std::string request_id;
  std::string route_key;
  std::string stage;
  std::string time;  // "21/Apr/2020:15:08:21 +0000"
  std::int64_t time_epoch_ms = 0;
};

struct HttpEvent {
  std::string version;  // always "2.0"
  std::string route_key;
  std::string raw_path;
  std::string raw_query_string;
  std::vector<std::string> cookies;
  std::map<std::string, std::string> headers;  // names in lower case, values of the same name joined by ","
  std::map<std::string, std::string> query_string_parameters;
  std::map<std::string, std::string> path_parameters;
  std::map<std::string, std::string> stage_variables;
  HttpRequestContext request_context;
  std::string body;                // the bytes that the client sent, whichever way they travelled
  bool is_base64_encoded = false;  // how they travelled

  const std::string& method() const { return request_context.method; }
  // `name` in lower case.
  std::optional<std::string> header(const std::string& name) const { return Lookup(headers, name); }
  std::optional<std::string> query(const std::string& name) const {
    return Lookup(query_string_parameters, name);
  }
  std::optional<std::string> path_parameter(const std::string& name) const {
    return Lookup(path_parameters, name);
  }

 private:
  static std::optional<std::string> Lookup(const std::map<std::string, std::string>& map,
                                           const std::string& name) {
    const auto found = map.find(name);
    return found == map.end() ? std::nullopt : std::optional(found->second);
  }
};

// HttpResponse{.status_code = 404, .body = "no such thing"}. Without a content-type the client is told
// application/json.
struct HttpResponse {
  int status_code = 200;
  std::map<std::string, std::string> headers = {};
  std::vector<std::string> cookies = {};  // each one whole Set-Cookie value
  std::string body = {};                  // any bytes

  static HttpResponse Text(std::string text, int status_code = 200) {
    return {status_code, {{"content-type", "text/plain; charset=utf-8"}}, {}, std::move(text)};
  }
  static HttpResponse Json(const nlohmann::json& value, int status_code = 200) {
    return {status_code, {{"content-type", "application/json"}}, {}, value.dump()};
  }
};

namespace internal {

inline void Decode(const JsonReader& in, HttpRequestContext& out) {
  out.account_id = in.OptionalString("accountId");
  out.api_id = in.OptionalString("apiId");
  out.domain_name = in.OptionalString("domainName");
  out.domain_prefix = in.OptionalString("domainPrefix");
  const JsonReader http = in.At("http");
  out.method = http.At("method").String();
  out.path = http.At("path").String();
  out.protocol = http.OptionalString("protocol");
  out.source_ip = http.OptionalString("sourceIp");
  out.user_agent = http.OptionalString("userAgent");
  out.request_id = in.At("requestId").String();
  out.route_key = in.OptionalString("routeKey");
  out.stage = in.OptionalString("stage");
  out.time = in.OptionalString("time");
  if (const auto epoch = in.Find("timeEpoch")) out.time_epoch_ms = epoch->Integer();
}

inline std::string DecodeHttpBody(const JsonReader& in, bool is_base64_encoded) {
  const auto member = in.Find("body");
  if (!member) return {};
  std::string body = member->String();
  if (!is_base64_encoded) return body;
  auto decoded = DecodeBase64(body);
  if (!decoded) member->Throw("is not base64, though isBase64Encoded is true");
  return *std::move(decoded);
}

inline void Decode(const JsonReader& in, HttpEvent& out) {
  in.Expect("version", "2.0");
  out.version = "2.0";
  out.route_key = in.At("routeKey").String();
  out.raw_path = in.At("rawPath").String();
  out.raw_query_string = in.At("rawQueryString").String();
  out.cookies = in.OptionalStrings("cookies");
  out.headers = in.At("headers").StringMap();
  out.query_string_parameters = in.OptionalStringMap("queryStringParameters");
  out.path_parameters = in.OptionalStringMap("pathParameters");
  out.stage_variables = in.OptionalStringMap("stageVariables");
  Decode(in.At("requestContext"), out.request_context);
  out.is_base64_encoded = in.At("isBase64Encoded").Bool();
  out.body = DecodeHttpBody(in, out.is_base64_encoded);
}

// A body that is not UTF-8 cannot stand in JSON and travels as base64.
inline nlohmann::json Encode(const HttpResponse& response) {
  const bool text = IsUtf8(response.body);
  nlohmann::json out = {{"statusCode", response.status_code},
                        {"headers", response.headers},
                        {"body", text ? response.body : EncodeBase64(response.body)},
                        {"isBase64Encoded", !text}};
  if (!response.cookies.empty()) out["cookies"] = response.cookies;
  return out;
}

}  // namespace internal
}  // namespace hearth
