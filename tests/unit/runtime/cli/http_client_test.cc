#include "runtime/cli/http_client.h"

#include <catch2/catch.hpp>

#include "tests/unit/runtime/cli/canned_server.h"

namespace hearth::cli {
namespace {

HttpClient ClientOf(const CannedServer& server, std::string token = "") {
  return HttpClient(*Endpoint::Parse(server.url()), std::move(token));
}

TEST_CASE("an answer comes back with status, headers and body", "[cli]") {
  CannedServer server({CannedServer::Json(202, "{\"a\":1}", "X-Amzn-RequestId: abc\r\n")});
  const auto answer = ClientOf(server, "secret").Ask({.method = "POST", .target = "/x?y=1", .body = "hello"});
  REQUIRE(answer.ok());
  CHECK(answer->status == 202);
  CHECK(answer->Header("x-amzn-requestid") == "abc");
  CHECK(answer->body == "{\"a\":1}");
  const std::string request = server.requests().at(0);
  CHECK(request.starts_with("POST /x?y=1 HTTP/1.1\r\nHost: 127.0.0.1:"));
  CHECK(request.find("Authorization: Bearer secret\r\n") != std::string::npos);
  CHECK(request.ends_with("Content-Length: 5\r\nAuthorization: Bearer secret\r\n\r\nhello"));
}

TEST_CASE("a chunked answer is given on as it arrives", "[cli]") {
  CannedServer server(
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\none\ntw\r\n2\r\no\n\r\n0\r\n\r\n"});
  std::string taken;
  const auto answer = ClientOf(server).Stream({}, [&](std::string_view piece) { taken += piece; });
  REQUIRE(answer.ok());
  CHECK(taken == "one\ntwo\n");
  CHECK(answer->body.empty());
}

TEST_CASE("a refusal is kept, not streamed", "[cli]") {
  CannedServer server({CannedServer::Json(404, "{\"Message\":\"no\"}")});
  const auto answer = ClientOf(server).Stream({}, [](std::string_view) { FAIL("streamed"); });
  REQUIRE(answer.ok());
  CHECK(answer->body == "{\"Message\":\"no\"}");
}

TEST_CASE("an answer without a body", "[cli]") {
  CannedServer server({"HTTP/1.1 204 No Content\r\n\r\n"});
  const auto answer = ClientOf(server).Ask({.method = "DELETE"});
  REQUIRE(answer.ok());
  CHECK(answer->status == 204);
}

TEST_CASE("a connection cut before the answer is whole is an error", "[cli]") {
  const std::string whole = CannedServer::Json(200, "{\"a\":1}");
  CannedServer server({"", whole.substr(0, 20), whole.substr(0, whole.size() - 1)});
  for (int i = 0; i < 3; ++i) {
    const auto answer = ClientOf(server).Ask({});
    REQUIRE_FALSE(answer.ok());
    CHECK(answer.error().code == ErrorCode::kUnavailable);
  }
}

TEST_CASE("what is not HTTP is an error", "[cli]") {
  CannedServer server({"SSH-2.0-OpenSSH_9.2\r\n\r\n"});
  const auto answer = ClientOf(server).Ask({});
  REQUIRE_FALSE(answer.ok());
  CHECK(answer.error().code == ErrorCode::kIo);
}

TEST_CASE("a daemon that is not there is named, with what to do", "[cli]") {
  const auto answer = HttpClient(*Endpoint::Parse("http://127.0.0.1:1"), "").Ask({});
  REQUIRE_FALSE(answer.ok());
  CHECK(answer.error().code == ErrorCode::kUnavailable);
  CHECK(answer.error().message.find("is hearthd running?") != std::string::npos);
}

TEST_CASE("endpoints", "[cli]") {
  CHECK(Endpoint::Parse("http://localhost:4566/")->Authority() == "localhost:4566");
  CHECK(Endpoint::Parse("http://[::1]:4566")->Authority() == "[::1]:4566");
  CHECK(Endpoint::Parse("http://here")->port == "80");
  for (const char* wrong : {"localhost:4566", "https://localhost:1", "http://", "http://x:y",
                            "http://x:", "http://[::1", "http://x/path", "http://u@x:1", "http://x:1\r\n"}) {
    CAPTURE(wrong);
    CHECK_FALSE(Endpoint::Parse(wrong).ok());
  }
}

TEST_CASE("what travels in a path is encoded", "[cli]") {
  CHECK(PercentEncode("a/b:c d-_.~") == "a%2Fb%3Ac%20d-_.~");
}

}  // namespace
}  // namespace hearth::cli
