#include "triggers/http/url_trigger.h"

#include "tests/unit/triggers/http/http_trigger_fixture.h"

namespace hearth {
namespace {

using nlohmann::json;

constexpr const char* kToken = "correct-horse-battery";

std::string HostOfUrl(const json& document) {
  return document["UrlId"].get<std::string>() + ".lambda-url.us-east-1.localhost:8080";
}

}  // namespace

TEST_CASE_METHOD(HttpTriggerFixture, "URL asked for by its path", "[trigger][http]") {
  const json url = GiveUrl("resize");
  FunctionAnswers(Succeeded(R"({"statusCode":201,"body":"made"})"));
  const auto answer = Get("/_url/resize/a%2Fb/c?x=1");
  REQUIRE(answer->answer);
  CHECK(answer->answer->status == 201);
  CHECK(answer->answer->body == "made");
  CHECK(LastEvent()["rawPath"] == "/a%2Fb/c");
  CHECK(LastEvent()["requestContext"]["http"]["path"] == "/a%2Fb/c");
  CHECK(LastEvent()["requestContext"]["apiId"] == url["UrlId"]);
  CHECK(LastEvent()["queryStringParameters"]["x"] == "1");
  CHECK(sink.delivered().back().function == "resize");
  CHECK(sink.delivered().back().trigger == TriggerKind::kHttp);
}

TEST_CASE_METHOD(HttpTriggerFixture, "URL's root with and without the last slash", "[trigger][http]") {
  GiveUrl("resize");
  FunctionAnswers(Succeeded());
  Get("/_url/resize");
  CHECK(LastEvent()["rawPath"] == "/");
  Get("/_url/resize/");
  CHECK(LastEvent()["rawPath"] == "/");
  CHECK(sink.delivered().size() == 2);
}

TEST_CASE_METHOD(HttpTriggerFixture, "URL asked for by its host", "[trigger][http]") {
  const json url = GiveUrl("resize");
  Declare("thumbs", "GET /thumbs/{name}", "other");
  FunctionAnswers(Succeeded());
  for (const char* path : {"/", "/thumbs/cat.png", "/_url/nobody/x"}) {
    INFO(path);
    Get(path, {{"host", HostOfUrl(url)}});
    CHECK(sink.delivered().back().function == "resize");
    CHECK(LastEvent()["rawPath"] == path);
    CHECK(LastEvent()["requestContext"]["domainPrefix"] == url["UrlId"]);
  }
}

TEST_CASE_METHOD(HttpTriggerFixture, "address that no function has", "[trigger][http]") {
  for (const auto& answer :
       {Get("/_url/nobody/"), Get("/", {{"host", "abc.lambda-url.us-east-1.localhost"}})}) {
    REQUIRE(answer->answer);
    CHECK(answer->answer->status == 403);
    CHECK(answer->header("x-amzn-errortype") == "AccessDeniedException");
    CHECK(json::parse(answer->answer->body).contains("requestId"));
  }
  CHECK(Get("/nothing/here")->answer->status == 404);
}

TEST_CASE_METHOD(HttpTriggerFixture, "path that only another method has", "[trigger][http]") {
  Declare("thumbs", "GET /thumbs/{name}", "resize");
  const auto answer = Send(Request("DELETE", "/thumbs/a"));
  CHECK(answer->answer->status == 405);
  CHECK(answer->header("allow") == "GET, HEAD");
}

TEST_CASE_METHOD(HttpTriggerFixture, "answer carries request id and trace", "[trigger][http]") {
  GiveUrl("resize");
  FunctionAnswers(Succeeded());
  const auto traced = Get("/_url/resize/", {{"x-amzn-trace-id", "Root=1-5759e988-bd862e3fe1be46a994272793"}});
  CHECK(traced->header("x-amzn-trace-id") == "Root=1-5759e988-bd862e3fe1be46a994272793");
  CHECK(traced->header("x-amzn-requestid") == sink.delivered().back().request_id.text());
  CHECK(sink.delivered().back().trace_id == "Root=1-5759e988-bd862e3fe1be46a994272793");
  const auto untraced = Get("/_url/resize/");
  CHECK(untraced->header("x-amzn-trace-id").starts_with("Root=1-"));
  CHECK(LastEvent()["headers"]["x-amzn-trace-id"] == untraced->header("x-amzn-trace-id"));
}

TEST_CASE_METHOD(HttpTriggerFixture, "URL with a token", "[trigger][http]") {
  const json url = GiveUrl("resize", {{"AuthType", "TOKEN"}, {"Token", kToken}});
  FunctionAnswers(Succeeded());
  CHECK_FALSE(url.contains("Token"));
  CHECK(url.dump().find(kToken) == std::string::npos);

  CHECK(Get("/_url/resize/")->answer->status == 401);
  CHECK(Get("/_url/resize/", {{"authorization", "Bearer wrong"}})->answer->status == 401);
  CHECK(sink.delivered().empty());
  CHECK(Get("/_url/resize/", {{"authorization", std::string("bearer ") + kToken}})->answer->status == 200);
  CHECK(sink.delivered().back().payload.find(kToken) == std::string::npos);
}

TEST_CASE_METHOD(HttpTriggerFixture, "URL configuration that is wrong", "[trigger][http]") {
  for (const json& wrong : std::vector<json>{{{"AuthType", "AWS_IAM"}},
                                             {{"AuthType", "TOKEN"}},
                                             {{"AuthType", "TOKEN"}, {"Token", "short"}},
                                             {{"AuthType", "NONE"}, {"Token", kToken}},
                                             {{"Cors", {{"MaxAge", 86'401}}}},
                                             {{"Cors", {{"AllowOrigins", {"a,b"}}}}},
                                             {{"FunctionName", "another"}}}) {
    json document = wrong;
    if (!document.contains("FunctionName")) document["FunctionName"] = "resize";
    INFO(document);
    const auto put = Put(*urls, "resize", document);
    REQUIRE_FALSE(put.ok());
    CHECK(put.error().code == ErrorCode::kInvalidArgument);
  }
  CHECK(urls->List().empty());
}

TEST_CASE_METHOD(HttpTriggerFixture, "preflight is answered without the function", "[trigger][http]") {
  GiveUrl("resize", {{"Cors",
                      {{"AllowOrigins", {"https://example.com"}},
                       {"AllowMethods", {"GET", "POST"}},
                       {"AllowHeaders", {"x-custom"}},
                       {"AllowCredentials", true},
                       {"MaxAge", 600}}}});
  const http::Headers asked = {{"origin", "https://example.com"},
                               {"access-control-request-method", "POST"},
                               {"access-control-request-headers", "x-custom"}};
  const auto allowed = Send(Request("OPTIONS", "/_url/resize/", asked));
  CHECK(allowed->answer->status == 200);
  CHECK(allowed->header("access-control-allow-origin") == "https://example.com");
  CHECK(allowed->header("access-control-allow-methods") == "GET,POST");
  CHECK(allowed->header("access-control-allow-headers") == "x-custom");
  CHECK(allowed->header("access-control-allow-credentials") == "true");
  CHECK(allowed->header("access-control-max-age") == "600");

  const auto foreign =
      Send(Request("OPTIONS", "/_url/resize/",
                   {{"origin", "https://evil.test"}, {"access-control-request-method", "GET"}}));
  CHECK(foreign->header("access-control-allow-origin") == "");
  CHECK(sink.delivered().empty());
}

TEST_CASE_METHOD(HttpTriggerFixture, "answers carry the URL's CORS headers, not the function's",
                 "[trigger][http]") {
  GiveUrl("resize", {{"Cors", {{"AllowOrigins", {"*"}}, {"ExposeHeaders", {"x-a"}}}}});
  FunctionAnswers(
      Succeeded(R"({"statusCode":200,"headers":{"access-control-allow-origin":"https://mine"}})"));
  const auto answer = Get("/_url/resize/", {{"origin", "https://example.com"}});
  CHECK(answer->answer->headers.CountOf("access-control-allow-origin") == 1);
  CHECK(answer->header("access-control-allow-origin") == "*");
  CHECK(answer->header("access-control-expose-headers") == "x-a");
  FunctionAnswers(Failed());
  CHECK(Get("/_url/resize/", {{"origin", "https://example.com"}})->header("access-control-allow-origin") ==
        "*");
}

TEST_CASE_METHOD(HttpTriggerFixture, "OPTIONS without CORS is the function's", "[trigger][http]") {
  GiveUrl("resize");
  FunctionAnswers(Succeeded());
  Send(Request("OPTIONS", "/_url/resize/",
               {{"origin", "https://a"}, {"access-control-request-method", "GET"}}));
  CHECK(sink.delivered().size() == 1);
}

TEST_CASE_METHOD(HttpTriggerFixture, "URL keeps its id over changes and restarts", "[trigger][http]") {
  const json first = GiveUrl("resize");
  const json second = GiveUrl("resize", {{"Cors", {{"AllowOrigins", {"*"}}}}});
  CHECK(second["UrlId"] == first["UrlId"]);
  Start();
  FunctionAnswers(Succeeded());
  CHECK(Get("/", {{"host", HostOfUrl(first)}})->answer->status == 200);
}

TEST_CASE_METHOD(HttpTriggerFixture, "URL whose function is deleted", "[trigger][http]") {
  const json url = GiveUrl("resize");
  GiveUrl("other");
  urls->ForgetFunction("resize");
  executor.RunPosted();
  CHECK_FALSE(urls->Get("resize").ok());
  CHECK(urls->Get("other").ok());
  CHECK(Get("/", {{"host", HostOfUrl(url)}})->answer->status == 403);
}

TEST_CASE_METHOD(HttpTriggerFixture, "store refuses the URL", "[trigger][http]") {
  keys.FailNext({ErrorCode::kIo, "disk full"});
  CHECK_FALSE(Put(*urls, "resize", {{"FunctionName", "resize"}}).ok());
  CHECK(Get("/_url/resize/")->answer->status == 403);
}

TEST_CASE_METHOD(HttpTriggerFixture, "drain waits for what is in flight", "[trigger][http]") {
  GiveUrl("resize");
  const auto running = Get("/_url/resize/");
  bool drained = false;
  urls->Drain([&] { drained = true; });
  CHECK(Get("/_url/resize/")->answer->status == 503);
  CHECK_FALSE(drained);
  sink.End(Succeeded("\"late\""));
  executor.RunPosted();
  CHECK(running->answer->body == "late");
  CHECK(drained);
}

TEST_CASE_METHOD(HttpTriggerFixture, "trigger goes while a request is in flight", "[trigger][http]") {
  GiveUrl("resize");
  const auto running = Get("/_url/resize/");
  declared.reset();
  urls.reset();
  sink.End(Succeeded("\"late\""));
  executor.RunPosted();
  CHECK(running->answer->body == "late");
}

TEST_CASE_METHOD(HttpTriggerFixture, "binary body reaches the function as base64", "[trigger][http]") {
  GiveUrl("resize");
  FunctionAnswers(Succeeded());
  Send(Request("POST", "/_url/resize/", {{"content-type", "image/png"}}, "\x89PNG"));
  CHECK(LastEvent()["isBase64Encoded"] == true);
  CHECK(LastEvent()["body"] == "iVBORw==");
}

TEST_CASE_METHOD(HttpTriggerFixture, "what kind of trace a request brings", "[trigger][http]") {
  constexpr const char* kParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  GiveUrl("resize");
  FunctionAnswers(Succeeded());
  Get("/_url/resize/", {{"traceparent", kParent}, {"tracestate", "a=1"}, {"tracestate", "b=2"}});
  CHECK(sink.delivered().back().traceparent == kParent);
  CHECK(sink.delivered().back().tracestate == "a=1,b=2");
  CHECK(sink.delivered().back().trace_id ==
        "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=1");
  Get("/_url/resize/", {{"traceparent", kParent}, {"traceparent", kParent}, {"x-amzn-trace-id", "Root=1"}});
  CHECK(sink.delivered().back().traceparent.empty());
  CHECK(sink.delivered().back().trace_id.size() == 40);
}

TEST_CASE_METHOD(HttpTriggerFixture, "a client that goes: the invocation goes too only where the URL says so",
                 "[trigger][http]") {
  const bool cancels = GENERATE(true, false);
  GiveUrl("resize", cancels ? json{{"OnClientGone", "CANCEL"}} : json::object());
  const auto answer = Get("/_url/resize/");
  REQUIRE(sink.under_way() == 1);
  answer->ClientGoes();
  if (cancels) {
    CHECK(sink.withdrawn() == std::vector{std::pair(DeliveryId{1}, Withdrawal::kAlsoBegun)});
  } else {
    CHECK(sink.withdrawn().empty());
  }
}

TEST_CASE_METHOD(HttpTriggerFixture, "what becomes of who has no client any more is kept and read again",
                 "[trigger][http]") {
  GiveUrl("resize", {{"OnClientGone", "CANCEL"}});
  Start();
  CHECK(json::parse(urls->Get("resize")->json)["OnClientGone"] == "CANCEL");
  const auto refused = Put(*urls, "resize", {{"FunctionName", "resize"}, {"OnClientGone", "cancel"}});
  CHECK(refused.error().code == ErrorCode::kInvalidArgument);
  CHECK(refused.error().message.find("CANCEL") != std::string::npos);
}

}  // namespace hearth
