#include "runtime/http/target.h"

#include <catch2/catch.hpp>

namespace hearth::http {

TEST_CASE("percent decoding", "[http]") {
  CHECK(PercentDecode("a%20b%2Fc%2f%C3%BC") == "a b/c/\xC3\xBC");
  CHECK(PercentDecode("") == "");
  CHECK(PercentDecode("a+b") == "a+b");  // a plus is a blank only in form data
  for (const char* text : {"%", "%2", "a%zz", "%2g", "%%20", "%00", "a%0"}) {
    INFO(text);
    CHECK_FALSE(PercentDecode(text).has_value());
    CHECK_FALSE(PercentDecode(std::string_view("a\0b", 3)));
  }
}

TEST_CASE("targets that are understood", "[http]") {
  struct Row {
    std::string sent, target, path, raw_path, raw_query;
  };
  const Row rows[] = {
      {"/", "/", "/", "/", ""},
      {"/a%20b?x=%31&y", "/a%20b?x=%31&y", "/a b", "/a%20b", "x=%31&y"},
      {"/a?b?c", "/a?b?c", "/a", "/a", "b?c"},
      {"/a/../b", "/a/../b", "/a/../b", "/a/../b", ""},
      {"*", "*", "*", "*", ""},
      {"http://example.org/a?b", "/a?b", "/a", "/a", "b"},
      {"HTTP://example.org", "/", "/", "/", ""},
      {"http://example.org?q", "/?q", "/", "/", "q"},
  };
  for (const Row& row : rows) {
    INFO(row.sent);
    Request request;
    REQUIRE(SplitTarget(row.sent, request).ok());
    CHECK(request.target == row.target);
    CHECK(request.path == row.path);
    CHECK(request.raw_path == row.raw_path);
    CHECK(request.raw_query == row.raw_query);
  }
}

TEST_CASE("targets that are refused", "[http]") {
  for (const char* sent : {"", "a", "example.org:443", "http:/", "ftp://x/", "/%", "/a%00b", "?q"}) {
    INFO(sent);
    Request request;
    const Status split = SplitTarget(sent, request);
    REQUIRE_FALSE(split.ok());
    CHECK(split.error().code == ErrorCode::kInvalidArgument);
  }
}

}  // namespace hearth::http
