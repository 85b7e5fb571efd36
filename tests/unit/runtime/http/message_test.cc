#include "runtime/http/message.h"

#include <catch2/catch.hpp>

namespace hearth::http {

TEST_CASE("headers keep their order and ignore case", "[http]") {
  Headers headers{{"a", "1"}, {"Set-Cookie", "x"}, {"set-cookie", "y"}};
  CHECK(headers.Get("A") == "1");
  CHECK(headers.Get("set-COOKIE") == "x");
  CHECK(headers.CountOf("SET-cookie") == 2);
  CHECK(headers.Find("b") == nullptr);
  headers.Set("SET-COOKIE", "z");
  CHECK(headers.CountOf("set-cookie") == 1);
  CHECK(headers.Get("set-cookie") == "z");
  CHECK(headers.size() == 2);
}

TEST_CASE("names compare by ASCII only", "[http]") {
  CHECK(EqualIgnoringCase("Content-Length", "cONTENT-lENGTH"));
  CHECK_FALSE(EqualIgnoringCase("a", "ab"));
  CHECK_FALSE(EqualIgnoringCase("[", "{"));
  CHECK_FALSE(EqualIgnoringCase("@", "`"));
}

TEST_CASE("statuses have their texts", "[http]") {
  CHECK(StatusText(200) == "OK");
  CHECK(StatusText(413) == "Content Too Large");
  CHECK(StatusText(431) == "Request Header Fields Too Large");
  CHECK(StatusText(299) == "Unknown");
}

}  // namespace hearth::http
