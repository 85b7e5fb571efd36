#include "tests/unit/runtime/control/control_fixture.h"

namespace hearth {
namespace {

constexpr const char* kUrl = "/2021-10-31/functions/resize/url";
constexpr const char* kMappings = "/2015-03-31/event-source-mappings/";

struct TriggersFixture : ControlFixture {
  TriggersFixture() {
    Deploy("resize");
    MakeQueue("orders");
    url.status = json{{"FunctionUrl", "http://abc.lambda-url.us-east-1.localhost:8080/"},
                      {"PathUrl", "http://localhost:8080/_url/resize/"}}
                     .dump();
    queue.status = json{{"State", "Enabled"}, {"LastError", ""}}.dump();
  }
  RecordedAnswerPtr Map(json more = json::object()) {
    more["EventSourceArn"] = "arn:aws:sqs:us-east-1:000000000000:orders";
    if (!more.contains("FunctionName")) more["FunctionName"] = "resize";
    return Call("POST", kMappings, more);
  }
  json KeptMapping() { return json::parse(queue.documents.begin()->second.json); }
};

}  // namespace

TEST_CASE_METHOD(TriggersFixture, "URL of a function through its life", "[control][lambda]") {
  CHECK(Call("GET", kUrl)->answer->status == 404);
  const auto made = Call("POST", kUrl, {{"AuthType", "NONE"}, {"Cors", {{"AllowOrigins", {"*"}}}}});
  REQUIRE(made->answer->status == 201);
  CHECK(Body(made)["FunctionUrl"] == "http://abc.lambda-url.us-east-1.localhost:8080/");
  CHECK(Body(made)["FunctionArn"] == "arn:aws:lambda:us-east-1:000000000000:function:resize");
  CHECK(Body(made)["AuthType"] == "NONE");
  CHECK(Body(made)["Cors"]["AllowOrigins"] == json::array({"*"}));
  CHECK(Body(made)["InvokeMode"] == "BUFFERED");
  CHECK(json::parse(url.documents["resize"].json)["FunctionName"] == "resize");
  CHECK(Call("POST", kUrl, {{"AuthType", "NONE"}})->answer->status == 409);
  CHECK(Call("PUT", kUrl, {{"AuthType", "TOKEN"}, {"Token", "0123456789abcdef"}})->answer->status == 200);
  CHECK(json::parse(url.documents["resize"].json)["Cors"]["AllowOrigins"] == json::array({"*"}));
  const auto streams = Call("PUT", kUrl, {{"InvokeMode", "RESPONSE_STREAM"}, {"OnClientGone", "CANCEL"}});
  CHECK(Body(streams)["InvokeMode"] == "RESPONSE_STREAM");
  CHECK(Body(streams)["Hearth"]["OnClientGone"] == "CANCEL");
  CHECK(Body(streams)["AuthType"] == "TOKEN");
  CHECK(Body(Call("GET", "/2021-10-31/functions/resize/urls"))["FunctionUrlConfigs"].size() == 1);
  CHECK(Call("DELETE", kUrl)->answer->status == 204);
  CHECK(Call("DELETE", kUrl)->answer->status == 404);
}

TEST_CASE_METHOD(TriggersFixture, "URL that cannot be", "[control][lambda]") {
  CHECK(Call("POST", kUrl, json::object())->answer->status == 400);
  CHECK(Call("POST", "/2021-10-31/functions/nobody/url", {{"AuthType", "NONE"}})->answer->status == 404);
  url.refuses = true;
  CHECK(Call("POST", kUrl, {{"AuthType", "NONE"}})->answer->status == 400);
}

TEST_CASE_METHOD(TriggersFixture, "open URL forgets the token it had", "[control][lambda]") {
  Call("POST", kUrl, {{"AuthType", "TOKEN"}, {"TokenSha256", std::string(64, 'a')}});
  Call("PUT", kUrl, {{"AuthType", "NONE"}});
  CHECK_FALSE(json::parse(url.documents["resize"].json).contains("TokenSha256"));
}

TEST_CASE_METHOD(TriggersFixture, "event source mapping through its life", "[control][lambda]") {
  const auto made = Map({{"BatchSize", 5}, {"FunctionResponseTypes", {"ReportBatchItemFailures"}}});
  REQUIRE(made->answer->status == 202);
  const json body = Body(made);
  CHECK(Members(body) == std::set<std::string>{"UUID", "EventSourceArn", "EventSourceMappingArn",
                                               "FunctionArn", "BatchSize", "MaximumBatchingWindowInSeconds",
                                               "FunctionResponseTypes", "State", "StateTransitionReason"});
  CHECK(body["State"] == "Creating");
  CHECK(body["BatchSize"] == 5);
  CHECK(KeptMapping()["Queue"] == "orders");
  const std::string uuid = body["UUID"];
  CHECK(Body(Call("GET", kMappings + uuid))["State"] == "Enabled");
  CHECK(Body(Call("PUT", kMappings + uuid, {{"Enabled", false}}))["State"] == "Disabling");
  CHECK(KeptMapping()["BatchSize"] == 5);
  CHECK(KeptMapping()["Enabled"] == false);
  CHECK(Body(Call("GET", std::string(kMappings) + "?FunctionName=resize"))["EventSourceMappings"].size() ==
        1);
  CHECK(Body(Call("GET", std::string(kMappings) + "?FunctionName=other"))["EventSourceMappings"].empty());
  CHECK(Body(Call(
      "GET",
      "/2015-03-31/event-source-mappings?EventSourceArn=arn%3Aaws%3Asqs%3Ax%3Ay%3Az"))["EventSourceMappings"]
            .empty());
  const auto removed = Call("DELETE", kMappings + uuid);
  CHECK(removed->answer->status == 202);
  CHECK(Body(removed)["State"] == "Deleting");
  CHECK(Call("GET", kMappings + uuid)->answer->status == 404);
}

TEST_CASE_METHOD(TriggersFixture, "mapping with everything that SQS mappings have", "[control][lambda]") {
  const json settings = {{"BatchSize", 100},
                         {"MaximumBatchingWindowInSeconds", 5},
                         {"ScalingConfig", {{"MaximumConcurrency", 4}}},
                         {"FunctionResponseTypes", {"ReportBatchItemFailures"}},
                         {"FilterCriteria", {{"Filters", {{{"Pattern", R"({"body":{"a":[1]}})"}}}}}},
                         {"BisectBatchOnFunctionError", true}};
  const json made = Body(Map(settings));
  for (const auto& [member, value] : settings.items()) CHECK(made[member] == value);
  for (const auto& [member, value] : settings.items()) CHECK(KeptMapping()[member] == value);
  CHECK(made["State"] == "Creating");
  const std::string uuid = made["UUID"];
  SECTION("what an update leaves out stays") {
    const json updated = Body(Call("PUT", kMappings + uuid, {{"BatchSize", 50}}));
    CHECK(updated["State"] == "Updating");
    CHECK(updated["BatchSize"] == 50);
    CHECK(updated["FilterCriteria"] == settings["FilterCriteria"]);
    CHECK(updated["ScalingConfig"] == settings["ScalingConfig"]);
  }
  SECTION("empty objects take settings away") {
    const json updated = Body(Call("PUT", kMappings + uuid,
                                   {{"FilterCriteria", json::object()}, {"ScalingConfig", json::object()}}));
    CHECK_FALSE(updated.contains("FilterCriteria"));
    CHECK_FALSE(updated.contains("ScalingConfig"));
    CHECK_FALSE(KeptMapping().contains("FilterCriteria"));
  }
  SECTION("on and off again") {
    CHECK(Body(Call("PUT", kMappings + uuid, {{"Enabled", false}}))["State"] == "Disabling");
    CHECK(Body(Call("PUT", kMappings + uuid, {{"Enabled", true}}))["State"] == "Enabling");
  }
}

TEST_CASE_METHOD(TriggersFixture, "mapping shows when it was changed and how it does", "[control][lambda]") {
  const std::string uuid = Body(Map())["UUID"];
  json kept = KeptMapping();
  kept["LastModified"] = 1'700'000'000'500;
  queue.documents[uuid].json = kept.dump();
  const json shown = Body(Call("GET", kMappings + uuid));
  CHECK(shown["LastModified"] == 1'700'000'000.5);
  CHECK(shown["HearthStatus"]["State"] == "Enabled");
  CHECK(shown["StateTransitionReason"] == "USER_INITIATED");
}

TEST_CASE_METHOD(TriggersFixture, "mapping with settings of other sources is refused", "[control][lambda]") {
  const auto refused = Map({{"MaximumRetryAttempts", 2}});
  CHECK(refused->answer->status == 400);
  CHECK_THAT(
      refused->answer->body,
      Catch::Contains("Unsupported 'maximumRetryAttempts' parameter for given event source mapping type."));
  CHECK(Map({{"KMSKeyArn", "arn:aws:kms:x"}})->answer->status == 400);
  CHECK(Map({{"DestinationConfig", json::object()}, {"KMSKeyArn", ""}, {"Tags", json::object()}})
            ->answer->status == 202);
}

TEST_CASE_METHOD(TriggersFixture, "mapping that is there already", "[control][lambda]") {
  const std::string uuid = Body(Map())["UUID"];
  queue.refuses = true;
  queue.refusal = ErrorCode::kAlreadyExists;
  const auto again = Map();
  CHECK(again->answer->status == 409);
  CHECK(Body(again)["message"].get<std::string>().find(uuid) != std::string::npos);
}

TEST_CASE_METHOD(TriggersFixture, "mapping that cannot be", "[control][lambda]") {
  CHECK(Map({{"FunctionName", "nobody"}})->answer->status == 404);
  CHECK(Call("POST", kMappings, {{"FunctionName", "resize"}})->answer->status == 400);
  CHECK(Call("POST", kMappings, {{"FunctionName", "resize"}, {"EventSourceArn", "arn:aws:kinesis:a:b:c"}})
            ->answer->status == 400);
  CHECK(Call("POST", kMappings,
             {{"FunctionName", "resize"}, {"EventSourceArn", "arn:aws:sqs:us-east-1:000000000000:none"}})
            ->answer->status == 400);
}

TEST_CASE_METHOD(TriggersFixture, "buckets and routes are the triggers' documents", "[control]") {
  for (auto* trigger : {&bucket, &route}) {
    const std::string path = "/_hearth/v1/" + std::string(trigger->kind()) + "s/photos";
    const json document = {{"FunctionName", "resize"}, {"Anything", {1, 2}}};
    const json put = Body(Call("PUT", path, document));
    CHECK(put["Name"] == "photos");
    CHECK(put["Status"] == json::object());
    CHECK(json::parse(trigger->documents["photos"].json) == document);
    CHECK(Call("PUT", path, put)->answer->status == 200);  // what a GET answered may be put back
    CHECK(json::parse(trigger->documents["photos"].json) == document);
    CHECK(Body(Call("GET", path))["Anything"] == json::array({1, 2}));
    CHECK(Body(Call("GET", "/_hearth/v1/" + std::string(trigger->kind()) + "s"))["Items"].size() == 1);
    CHECK(Call("DELETE", path)->answer->status == 204);
    CHECK(Call("GET", path)->answer->status == 404);
    CHECK(Call("PUT", path, {{"FunctionName", "nobody"}})->answer->status == 404);
  }
  CHECK(Call("PUT", "/_hearth/v1/buckets/b", {{"Notifications", {{{"FunctionName", "nobody"}}}}})
            ->answer->status == 404);
  CHECK(Body(Call("POST", "/_hearth/v1/buckets/photos/replay")) == json{{"did", "replay"}, {"to", "photos"}});
}

}  // namespace hearth
