#include "runtime/control/access_guard.h"

#include "tests/unit/runtime/control/control_fixture.h"

namespace hearth {
namespace {

bool LetsIn(const AccessGuard& guard, AccessGuard::Asked asked) {
  if (asked.host.empty()) asked.host = "localhost:4566";
  if (asked.path.empty()) asked.path = "/2015-03-31/functions";
  return guard.Check(asked).ok();
}

}  // namespace

TEST_CASE("names of this machine are let in", "[control][security]") {
  const AccessGuard guard({.token = "", .allowed_hosts = {"hearth.lan", "192.0.2.10"}});
  for (const char* host :
       {"localhost", "localhost:4566", "LOCALHOST:1", "127.0.0.1:4566", "127.8.9.1", "[::1]:4566", "::1",
        "sqs.us-east-1.localhost:4566", "Hearth.lan:4566", "192.0.2.10:4566"}) {
    INFO(host);
    CHECK(LetsIn(guard, {.host = host}));
  }
}

// Goal: a web page that points a name of its own at 127.0.0.1 gets nothing.
TEST_CASE("names that somebody else may point here are refused", "[control][security]") {
  const AccessGuard guard({.token = "", .allowed_hosts = {"hearth.lan"}});
  for (const char* host :
       {"evil.test", "127.0.0.1.evil.test", "localhost.evil.test", "xlocalhost", "hearth.lan.evil.test",
        "128.0.0.1", "0.0.0.0", "[::2]", "[::1", ":4566", "127.1.evil:80", "."}) {
    INFO(host);
    CHECK_FALSE(LetsIn(guard, {.host = host}));
  }
  CHECK_FALSE(guard.Check({.path = "/", .host = ""}).ok());
}

TEST_CASE("pages of other origins are refused", "[control][security]") {
  const AccessGuard guard({.token = "", .allowed_hosts = {"hearth.lan"}});
  for (const char* origin :
       {"http://localhost:3000", "https://127.0.0.1", "http://hearth.lan", "http://app.localhost"}) {
    INFO(origin);
    CHECK(LetsIn(guard, {.origin = origin}));
  }
  for (const char* origin :
       {"http://evil.test", "null", "https://localhost.evil.test", "file://", "localhost"}) {
    INFO(origin);
    CHECK_FALSE(LetsIn(guard, {.origin = origin}));
  }
}

TEST_CASE("a token, where one is asked for", "[control][security]") {
  const AccessGuard guard({.token = "s3cret-s3cret-s3cret", .allowed_hosts = {}});
  CHECK(LetsIn(guard, {.authorization = "Bearer s3cret-s3cret-s3cret"}));
  CHECK(LetsIn(guard, {.authorization = "bearer s3cret-s3cret-s3cret"}));
  CHECK(LetsIn(guard,
               {.authorization = "AWS4-HMAC-SHA256 Credential=x", .security_token = "s3cret-s3cret-s3cret"}));
  CHECK_FALSE(LetsIn(guard, {}));
  CHECK_FALSE(LetsIn(guard, {.authorization = "Bearer s3cret-s3cret-s3creT"}));
  CHECK_FALSE(LetsIn(guard, {.authorization = "Bearer "}));
  CHECK_FALSE(LetsIn(guard, {.authorization = "s3cret-s3cret-s3cret"}));
  CHECK_FALSE(LetsIn(guard, {.authorization = "Bearer wrong", .security_token = "s3cret-s3cret-s3cret"}));
  CHECK(LetsIn(guard, {.path = "/livez", .host = "anything.test"}));
}

TEST_CASE_METHOD(ControlFixture, "every path is behind the guard but /livez", "[control][security]") {
  Mount({.token = "s3cret-s3cret-s3cret", .allowed_hosts = {}});
  for (const char* path : {"/2015-03-31/functions", "/metrics", "/readyz", "/_hearth/v1/info", "/nowhere"}) {
    INFO(path);
    const auto answer = Call("GET", path);
    CHECK(answer->answer->status == 403);
    CHECK(answer->header("x-amzn-errortype") == "AccessDeniedException");
  }
  CHECK(Sqs("ListQueues", json::object())->answer->status == 403);
  CHECK(Call("GET", "/livez")->answer->status == 200);
  CHECK(
      Call("GET", "/metrics", nullptr, {{"authorization", "Bearer s3cret-s3cret-s3cret"}})->answer->status ==
      200);
}

TEST_CASE_METHOD(ControlFixture, "the server's filter refuses what the guard refuses",
                 "[control][security]") {
  const http::RequestFilter filter = api->Filter();
  CHECK_FALSE(filter(Request("GET", "/metrics", {{"host", "localhost"}})).has_value());
  const auto refused = filter(Request("GET", "/metrics", {{"host", "evil.test"}}));
  REQUIRE(refused.has_value());
  CHECK(refused->status == 403);
  CHECK(refused->body.find("evil.test") != std::string::npos);
}

}  // namespace hearth
