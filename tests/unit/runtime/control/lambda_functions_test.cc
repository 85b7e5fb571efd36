#include "tests/unit/runtime/control/control_fixture.h"

namespace hearth {
namespace {

const std::set<std::string> kConfigurationMembers = {
    "Architectures",    "CodeSha256",    "CodeSize",     "Description",
    "EphemeralStorage", "FunctionArn",   "FunctionName", "Handler",
    "LastModified",     "LoggingConfig", "MemorySize",   "PackageType",
    "RevisionId",       "Role",          "Runtime",      "RuntimeVersionConfig",
    "SnapStart",        "State",         "Timeout",      "TracingConfig",
    "Version"};

std::set<std::string> With(std::set<std::string> members, std::initializer_list<const char*> more) {
  members.insert(more.begin(), more.end());
  return members;
}

const char* kFunctions = "/2015-03-31/functions/";

}  // namespace

TEST_CASE_METHOD(ControlFixture, "created function has AWS's members and no others", "[control][lambda]") {
  const auto answer = Create("resize");
  REQUIRE(answer->answer->status == 201);
  const json body = Body(answer);
  CHECK(Members(body) == With(kConfigurationMembers, {"StateReason", "StateReasonCode"}));
  CHECK(body["State"] == "Pending");
  CHECK(body["FunctionArn"] == "arn:aws:lambda:us-east-1:000000000000:function:resize");
  CHECK(body["CodeSize"] == kSharedObject.size());
  const Sha256Digest digest = Sha256(kSharedObject);
  CHECK(body["CodeSha256"] == Base64Encode({reinterpret_cast<const char*>(digest.data()), digest.size()}));
  CHECK(body["Timeout"] == 3);
  CHECK(body["MemorySize"] == 128);
  CHECK(body["EphemeralStorage"] == json{{"Size", 512}});
  CHECK(body["LastModified"] == "2026-11-23T00:00:00.000+0000");
  CHECK(body["Version"] == "$LATEST");
  CHECK(answer->header("x-amzn-requestid").size() == 36);
}

TEST_CASE_METHOD(ControlFixture, "settings are taken and shown", "[control][lambda]") {
  const auto answer = Create(
      "resize",
      {{"Timeout", 9},
       {"MemorySize", 256},
       {"Description", "small"},
       {"Environment", {{"Variables", {{"EDGE", "640"}}}}},
       {"EphemeralStorage", {{"Size", 1024}}},
       {"Hearth", {{"Buckets", {{{"Bucket", "thumbs"}, {"Writable", true}}}}, {"Isolation", "invocation"}}}});
  REQUIRE(answer->answer->status == 201);
  const json body = Body(Call("GET", std::string(kFunctions) + "resize"))["Configuration"];
  CHECK(Members(body) == With(kConfigurationMembers, {"Environment", "LastUpdateStatus", "Hearth"}));
  CHECK(body["State"] == "Active");
  CHECK(body["LastUpdateStatus"] == "Successful");
  CHECK(body["Environment"]["Variables"]["EDGE"] == "640");
  CHECK(body["EphemeralStorage"]["Size"] == 1024);
  CHECK(body["Hearth"]["Buckets"] == json::array({{{"Bucket", "thumbs"}, {"Writable", true}}}));
  CHECK(body["Hearth"]["Isolation"] == "invocation");
}

json PortsFrom(int first, int count) {
  json ports = json::array();
  for (int port = first; port < first + count; ++port) ports.push_back(port);
  return ports;
}

TEST_CASE_METHOD(ControlFixture, "a way out of the network namespace, and its ports", "[control][lambda]") {
  const auto hearth = [](const auto& answer) { return Body(answer).value("Hearth", json::object()); };
  const json most = PortsFrom(65'504, 32);
  CHECK(hearth(Create("plain")) == json::object());
  CHECK(hearth(Create("none", {{"Hearth", {{"Network", "none"}}}})) == json::object());
  CHECK(hearth(Create("any", {{"Hearth", {{"Network", "egress"}}}})) == json{{"Network", "egress"}});
  const auto some = Create("some", {{"Hearth", {{"Network", "egress"}, {"NetworkPorts", {5432, 443, 443}}}}});
  CHECK(hearth(some) == json{{"Network", "egress"}, {"NetworkPorts", {443, 5432}}});
  CHECK(hearth(Create("most", {{"Hearth", {{"Network", "egress"}, {"NetworkPorts", most}}}})) ==
        json{{"Network", "egress"}, {"NetworkPorts", most}});
  const auto change = [&](const json& to) {
    return Call(Request("PUT", "/2015-03-31/functions/some/configuration", {}, json{{"Hearth", to}}.dump()));
  };
  // What is not said stays; without a way out there is nothing left to limit.
  CHECK(hearth(change({{"Isolation", "invocation"}})) ==
        json{{"Isolation", "invocation"}, {"Network", "egress"}, {"NetworkPorts", {443, 5432}}});
  CHECK(hearth(change({{"Network", "none"}})) == json{{"Isolation", "invocation"}});
  CHECK(change({{"NetworkPorts", {80}}})->answer->status == 400);
}

TEST_CASE_METHOD(ControlFixture, "request that cannot be a function", "[control][lambda]") {
  const std::vector<json> wrong = {{{"Timeout", 0}},
                                   {{"Timeout", 901}},
                                   {{"Timeout", "3"}},
                                   {{"MemorySize", 1}},
                                   {{"Runtime", "python3.12"}},
                                   {{"PackageType", "Image"}},
                                   {{"Layers", {"arn:aws:lambda:us-east-1:1:layer:x:1"}}},
                                   {{"Handler", "../x.so"}},
                                   {{"Architectures", {"riscv"}}},
                                   {{"Code", {{"S3Bucket", "b"}, {"S3Key", "k"}}}},
                                   {{"Code", {{"ZipFile", "***"}}}},
                                   {{"Code", {{"ZipFile", ""}}}},
                                   {{"Code", {{"ZipFile", Base64Encode("neither zip nor ELF")}}}},
                                   {{"Environment", {{"Variables", {{"LD_PRELOAD", "x"}}}}}},
                                   {{"Hearth", {{"Isolaton", "invocation"}}}},
                                   {{"Hearth", {{"Isolation", "none"}}}},
                                   {{"Hearth", {{"Network", "host"}}}},
                                   {{"Hearth", {{"NetworkPorts", {443}}}}},
                                   {{"Hearth", {{"Network", "none"}, {"NetworkPorts", {443}}}}},
                                   {{"Hearth", {{"Network", "egress"}, {"NetworkPorts", {0}}}}},
                                   {{"Hearth", {{"Network", "egress"}, {"NetworkPorts", {65536}}}}},
                                   {{"Hearth", {{"Network", "egress"}, {"NetworkPorts", {"443"}}}}},
                                   {{"Hearth", {{"Network", "egress"}, {"NetworkPorts", PortsFrom(1, 33)}}}}};
  for (const json& more : wrong) {
    INFO(more);
    const auto answer = Create("resize", more);
    CHECK(answer->answer->status == 400);
    CHECK(answer->header("x-amzn-errortype") == "InvalidParameterValueException");
    CHECK(Body(answer)["Type"] == "User");
    CHECK(Body(answer)["message"].get<std::string>().size() > 10);
  }
  CHECK(registry.List().empty());
}

TEST_CASE_METHOD(ControlFixture, "body that is not JSON names the place", "[control][lambda]") {
  const auto answer = Call(Request("POST", "/2015-03-31/functions", {}, "{\"FunctionName\": resize}"));
  CHECK(answer->answer->status == 400);
  CHECK(Body(answer)["message"].get<std::string>().find("byte 18") != std::string::npos);
  CHECK(Call(Request("POST", "/2015-03-31/functions", {}, "[]"))->answer->status == 400);
  CHECK(Call(Request("POST", "/2015-03-31/functions", {}, std::string(100'000, '[')))->answer->status == 400);
}

TEST_CASE_METHOD(ControlFixture, "function that is there already", "[control][lambda]") {
  Deploy("resize");
  const auto answer = Create("resize");
  CHECK(answer->answer->status == 409);
  CHECK(answer->header("x-amzn-errortype") == "ResourceConflictException");
}

TEST_CASE_METHOD(ControlFixture, "bad artefact is refused with the reason", "[control][lambda]") {
  checker.verdict = Error{ErrorCode::kBadArtefact, "libresize.so needs libvips.so.42, which is not there"};
  const auto answer = Create("resize");
  CHECK(answer->answer->status == 400);
  CHECK(Body(answer)["message"] == "libresize.so needs libvips.so.42, which is not there");
}

TEST_CASE_METHOD(ControlFixture, "function that is not there", "[control][lambda]") {
  for (const auto& [method, path] :
       std::vector<std::pair<std::string, std::string>>{{"GET", "nobody"},
                                                        {"GET", "nobody/configuration"},
                                                        {"GET", "nobody/versions"},
                                                        {"PUT", "nobody/code"},
                                                        {"PUT", "nobody/configuration"},
                                                        {"DELETE", "nobody"}}) {
    INFO(method << " " << path);
    const auto answer = Call(method, kFunctions + path, json::object());
    CHECK(answer->answer->status == 404);
    CHECK(answer->header("x-amzn-errortype") == "ResourceNotFoundException");
    CHECK(Body(answer)["Message"] ==
          "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nobody");
  }
}

TEST_CASE_METHOD(ControlFixture, "function named by its ARN and with a qualifier", "[control][lambda]") {
  Deploy("resize");
  const std::string arn = "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Aresize";
  CHECK(Call("GET", kFunctions + arn)->answer->status == 200);
  const json qualified = Body(Call("GET", std::string(kFunctions) + "resize?Qualifier=%24LATEST"));
  CHECK(qualified["Configuration"]["FunctionArn"] ==
        "arn:aws:lambda:us-east-1:000000000000:function:resize:$LATEST");
  const auto differs = Call("GET", std::string(kFunctions) + "resize:1?Qualifier=2");
  CHECK(differs->answer->status == 400);
  CHECK(Body(differs)["message"] ==
        "The derived qualifier from the function name does not match the specified qualifier.");
}

TEST_CASE_METHOD(ControlFixture, "update of the settings", "[control][lambda]") {
  const std::string revision = Body(Create("resize"))["RevisionId"];
  const auto answer = Call("PUT", std::string(kFunctions) + "resize/configuration",
                           {{"Timeout", 30}, {"RevisionId", revision}});
  REQUIRE(answer->answer->status == 200);
  CHECK(Members(Body(answer)) == With(kConfigurationMembers, {"LastUpdateStatus", "LastUpdateStatusReason",
                                                              "LastUpdateStatusReasonCode"}));
  CHECK(Body(answer)["Timeout"] == 30);
  CHECK(Body(answer)["MemorySize"] == 128);
  const auto stale = Call("PUT", std::string(kFunctions) + "resize/configuration",
                          {{"Timeout", 40}, {"RevisionId", revision}});
  CHECK(stale->answer->status == 412);
  CHECK(stale->header("x-amzn-errortype") == "PreconditionFailedException");
  CHECK(Body(Call("GET", std::string(kFunctions) + "resize/configuration"))["Timeout"] == 30);
}

TEST_CASE_METHOD(ControlFixture, "update of the code", "[control][lambda]") {
  Deploy("resize");
  const std::string package = kSharedObject + ", newer";
  const json request = {{"ZipFile", Base64Encode(package)}};
  const auto dry = Call("PUT", std::string(kFunctions) + "resize/code",
                        {{"ZipFile", Base64Encode(package)}, {"DryRun", true}});
  CHECK(Body(dry)["CodeSize"] == kSharedObject.size());
  CHECK(Body(Call("PUT", std::string(kFunctions) + "resize/code", request))["CodeSize"] == package.size());
  checker.verdict = Error{ErrorCode::kBadArtefact, "no"};
  const json worse = {{"ZipFile", Base64Encode(kSharedObject + ", worse")}};
  CHECK(Call("PUT", std::string(kFunctions) + "resize/code", worse)->answer->status == 400);
  CHECK(Body(Call("GET", std::string(kFunctions) + "resize"))["Configuration"]["CodeSize"] == package.size());
}

TEST_CASE_METHOD(ControlFixture, "versions count up and are listed", "[control][lambda]") {
  Deploy("resize");
  const auto first = Call("POST", std::string(kFunctions) + "resize/versions", json::object());
  CHECK(first->answer->status == 201);
  CHECK(Body(first)["Version"] == "1");
  CHECK(Body(first)["FunctionArn"] == "arn:aws:lambda:us-east-1:000000000000:function:resize:1");
  CHECK(Body(Call("POST", std::string(kFunctions) + "resize/versions"))["Version"] == "1");
  const json versions =
      Body(Call("GET", std::string(kFunctions) + "resize/versions?MaxItems=10000"))["Versions"];
  REQUIRE(versions.size() == 2);
  CHECK(versions[0]["Version"] == "$LATEST");
  CHECK(versions[1]["Version"] == "1");
}

TEST_CASE_METHOD(ControlFixture, "create with Publish answers version 1", "[control][lambda]") {
  CHECK(Body(Create("resize", {{"Publish", true}}))["Version"] == "1");
}

TEST_CASE_METHOD(ControlFixture, "list in pages", "[control][lambda]") {
  for (const char* name : {"a", "b", "c"}) Deploy(name);
  const json first = Body(Call("GET", "/2015-03-31/functions/?MaxItems=2"));
  CHECK(first["Functions"].size() == 2);
  const json second =
      Body(Call("GET", "/2015-03-31/functions?MaxItems=2&Marker=" + first["NextMarker"].get<std::string>()));
  REQUIRE(second["Functions"].size() == 1);
  CHECK(second["Functions"][0]["FunctionName"] == "c");
  CHECK_FALSE(second.contains("NextMarker"));
  CHECK(Call("GET", "/2015-03-31/functions?MaxItems=0")->answer->status == 400);
  CHECK(Call("GET", "/2015-03-31/functions?Marker=x")->answer->status == 400);
}

TEST_CASE_METHOD(ControlFixture, "delete tells the triggers", "[control][lambda]") {
  Deploy("resize");
  CHECK(Call("DELETE", std::string(kFunctions) + "resize?Qualifier=%24LATEST")->answer->status == 400);
  const auto answer = Call("DELETE", std::string(kFunctions) + "resize");
  CHECK(answer->answer->status == 204);
  CHECK(answer->answer->body.empty());
  for (const FakeTrigger* trigger : {&url, &queue, &bucket, &route})
    CHECK(trigger->forgotten == std::vector<std::string>{"resize"});
  CHECK(Call("GET", std::string(kFunctions) + "resize")->answer->status == 404);
}

TEST_CASE_METHOD(ControlFixture, "reserved concurrency", "[control][lambda]") {
  Deploy("resize");
  CHECK(Body(Call("GET", "/2019-09-30/functions/resize/concurrency")) == json::object());
  CHECK(Body(Call("PUT", "/2017-10-31/functions/resize/concurrency",
                  {{"ReservedConcurrentExecutions", 5}})) == json{{"ReservedConcurrentExecutions", 5}});
  CHECK(registry.ScalingOf("resize").reserved_concurrency == 5);
  CHECK(Body(Call("GET", std::string(kFunctions) + "resize"))["Concurrency"] ==
        json{{"ReservedConcurrentExecutions", 5}});
  CHECK(Call("DELETE", "/2017-10-31/functions/resize/concurrency")->answer->status == 204);
  CHECK(Body(Call("GET", "/2019-09-30/functions/resize/concurrency")) == json::object());
  CHECK(Call("PUT", "/2017-10-31/functions/resize/concurrency", json::object())->answer->status == 400);
  CHECK(Call("PUT", "/2017-10-31/functions/resize/concurrency", {{"ReservedConcurrentExecutions", -1}})
            ->answer->status == 400);
  CHECK(Body(Call("PUT", "/2017-10-31/functions/resize/concurrency",
                  {{"ReservedConcurrentExecutions", 0}})) == json{{"ReservedConcurrentExecutions", 0}});
}

TEST_CASE_METHOD(ControlFixture,
                 "a tenth of the account's concurrency stays unreserved, at it and one past it",
                 "[control][concurrency]") {
  Deploy("resize");
  Deploy("crop");
  const auto put = [this](const std::string& function, int reserved) {
    return Call("PUT", "/2017-10-31/functions/" + function + "/concurrency",
                {{"ReservedConcurrentExecutions", reserved}});
  };
  CHECK(put("resize", 500)->answer->status == 200);
  CHECK(put("crop", 401)->answer->status == 400);
  CHECK(put("crop", 400)->answer->status == 200);
  CHECK(put("crop", 400)->answer->status == 200);  // instead of its own
  const json limits = Body(Call("GET", "/2016-08-19/account-settings"))["AccountLimit"];
  CHECK(limits["ConcurrentExecutions"] == 1000);
  CHECK(limits["UnreservedConcurrentExecutions"] == 100);
}

TEST_CASE_METHOD(ControlFixture, "reserved concurrency is not set below what is provisioned",
                 "[control][concurrency]") {
  Deploy("resize");
  CommitmentOrder order;
  order.function = "resize";
  order.version = "$LATEST";
  order.workers = 3;
  order.memory_mib = 128;
  REQUIRE(account->Buy(order).ok());
  const auto put = [this](int reserved) {
    return Call("PUT", "/2017-10-31/functions/resize/concurrency",
                {{"ReservedConcurrentExecutions", reserved}});
  };
  CHECK(put(2)->answer->status == 400);
  CHECK_THAT(put(0)->answer->body, Catch::Contains("3 workers are kept ready"));
  CHECK(put(3)->answer->status == 200);
}

TEST_CASE_METHOD(ControlFixture, "what has no term ends with its function or version, what has one waits",
                 "[control][concurrency]") {
  Deploy("resize");
  REQUIRE(Call("POST", "/2015-03-31/functions/resize/versions", json::object())->answer->status == 201);
  CommitmentOrder order;
  order.function = "resize";
  order.version = "1";
  order.workers = 1;
  order.memory_mib = 128;
  const std::string of_version = account->Buy(order).value().id;
  order.version = "$LATEST";
  const std::string of_latest = account->Buy(order).value().id;
  order.term_hours = 8'760;
  const std::string promised = account->Buy(order).value().id;
  const auto runs = [this](const std::string& id) {
    return account->state().Find(id)->Runs(executor.clock().WallNow());
  };
  CHECK(Call("DELETE", std::string(kFunctions) + "resize?Qualifier=1")->answer->status == 204);
  CHECK_FALSE(runs(of_version));
  CHECK(runs(of_latest));
  CHECK(Call("DELETE", std::string(kFunctions) + "resize")->answer->status == 204);
  CHECK_FALSE(runs(of_latest));
  CHECK(runs(promised));
}

TEST_CASE_METHOD(ControlFixture, "what other tools ask of a function", "[control][lambda]") {
  Deploy("resize");
  CHECK(Body(Call("GET", "/2020-06-30/functions/resize/code-signing-config")) == json::object());
  CHECK(Body(Call("GET",
                  "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Aresize")) ==
        json{{"Tags", json::object()}});
  const json settings = Body(Call("GET", "/2016-08-19/account-settings"));
  CHECK(settings["AccountUsage"] == json{{"FunctionCount", 1}, {"TotalCodeSize", kSharedObject.size()}});
}

TEST_CASE_METHOD(ControlFixture, "operation that nobody knows", "[control][lambda]") {
  for (const auto& [method, path] : std::vector<std::pair<std::string, std::string>>{
           {"GET", "/2025-12-01/durable-executions/x"}, {"PATCH", "/2015-03-31/functions"}, {"GET", "/"}}) {
    const auto answer = Call(method, path);
    CHECK(answer->answer->status == 404);
    CHECK(answer->header("x-amzn-errortype") == "UnknownOperationException");
  }
}

}  // namespace hearth
