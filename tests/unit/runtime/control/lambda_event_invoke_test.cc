#include "runtime/control/lambda_event_invoke.h"

#include <catch2/catch.hpp>

#include "tests/unit/runtime/control/control_fixture.h"

namespace hearth {
namespace {

constexpr const char* kPath = "/2019-09-25/functions/resize/event-invoke-config";
const std::string kQueue = "arn:aws:sqs:us-east-1:000000000000:failed";

TEST_CASE_METHOD(ControlFixture,
                 "an event invoke configuration in Lambda's form: put, updated, listed, deleted",
                 "[control][async]") {
  Deploy("resize");
  MakeQueue("failed");
  const auto put =
      Call("PUT", kPath,
           {{"MaximumRetryAttempts", 1}, {"DestinationConfig", {{"OnFailure", {{"Destination", kQueue}}}}}});
  REQUIRE(put->answer->status == 200);
  CHECK(Members(Body(put)) ==
        std::set<std::string>{"LastModified", "FunctionArn", "MaximumRetryAttempts", "DestinationConfig"});
  CHECK(Body(put)["FunctionArn"] == "arn:aws:lambda:us-east-1:000000000000:function:resize:$LATEST");
  CHECK(Body(put)["DestinationConfig"] ==
        json{{"OnSuccess", json::object()}, {"OnFailure", {{"Destination", kQueue}}}});
  const auto updated = Call("POST", kPath, {{"MaximumEventAgeInSeconds", 60}});
  REQUIRE(updated->answer->status == 200);
  CHECK(Body(updated)["MaximumRetryAttempts"] == 1);
  CHECK(Body(Call("GET", kPath)) == Body(updated));
  CHECK(Body(Call("GET", std::string(kPath) + "/list"))["FunctionEventInvokeConfigs"].size() == 1);
  CHECK_FALSE(Body(Call("PUT", kPath, {{"MaximumRetryAttempts", 0}})).contains("MaximumEventAgeInSeconds"));
  CHECK(Call("DELETE", kPath)->answer->status == 204);
  CHECK(Call("GET", kPath)->answer->status == 404);
  CHECK(Call("POST", kPath, {{"MaximumRetryAttempts", 0}})->answer->status == 404);
  CHECK(Call("DELETE", kPath)->answer->status == 404);
}

TEST_CASE_METHOD(ControlFixture, "an event invoke configuration that could not work is refused",
                 "[control][async]") {
  Deploy("resize");
  const auto with = [](const std::string& arn) {
    return json{{"DestinationConfig", {{"OnSuccess", {{"Destination", arn}}}}}};
  };
  for (const json& wrong :
       {json::object(), json{{"MaximumRetryAttempts", 3}}, json{{"MaximumRetryAttempts", -1}},
        json{{"MaximumEventAgeInSeconds", 59}}, json{{"MaximumEventAgeInSeconds", 21'601}}, with("failed"),
        with(kQueue), with("arn:aws:sns:us-east-1:000000000000:topic"),
        with("arn:aws:lambda:us-east-1:000000000000:function:nobody"),
        with("arn:aws:lambda:us-east-1:000000000000:function:resize")}) {
    INFO(wrong.dump());
    const auto put = Call("PUT", kPath, wrong);
    CHECK(put->answer->status == 400);
    CHECK(Call("GET", kPath)->answer->status == 404);
  }
  CHECK(Call("PUT", "/2019-09-25/functions/nobody/event-invoke-config", {{"MaximumRetryAttempts", 0}})
            ->answer->status == 404);
}

TEST_CASE_METHOD(ControlFixture, "a dead-letter queue: set, shown, refused when it is not there, taken away",
                 "[control][async]") {
  CHECK(Create("early", {{"DeadLetterConfig", {{"TargetArn", kQueue}}}})->answer->status == 400);
  MakeQueue("failed");
  REQUIRE(Create("resize", {{"DeadLetterConfig", {{"TargetArn", kQueue}}}})->answer->status == 201);
  const std::string path = "/2015-03-31/functions/resize/configuration";
  CHECK(Body(Call("GET", path))["DeadLetterConfig"] == json{{"TargetArn", kQueue}});
  for (const char* wrong : {"failed", "arn:aws:lambda:us-east-1:000000000000:function:resize",
                            "arn:aws:sqs:us-east-1:000000000000:nobody"}) {
    CHECK(Call("PUT", path, {{"DeadLetterConfig", {{"TargetArn", wrong}}}})->answer->status == 400);
  }
  CHECK(Body(Call("PUT", path, {{"Timeout", 4}}))["DeadLetterConfig"] == json{{"TargetArn", kQueue}});
  CHECK_FALSE(
      Body(Call("PUT", path, {{"DeadLetterConfig", {{"TargetArn", ""}}}})).contains("DeadLetterConfig"));
}

}  // namespace
}  // namespace hearth
