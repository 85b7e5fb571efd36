#include "triggers/http/route_trigger.h"

#include "tests/unit/triggers/http/http_trigger_fixture.h"

namespace hearth {
namespace {

using nlohmann::json;

}  // namespace

TEST_CASE_METHOD(HttpTriggerFixture, "declared route runs its function", "[trigger][http]") {
  Declare("thumbs", "GET /thumbs/{name}", "resize:3");
  FunctionAnswers(Succeeded("{\"a\":1}"));
  const auto answer = Get("/thumbs/cat%20one.png?size=2");
  CHECK(answer->answer->body == "{\"a\":1}");
  const json event = LastEvent();
  CHECK(event["routeKey"] == "GET /thumbs/{name}");
  CHECK(event["requestContext"]["routeKey"] == "GET /thumbs/{name}");
  CHECK(event["rawPath"] == "/thumbs/cat%20one.png");
  CHECK(event["pathParameters"] == json{{"name", "cat one.png"}});
  CHECK(sink.delivered().back().function == "resize");
  CHECK(sink.delivered().back().qualifier == "3");
}

TEST_CASE_METHOD(HttpTriggerFixture, "HEAD of a GET route", "[trigger][http]") {
  Declare("thumbs", "GET /thumbs/{name}", "resize");
  FunctionAnswers(Succeeded());
  CHECK(Send(Request("HEAD", "/thumbs/a"))->answer->status == 200);
  CHECK(LastEvent()["requestContext"]["http"]["method"] == "HEAD");
}

TEST_CASE_METHOD(HttpTriggerFixture, "route that another has already", "[trigger][http]") {
  Declare("thumbs", "GET /thumbs/{name}", "resize");
  const auto put = Put(*declared, "more", {{"Route", "GET /thumbs/{id}"}, {"FunctionName", "other"}});
  REQUIRE_FALSE(put.ok());
  CHECK(put.error().code == ErrorCode::kAlreadyExists);
  CHECK(put.error().message.find("/thumbs/{name}") != std::string::npos);
}

TEST_CASE_METHOD(HttpTriggerFixture, "route configuration that is wrong", "[trigger][http]") {
  for (const json& wrong : std::vector<json>{{{"FunctionName", "f"}},
                                             {{"Route", "GET thumbs"}, {"FunctionName", "f"}},
                                             {{"Route", "GET /_url/x"}, {"FunctionName", "f"}},
                                             {{"Route", "GET /a/{b"}, {"FunctionName", "f"}},
                                             {{"Route", "GET /a"}}}) {
    INFO(wrong);
    CHECK_FALSE(Put(*declared, "name", wrong).ok());
  }
  CHECK_FALSE(Put(*declared, "a/b", {{"Route", "GET /a"}, {"FunctionName", "f"}}).ok());
}

TEST_CASE_METHOD(HttpTriggerFixture, "route moves to another path", "[trigger][http]") {
  Declare("thumbs", "GET /old", "resize");
  Declare("thumbs", "GET /new", "resize");
  FunctionAnswers(Succeeded());
  CHECK(Get("/old")->answer->status == 404);
  CHECK(Get("/new")->answer->status == 200);
}

TEST_CASE_METHOD(HttpTriggerFixture, "route gets another function in place", "[trigger][http]") {
  Declare("thumbs", "GET /t", "first");
  Declare("thumbs", "GET /t", "second");
  FunctionAnswers(Succeeded());
  Get("/t");
  CHECK(sink.delivered().back().function == "second");
}

TEST_CASE_METHOD(HttpTriggerFixture, "store refuses the move of a route", "[trigger][http]") {
  Declare("thumbs", "GET /old", "resize");
  keys.FailNext({ErrorCode::kIo, "disk full"});
  CHECK_FALSE(Put(*declared, "thumbs", {{"Route", "GET /new"}, {"FunctionName", "resize"}}).ok());
  FunctionAnswers(Succeeded());
  CHECK(Get("/old")->answer->status == 200);
  CHECK(Get("/new")->answer->status == 404);
}

TEST_CASE_METHOD(HttpTriggerFixture, "routes come back after a restart and go when removed",
                 "[trigger][http]") {
  Declare("thumbs", "GET /t", "resize");
  Start();
  FunctionAnswers(Succeeded());
  CHECK(Get("/t")->answer->status == 200);
  Status removed = Ok();
  declared->Remove("thumbs", [&](Status status) { removed = std::move(status); });
  executor.RunPosted();
  CHECK(removed.ok());
  CHECK(Get("/t")->answer->status == 404);
  declared->Remove("thumbs", [&](Status status) { removed = std::move(status); });
  executor.RunPosted();
  REQUIRE_FALSE(removed.ok());
  CHECK(removed.error().code == ErrorCode::kNotFound);
}

TEST_CASE_METHOD(HttpTriggerFixture, "throttled route says when to come back", "[trigger][http]") {
  Declare("thumbs", "GET /t", "resize");
  FunctionAnswers(Error{ErrorCode::kThrottled, "ConcurrentInvocationLimitExceeded"});
  const auto answer = Get("/t");
  CHECK(answer->answer->status == 429);
  CHECK(answer->header("retry-after") == "1");
}

}  // namespace hearth
