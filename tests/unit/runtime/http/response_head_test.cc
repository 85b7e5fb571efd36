#include "runtime/http/response_head.h"

#include <catch2/catch.hpp>

namespace hearth::http {
namespace {
const std::string kDate = "date: D\r\n";
}

TEST_CASE("a head with the server's headers", "[http]") {
  const Response response{
      201, {{"content-type", "text/plain"}, {"set-cookie", "a"}, {"set-cookie", "b"}}, "12345"};
  CHECK(FormatHead(response, {}, kDate) ==
        "HTTP/1.1 201 Created\r\ncontent-type: text/plain\r\nset-cookie: a\r\nset-cookie: b\r\ndate: D\r\n"
        "content-length: 5\r\n\r\n");
  CHECK(FormatHead({}, {.close = true}, kDate) ==
        "HTTP/1.1 200 OK\r\ndate: D\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
  CHECK(FormatHead({}, {.old_keep_alive = true}, kDate) ==
        "HTTP/1.1 200 OK\r\ndate: D\r\ncontent-length: 0\r\nconnection: keep-alive\r\n\r\n");
  CHECK(FormatHead({}, {.body = BodyFraming::kChunked}, kDate) ==
        "HTTP/1.1 200 OK\r\ndate: D\r\ntransfer-encoding: chunked\r\n\r\n");
}

TEST_CASE("a handler cannot say the connection's own headers", "[http]") {
  const Response response{200,
                          {{"Content-Length", "99"},
                           {"Transfer-Encoding", "chunked"},
                           {"Connection", "upgrade"},
                           {"Date", "mine"}},
                          ""};
  CHECK(FormatHead(response, {}, kDate) == "HTTP/1.1 200 OK\r\nDate: mine\r\ncontent-length: 0\r\n\r\n");
}

TEST_CASE("statuses without a body have no length", "[http]") {
  CHECK(FormatHead({.status = 204}, {}, kDate) == "HTTP/1.1 204 No Content\r\ndate: D\r\n\r\n");
  CHECK(FormatHead({.status = 304}, {}, kDate) == "HTTP/1.1 304 Not Modified\r\ndate: D\r\n\r\n");
}

TEST_CASE("headers that would forge a response are found", "[http]") {
  CHECK_FALSE(IllegalHeader({{"x-ok", "a\tb \xC3\xBC"}}).has_value());
  CHECK(IllegalHeader({{"x-ok", "a"}, {"x-bad", "a\r\nset-cookie: b"}}) == "x-bad");
  CHECK(IllegalHeader({{"x", std::string("\0", 1)}}) == "x");
  for (int c = 0; c < 256; ++c) {
    const bool control = (c < 0x20 && c != '\t') || c == 0x7f;
    for (const size_t at : {0, 5, 7, 8, 17}) {
      std::string value(18, '~');
      value[at] = static_cast<char>(c);
      INFO(c << " at " << at);
      CHECK(IllegalHeader({{"x", value}}).has_value() == control);
    }
  }
  CHECK(IllegalHeader({{"", "a"}}) == "");
  CHECK(IllegalHeader({{"a b", "a"}}) == "a b");
  CHECK(IllegalHeader({{"a:", "a"}}) == "a:");
}

TEST_CASE("the date is formatted again when the second changes", "[http]") {
  ManualClock clock;
  DateLine line(clock);
  CHECK(line.Get() == "date: Mon, 23 Nov 2026 00:00:00 GMT\r\n");
  clock.Advance(std::chrono::milliseconds(999));
  CHECK(line.Get() == "date: Mon, 23 Nov 2026 00:00:00 GMT\r\n");
  clock.Advance(std::chrono::milliseconds(1));
  CHECK(line.Get() == "date: Mon, 23 Nov 2026 00:00:01 GMT\r\n");
}

}  // namespace hearth::http
