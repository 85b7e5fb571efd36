#include "runtime/http/route_table.h"

#include <catch2/catch.hpp>

namespace hearth::http {
namespace {

struct RouteFixture {
  RouteTable table;
  std::vector<RouteLease> leases;

  void Mount(std::string_view route) {
    auto lease = table.Add(route, [](Request, Responder) {});
    INFO(route);
    REQUIRE(lease.ok());
    leases.push_back(std::move(lease).value());
  }
  std::string Found(std::string_view method, std::string_view path) const {
    const RouteMatch match = table.Find(method, path);
    if (!match.route) return match.allow.empty() ? "404" : "405 " + match.allow;
    std::string out = match.route->Name();
    for (const PathParameter& parameter : match.parameters)
      out += " " + parameter.name + "=" + parameter.value;
    return out;
  }
  Error Refused(std::string_view route) {
    auto lease = table.Add(route, [](Request, Responder) {});
    INFO(route);
    REQUIRE_FALSE(lease.ok());
    return lease.error();
  }
};

}  // namespace

TEST_CASE_METHOD(RouteFixture, "literal beats parameter beats rest", "[http]") {
  Mount("GET /pets/dog/1");
  Mount("GET /pets/dog/{id}");
  Mount("GET /pets/{proxy+}");
  Mount("ANY /{proxy+}");
  CHECK(Found("GET", "/pets/dog/1") == "GET /pets/dog/1");
  CHECK(Found("GET", "/pets/dog/2") == "GET /pets/dog/{id} id=2");
  CHECK(Found("GET", "/pets/dog/2/3") == "GET /pets/{proxy+} proxy=dog/2/3");
  CHECK(Found("GET", "/pets/cat/1") == "GET /pets/{proxy+} proxy=cat/1");
  CHECK(Found("POST", "/pets/dog/1") == "ANY /{proxy+} proxy=pets/dog/1");
  CHECK(Found("GET", "/") == "404");
}

TEST_CASE_METHOD(RouteFixture, "a method beats any, and head falls back to get", "[http]") {
  Mount("ANY /a");
  Mount("POST /a");
  Mount("GET /b");
  CHECK(Found("POST", "/a") == "POST /a");
  CHECK(Found("PURGE", "/a") == "ANY /a");
  CHECK(Found("HEAD", "/b") == "GET /b");
}

TEST_CASE_METHOD(RouteFixture, "a wrong method is told apart from a wrong path", "[http]") {
  Mount("GET /a/{x}");
  Mount("PUT /a/{y}");
  Mount("DELETE /a/b");
  CHECK(Found("POST", "/a/b") == "405 DELETE, GET, HEAD, PUT");
  CHECK(Found("POST", "/a/c") == "405 GET, HEAD, PUT");
  CHECK(Found("POST", "/c") == "404");
  CHECK(Found("GET", "/a") == "404");
  CHECK(Found("GET", "/a/") == "404");
  CHECK(Found("GET", "/a/b/c") == "404");
  CHECK(Found("GET", "*") == "404");
  CHECK(Found("GET", "") == "404");
}

TEST_CASE_METHOD(RouteFixture, "an encoded slash never splits a segment", "[http]") {
  Mount("GET /files/{name}");
  Mount("GET /ab/{rest+}");
  CHECK(Found("GET", "/files/a%2Fb%20c") == "GET /files/{name} name=a/b c");
  CHECK(Found("GET", "/%66iles/x") == "GET /files/{name} name=x");
  CHECK(Found("GET", "/files%2Fx") == "404");
  CHECK(Found("GET", "/ab/c%20d/e") == "GET /ab/{rest+} rest=c d/e");
  CHECK(Found("GET", "/ab//e") == "GET /ab/{rest+} rest=/e");
}

TEST_CASE_METHOD(RouteFixture, "the walk goes back up from a dead end", "[http]") {
  Mount("GET /a/b/c");
  Mount("GET /a/{x}/d");
  Mount("GET /{y}/b/e");
  CHECK(Found("GET", "/a/b/d") == "GET /a/{x}/d x=b");
  CHECK(Found("GET", "/a/b/e") == "GET /{y}/b/e y=a");
}

TEST_CASE_METHOD(RouteFixture, "routes of one shape conflict, and the error names both", "[http]") {
  Mount("GET /thumbs/{name}");
  Mount("ANY /all/{proxy+}");
  const Error error = Refused("GET /thumbs/{id}");
  CHECK(error.code == ErrorCode::kAlreadyExists);
  CHECK_THAT(error.message, Catch::Contains("GET /thumbs/{id}") && Catch::Contains("GET /thumbs/{name}"));
  CHECK(Refused("ANY /all/{rest+}").code == ErrorCode::kAlreadyExists);
  Mount("POST /thumbs/{id}");
}

TEST_CASE_METHOD(RouteFixture, "patterns that cannot be read are refused", "[http]") {
  for (const char* route :
       {"", "GET", "/a", " /a", "get /a", "GET a", "GET /a?b", "GET /{", "GET /{}", "GET /a{b}", "GET /{a}b",
        "GET /{a+}/b", "GET /{a b}", "GET /%zz", "GET /{+}", "GET /a b"}) {
    CHECK(Refused(route).code == ErrorCode::kInvalidArgument);
  }
  std::string deep = "GET ";
  for (size_t i = 0; i < RouteTable::kSegmentsMax; ++i) deep += "/a";
  Mount(deep);
  CHECK(Refused(deep + "/a").code == ErrorCode::kInvalidArgument);
}

TEST_CASE_METHOD(RouteFixture, "a route goes with its lease and can be mounted again", "[http]") {
  Mount("GET /a");
  leases.clear();
  CHECK(Found("GET", "/a") == "404");
  Mount("GET /a");
  RouteLease moved = std::move(leases.back());
  leases.clear();
  CHECK(Found("GET", "/a") == "GET /a");
  CHECK(table.Names() == std::vector<std::string>{"GET /a"});
  moved = RouteLease();
  CHECK(Found("GET", "/a") == "404");
}

TEST_CASE("a lease may outlive its table", "[http]") {
  auto table = std::make_unique<RouteTable>();
  auto lease = table->Add("GET /a", [](Request, Responder) {});
  REQUIRE(lease.ok());
  table.reset();
}

TEST_CASE_METHOD(RouteFixture, "a prefix takes itself and everything below", "[http]") {
  {
    auto lease = table.AddPrefix("/2015-03-31", [](Request, Responder) {});
    REQUIRE(lease.ok());
    CHECK(Found("GET", "/2015-03-31") == "ANY /2015-03-31");
    CHECK(Found("PUT", "/2015-03-31/") == "ANY /2015-03-31/");
    CHECK(Found("PUT", "/2015-03-31/functions/f/code") == "ANY /2015-03-31/{proxy+} proxy=functions/f/code");
    CHECK(Found("GET", "/2015-03-3") == "404");
  }
  CHECK(Found("GET", "/2015-03-31/x") == "404");
  auto all = table.AddPrefix("/", [](Request, Responder) {});
  REQUIRE(all.ok());
  CHECK(Found("GET", "/") == "ANY /");
  CHECK(Found("GET", "/a/b") == "ANY /{proxy+} proxy=a/b");
}

TEST_CASE_METHOD(RouteFixture, "a prefix that conflicts leaves nothing behind", "[http]") {
  Mount("ANY /p/");
  CHECK_FALSE(table.AddPrefix("/p", [](Request, Responder) {}).ok());
  CHECK(table.Names() == std::vector<std::string>{"ANY /p/"});
}

TEST_CASE_METHOD(RouteFixture, "the fallback answers what nothing matches", "[http]") {
  Mount("GET /a");
  table.SetFallback([](Request, Responder) {});
  CHECK(table.Find("GET", "/b").route->pattern.empty());
  CHECK(table.Find("POST", "/a").route->pattern.empty());
  CHECK(table.Find("GET", "/a").route->pattern == "/a");
}

}  // namespace hearth::http
