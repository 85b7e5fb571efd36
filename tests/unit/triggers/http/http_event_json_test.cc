#include "triggers/http/http_event_json.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "runtime/base/units.h"
#include "triggers/http/text_body.h"

namespace hearth {
namespace {

using nlohmann::json;

HttpEventParts SomeParts() {
  HttpEventParts parts;
  parts.method = "POST";
  parts.raw_path = "/my/path%20x";
  parts.raw_query = "parameter1=value1&parameter1=value2&parameter2=a+b%26c&flag";
  parts.headers = {{"Header1", "value1"},     {"header2", "one"},
                   {"Header2", "two"},        {"cookie", "cookie1=a; cookie2=b"},
                   {"user-agent", "agent/1"}, {"content-type", "text/plain; charset=utf-8"}};
  parts.body = "Hello from client!";
  parts.source_ip = "192.0.2.7";
  parts.request_id = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef";
  parts.received = WallTime(milliseconds(1'583'348'638'390));
  parts.account_id = "123456789012";
  parts.api_id = "urlid";
  parts.domain_name = "urlid.lambda-url.us-west-2.localhost";
  parts.domain_prefix = "urlid";
  return parts;
}

}  // namespace

// Goal: payload format 2.0 member for member, as AWS documents it for function URLs.
TEST_CASE("request becomes an event of payload format 2.0", "[trigger][http]") {
  const json expected = {
      {"version", "2.0"},
      {"routeKey", "$default"},
      {"rawPath", "/my/path%20x"},
      {"rawQueryString", "parameter1=value1&parameter1=value2&parameter2=a+b%26c&flag"},
      {"cookies", {"cookie1=a", "cookie2=b"}},
      {"headers",
       {{"header1", "value1"},
        {"header2", "one,two"},
        {"user-agent", "agent/1"},
        {"content-type", "text/plain; charset=utf-8"}}},
      {"queryStringParameters", {{"parameter1", "value1,value2"}, {"parameter2", "a b&c"}, {"flag", ""}}},
      {"requestContext",
       {{"accountId", "123456789012"},
        {"apiId", "urlid"},
        {"domainName", "urlid.lambda-url.us-west-2.localhost"},
        {"domainPrefix", "urlid"},
        {"http",
         {{"method", "POST"},
          {"path", "/my/path%20x"},
          {"protocol", "HTTP/1.1"},
          {"sourceIp", "192.0.2.7"},
          {"userAgent", "agent/1"}}},
        {"requestId", "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"},
        {"routeKey", "$default"},
        {"stage", "$default"},
        {"time", "04/Mar/2020:19:03:58 +0000"},
        {"timeEpoch", 1'583'348'638'390}}},
      {"body", "Hello from client!"},
      {"isBase64Encoded", false}};
  CHECK(json::parse(HttpEventJson(SomeParts())) == expected);
}

TEST_CASE("what a request does not have is not in its event", "[trigger][http]") {
  HttpEventParts parts = SomeParts();
  parts.headers.clear();
  parts.raw_query = "";
  parts.body = "";
  const json event = json::parse(HttpEventJson(parts));
  for (const char* member : {"cookies", "queryStringParameters", "pathParameters", "body"})
    CHECK_FALSE(event.contains(member));
  CHECK(event["isBase64Encoded"] == false);
  CHECK(event["requestContext"]["http"]["userAgent"] == "");
}

TEST_CASE("body that JSON cannot hold travels as base64", "[trigger][http]") {
  HttpEventParts parts = SomeParts();
  parts.body = std::string_view("\xff\x00\xfe", 3);
  const json event = json::parse(HttpEventJson(parts));
  CHECK(event["isBase64Encoded"] == true);
  CHECK(event["body"] == "/wD+");
}

TEST_CASE("body is text by its type and its bytes", "[trigger][http]") {
  CHECK(IsTextBody("application/json", "{}"));
  CHECK(IsTextBody("application/problem+json", "{}"));
  CHECK(IsTextBody("Text/HTML ; charset=utf-8", "<p>"));
  CHECK(IsTextBody("", "plain"));
  CHECK_FALSE(IsTextBody("", "\xc3"));
  CHECK_FALSE(IsTextBody("application/json", "\x80"));
  CHECK_FALSE(IsTextBody("image/png", "PNG"));
  CHECK_FALSE(IsTextBody("application/x-www-form-urlencoded", "a=b"));
}

TEST_CASE("header with bytes that are not UTF-8 does not stop the event", "[trigger][http]") {
  HttpEventParts parts = SomeParts();
  parts.headers.emplace_back("x-latin", "caf\xe9");
  CHECK(json::parse(HttpEventJson(parts))["headers"]["x-latin"] == "caf\xEF\xBF\xBD");
}

TEST_CASE("headers that come more than once are joined where the first of them stands", "[trigger][http]") {
  HttpEventParts parts = SomeParts();
  parts.headers = {{"X-Of", "1"}, {"user-agent", "a"}, {"x-of", ""},
                   {"x-OF", "3"}, {"User-Agent", "b"}, {"x-last", ""}};
  const json event = json::parse(HttpEventJson(parts));
  CHECK(event["headers"] == json{{"x-of", "1,,3"}, {"user-agent", "a,b"}, {"x-last", ""}});
  CHECK(event["requestContext"]["http"]["userAgent"] == "a,b");
}

TEST_CASE("broken escapes in a query stay as they are", "[trigger][http]") {
  CHECK(DecodeQueryText("100%") == "100%");
  CHECK(DecodeQueryText("%zz%4") == "%zz%4");
  CHECK(DecodeQueryText("%41+b") == "A b");
}

}  // namespace hearth
