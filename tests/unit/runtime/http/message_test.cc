#include "runtime/http/message.h"

#include <catch2/catch.hpp>

namespace hearth::http {

TEST_CASE("headers keep their order and ignore case", "[http]") {
  Headers headers{{"a", "1"}, {"Set-Cookie", "x"}, {"set-cookie", "y"}};
  CHECK(headers.Get("A") == "1");
  CHECK(headers.Get("set-COOKIE") == "x");
  CHECK(headers.CountOf("SET-cookie") == 2);
  CHECK(!headers.Find("b"));
  headers.Set("SET-COOKIE", "z");
  CHECK(headers.CountOf("set-cookie") == 1);
  CHECK(headers.Get("set-cookie") == "z");
  CHECK(headers.size() == 2);
}

TEST_CASE("headers lie in one text as they are sent", "[http]") {
  Headers headers{{"b", "1"}};
  headers.AddLowerCase("X-Two", "Two: 2");
  headers.Add("empty", "");
  CHECK(headers.lines() == "b: 1\r\nx-two: Two: 2\r\nempty: \r\n");
  headers.Remove("X-TWO");
  CHECK(headers.lines() == "b: 1\r\nempty: \r\n");
  CHECK(headers[1].name == "empty");
  headers.Add("access-control-a", "1");
  headers.Add("access-control-b", "2");
  headers.RemoveBeginningWith("access-control-");
  CHECK(headers.size() == 2);
  headers.Clear();
  CHECK(headers.size() == 0);
  CHECK(headers.lines().empty());
}

TEST_CASE("a header is made of another one of the same headers", "[http]") {
  Headers headers{{"a", std::string(100, 'x')}};
  for (int copy = 0; copy < 20; ++copy) headers.Add(headers[0].name, headers[0].value);
  CHECK(headers.size() == 21);
  CHECK(headers[20].value == std::string(100, 'x'));
  for (size_t bytes = 1; bytes < 300; ++bytes) {
    Headers few{{std::string(bytes, 'n'), std::string(7, 'v')}};
    for (int copy = 0; copy < 4; ++copy) few.Add(few[0].name, few[0].value);
    CHECK(few[4].name == std::string(bytes, 'n'));
    CHECK(few[4].value == "vvvvvvv");
  }
  headers.Set(headers[3].name, headers[3].value);
  REQUIRE(headers.size() == 1);
  CHECK(headers.lines() == "a: " + std::string(100, 'x') + "\r\n");
}

TEST_CASE("a request is emptied for the next, and keeps little of its memory", "[http]") {
  Request request;
  request.method = "GET";
  request.target = "/" + std::string(2'000, 't');
  request.path = std::string(512, 'p');
  request.raw_path = std::string(513, 'p');
  request.body = std::string(1 << 20, 'b');
  request.route = "ANY /{proxy+}";
  request.keep_alive = false;
  request.version = 10;
  for (int header = 0; header < 100; ++header) request.headers.Add("name", std::string(100, 'v'));
  request.parameters.resize(9);
  request.Clear();
  CHECK(request.method.empty());
  CHECK(request.target.empty());
  CHECK(request.path.empty());
  CHECK(request.body.empty());
  CHECK(request.route.empty());
  CHECK(request.headers.size() == 0);
  CHECK(request.parameters.empty());
  CHECK(request.keep_alive);
  CHECK(request.version == 11);
  CHECK(request.body.capacity() <= 512);
  CHECK(request.target.capacity() <= 512);
  CHECK(request.path.capacity() == 512);
  CHECK(request.raw_path.capacity() < 512);
  CHECK(request.parameters.capacity() <= 4);
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
