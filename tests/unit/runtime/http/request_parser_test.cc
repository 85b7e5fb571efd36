#include "runtime/http/request_parser.h"

#include <catch2/catch.hpp>

namespace hearth::http {
namespace {

using Step = RequestParser::Step;

// "" when the request is complete and taken wholly, "more" when bytes are missing, else the status of the
// refusal.
std::string Outcome(std::string_view bytes, const Limits& limits = {}) {
  RequestParser parser(limits);
  for (;;) {
    const auto fed = parser.Feed(bytes);
    bytes.remove_prefix(fed.consumed);
    if (fed.step == Step::kNeedMore) return "more";
    if (fed.step == Step::kFailed) return std::to_string(parser.failure().status);
    if (fed.step == Step::kDone) return bytes.empty() ? "" : "left over";
  }
}

Request Parsed(std::string_view bytes) {
  const Limits limits;
  RequestParser parser(limits);
  for (;;) {
    const auto fed = parser.Feed(bytes);
    bytes.remove_prefix(fed.consumed);
    REQUIRE((fed.step == Step::kHead || fed.step == Step::kDone));
    if (fed.step == Step::kDone) return std::move(parser.request());
  }
}

const std::string kHost = "Host: h\r\n";

std::string Get(const std::string& headers) { return "GET / HTTP/1.1\r\n" + kHost + headers + "\r\n"; }
std::string Post(const std::string& headers, const std::string& body) {
  return "POST / HTTP/1.1\r\n" + kHost + headers + "\r\n" + body;
}

}  // namespace

TEST_CASE("a request with everything", "[http]") {
  const Request request = Parsed(
      "PATCH /a%20b?x=1 HTTP/1.1\r\nHost: h:80\r\nX-Two: one\r\nx-two:\t two \r\nContent-Length: "
      "5\r\n\r\nhello");
  CHECK(request.method == "PATCH");
  CHECK(request.path == "/a b");
  CHECK(request.raw_query == "x=1");
  CHECK(request.version == 11);
  CHECK(request.keep_alive);
  CHECK(request.headers.size() == 4);
  CHECK(request.headers[0].name == "host");
  CHECK(request.headers.CountOf("x-two") == 2);
  CHECK(request.headers[2].value == "two");
  CHECK(request.body == "hello");
}

TEST_CASE("chunks are joined, extensions and trailers dropped", "[http]") {
  const Request request =
      Parsed(Post("Transfer-Encoding: Chunked\r\n",
                  "5\r\nhello\r\n6;ext=\"v\"\r\n world\r\n0\r\nHost: other\r\nX-Trailer: t\r\n\r\n"));
  CHECK(request.body == "hello world");
  CHECK(!request.headers.Find("x-trailer"));
  CHECK(request.headers.CountOf("host") == 1);
}

TEST_CASE("connection persistence follows version and header", "[http]") {
  CHECK_FALSE(Parsed(Get("Connection: close\r\n")).keep_alive);
  CHECK_FALSE(Parsed("GET / HTTP/1.0\r\n\r\n").keep_alive);
  CHECK(Parsed("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").keep_alive);
  CHECK(Parsed(Get("Connection: Upgrade\r\nUpgrade: websocket\r\n")).keep_alive);
}

TEST_CASE("requests that are whole", "[http]") {
  for (const std::string& bytes :
       {Get(""), "\r\n\r\n" + Get(""), std::string("GET / HTTP/1.0\r\n\r\n"),
        std::string("OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n"), Get("X-Empty:\r\n"), Get("X-High: \xC3\xBC\r\n"),
        Post("Content-Length: 0\r\n", ""), Get("Content-Length: 2\r\n") + "ab",
        Post("Transfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        std::string("GET http://h/a HTTP/1.1\r\nHost: h\r\n\r\n")}) {
    INFO(bytes);
    CHECK(Outcome(bytes) == "");
    CHECK(Outcome(bytes.substr(0, bytes.size() - 1)) == "more");
  }
}

TEST_CASE("requests that are refused", "[http]") {
  struct Row {
    const char* what;
    std::string bytes;
    const char* status;
  };
  const Row rows[] = {
      {"no host", "GET / HTTP/1.1\r\n\r\n", "400"},
      {"two hosts", Get(kHost), "400"},
      {"no version", "GET /\r\n\r\n", "400"},
      {"HTTP/0.9 version", "GET / HTTP/0.9\r\nHost: h\r\n\r\n", "505"},
      {"HTTP/2", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", "505"},
      {"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\n", "505"},
      {"TLS", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 15), "400"},
      {"no method", " / HTTP/1.1\r\n" + kHost + "\r\n", "400"},
      {"no target", "GET  HTTP/1.1\r\n" + kHost + "\r\n", "400"},
      {"two blanks", "GET /  HTTP/1.1\r\n" + kHost + "\r\n", "400"},
      {"a method with a bracket", "G(T / HTTP/1.1\r\n" + kHost + "\r\n", "400"},
      {"a relative target", "GET a HTTP/1.1\r\n" + kHost + "\r\n", "400"},
      {"connect", "CONNECT h:443 HTTP/1.1\r\n" + kHost + "\r\n", "400"},
      {"a bad percent", "GET /%zz HTTP/1.1\r\n" + kHost + "\r\n", "400"},
      {"an encoded NUL", "GET /%00 HTTP/1.1\r\n" + kHost + "\r\n", "400"},
      {"a raw NUL in the target", std::string("GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n", 29), "400"},
      {"a bare line feed after the request line", "GET / HTTP/1.1\nHost: h\r\n\r\n", "400"},
      {"a bare line feed after a header", "GET / HTTP/1.1\r\nHost: h\n\r\n", "400"},
      {"bare line feeds only", "GET / HTTP/1.1\nHost: h\n\n", "400"},
      {"a bare carriage return", "GET / HTTP/1.1\r\nHost: h\rX: y\r\n\r\n", "400"},
      {"a folded header", Get("X: a\r\n b\r\n"), "400"},
      {"a tab-folded header", Get("X: a\r\n\tb\r\n"), "400"},
      {"a blank before the first header", "GET / HTTP/1.1\r\n Host: h\r\n\r\n", "400"},
      {"a blank before the colon", Get("X : a\r\n"), "400"},
      {"no colon", Get("X\r\n"), "400"},
      {"no name", Get(": a\r\n"), "400"},
      {"a NUL in a value", Get(std::string("X: \0\r\n", 6)), "400"},
      {"length and chunked", Post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), "400"},
      {"chunked and length", Post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"), "400"},
      {"two different lengths", Post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello"), "400"},
      {"two equal lengths", Post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), "400"},
      {"a list of lengths", Post("Content-Length: 5, 5\r\n", "hello"), "400"},
      {"a signed length", Post("Content-Length: +5\r\n", "hello"), "400"},
      {"a negative length", Post("Content-Length: -1\r\n", "hello"), "400"},
      {"a hexadecimal length", Post("Content-Length: 0x5\r\n", "hello"), "400"},
      {"an empty length", Post("Content-Length:\r\n", "hello"), "400"},
      {"a length over 64 bits", Post("Content-Length: 18446744073709551617\r\n", "h"), "400"},
      {"a huge length", Post("Content-Length: 18446744073709551615\r\n", "h"), "413"},
      {"two codings", Post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
       "400"},
      {"a list of codings", Post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), "501"},
      {"chunked twice in a list", Post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"), "501"},
      {"another coding", Post("Transfer-Encoding: gzip\r\n", ""), "501"},
      {"identity", Post("Transfer-Encoding: identity\r\n", ""), "501"},
      {"chunked in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
      {"a chunk size that is no number", Post("Transfer-Encoding: chunked\r\n", "xyz\r\nhello\r\n0\r\n\r\n"),
       "400"},
      {"a negative chunk size", Post("Transfer-Encoding: chunked\r\n", "-1\r\nhello\r\n0\r\n\r\n"), "400"},
      {"an empty chunk size", Post("Transfer-Encoding: chunked\r\n", "\r\nhello\r\n0\r\n\r\n"), "400"},
      {"a chunk longer than its size", Post("Transfer-Encoding: chunked\r\n", "4\r\nhello\r\n0\r\n\r\n"),
       "400"},
      {"a chunk size over 64 bits", Post("Transfer-Encoding: chunked\r\n", "11111111111111111\r\nh\r\n"),
       "400"},
      {"a length among the trailers",
       Post("Transfer-Encoding: chunked\r\n", "0\r\nContent-Length: 1\r\n\r\n"), "400"},
      {"a huge chunk size", Post("Transfer-Encoding: chunked\r\n", "ffffffffffffffff\r\nh\r\n"), "413"},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    CHECK(Outcome(row.bytes) == row.status);
  }
}

TEST_CASE("the target at its limit and one past", "[http]") {
  const Limits limits{.target_max = 100_B};
  const auto with_target = [](size_t size) {
    return "GET /" + std::string(size - 1, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n";
  };
  CHECK(Outcome(with_target(100), limits) == "");
  CHECK(Outcome(with_target(101), limits) == "414");
  CHECK(Outcome("GET /" + std::string(1000, 'a'), limits) == "414");  // without waiting for its end
}

TEST_CASE("the head at its limit and one past", "[http]") {
  const auto with_head = [](size_t size) {
    const std::string begin = "GET / HTTP/1.1\r\nHost: h\r\nX: ";
    return begin + std::string(size - begin.size() - 4, 'a') + "\r\n\r\n";
  };
  const Limits limits;
  CHECK(Outcome(with_head(65536)) == "");
  CHECK(Outcome(with_head(65537)) == "431");
  CHECK(Outcome(std::string(65536, 'a')) == "more");
  CHECK(Outcome(std::string(65537, 'a')) == "431");
}

TEST_CASE("the number of headers at its limit and one past", "[http]") {
  const auto with_headers = [](size_t count) {
    std::string headers;
    for (size_t i = 1; i < count; ++i) headers += "x: y\r\n";
    return Get(headers);
  };
  CHECK(Outcome(with_headers(256)) == "");
  CHECK(Outcome(with_headers(257)) == "431");
}

TEST_CASE("a body at its limit and one past", "[http]") {
  const Limits limits{.body_max = 10_B};
  const std::string ten = "0123456789";
  CHECK(Outcome(Post("Content-Length: 10\r\n", ten), limits) == "");
  CHECK(Outcome(Post("Content-Length: 11\r\n", ten + "x"), limits) == "413");
  CHECK(Outcome(Post("Content-Length: 11\r\n", ""), limits) == "413");  // without waiting for it
  CHECK(Outcome(Post("Transfer-Encoding: chunked\r\n", "a\r\n" + ten + "\r\n0\r\n\r\n"), limits) == "");
  CHECK(Outcome(Post("Transfer-Encoding: chunked\r\n", "b\r\n" + ten + "x\r\n0\r\n\r\n"), limits) == "413");
  CHECK(Outcome(Post("Transfer-Encoding: chunked\r\n", "a\r\n" + ten + "\r\n1\r\nx\r\n0\r\n\r\n"), limits) ==
        "413");
}

TEST_CASE("a body over the limit is told with limit and size", "[http]") {
  const Limits limits{.body_max = 10_B};
  RequestParser parser(limits);
  std::string bytes = Post("Content-Length: 123\r\n", "");
  CHECK(parser.Feed(bytes).step == Step::kHead);
  CHECK(parser.Feed("").step == Step::kFailed);
  CHECK_THAT(parser.failure().body, Catch::Contains("123 bytes") && Catch::Contains("10 bytes") &&
                                        Catch::StartsWith("{\"error\":\"payload_too_large\""));
}

TEST_CASE("a route's own body limit", "[http]") {
  const Limits limits{.body_max = 10_B};
  RequestParser parser(limits);
  const std::string bytes = Post("Content-Length: 12\r\n", "0123456789ab");
  const auto fed = parser.Feed(bytes);
  REQUIRE(fed.step == Step::kHead);
  parser.set_body_max(12_B);
  CHECK(parser.Feed(std::string_view(bytes).substr(fed.consumed)).step == Step::kDone);
  parser.Next();
  CHECK(parser.Feed(bytes).step == Step::kHead);
  CHECK(parser.Feed("").step == Step::kFailed);  // the next request has the server's again
}

TEST_CASE("a chunk line or trailers without end are refused", "[http]") {
  const std::string head = Post("Transfer-Encoding: chunked\r\n", "");
  CHECK(Outcome(head + "1;" + std::string(RequestParser::kChunkLineMax - 2, 'x')) == "more");
  CHECK(Outcome(head + "1;" + std::string(RequestParser::kChunkLineMax + 10, 'x')) == "400");
  CHECK(Outcome(head + "0\r\nx: " + std::string(RequestParser::kChunkLineMax + 10, 'x')) == "400");
}

}  // namespace hearth::http
