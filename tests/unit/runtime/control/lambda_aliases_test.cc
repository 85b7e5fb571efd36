#include "runtime/control/lambda_aliases.h"

#include <catch2/catch.hpp>

#include "tests/unit/runtime/control/control_fixture.h"

namespace hearth {
namespace {

const std::string kFunction = "/2015-03-31/functions/resize";
const std::string kAliases = kFunction + "/aliases";

class AliasesFixture : public ControlFixture {
 protected:
  AliasesFixture() {
    Deploy("resize");
    for (const int timeout : {4, 5}) {
      REQUIRE(Call("PUT", kFunction + "/configuration", {{"Timeout", timeout}})->answer->status == 200);
      REQUIRE(Call("POST", kFunction + "/versions")->answer->status == 201);
    }
  }
  json Create(json more = json::object()) {
    more["Name"] = "live";
    if (!more.contains("FunctionVersion")) more["FunctionVersion"] = "1";
    const auto made = Call("POST", kAliases, more);
    REQUIRE(made->answer->status == 201);
    return Body(made);
  }
  static json Weights(const std::string& version, const json& weight) {
    return {{"RoutingConfig", {{"AdditionalVersionWeights", {{version, weight}}}}}};
  }
};

TEST_CASE_METHOD(AliasesFixture, "an alias in Lambda's form: created, read, updated, listed, deleted",
                 "[control][alias]") {
  const json made = Create({{"Description", "for people"}});
  CHECK(Members(made) ==
        std::set<std::string>{"AliasArn", "Name", "FunctionVersion", "Description", "RevisionId"});
  CHECK(made["AliasArn"] == "arn:aws:lambda:us-east-1:000000000000:function:resize:live");
  CHECK(Body(Call("GET", kAliases + "/live")) == made);
  json change = Weights("2", 0.25);
  const json canary = Body(Call("PUT", kAliases + "/live", change));
  CHECK(canary["RoutingConfig"] == change["RoutingConfig"]);
  CHECK(canary["Description"] == "for people");
  CHECK(canary["RevisionId"] != made["RevisionId"]);
  CHECK(Body(Call("GET", kAliases))["Aliases"].size() == 1);
  CHECK(Body(Call("GET", kAliases + "?FunctionVersion=2"))["Aliases"].size() == 1);
  CHECK(Body(Call("GET", kAliases + "?FunctionVersion=3"))["Aliases"].empty());
  const json all =
      Body(Call("PUT", kAliases + "/live", {{"FunctionVersion", "2"}, {"RoutingConfig", json::object()}}));
  CHECK_FALSE(all.contains("RoutingConfig"));
  CHECK(all["Hearth"] == json{{"PreviousVersion", "1"}});
  CHECK(Call("DELETE", kAliases + "/live")->answer->status == 204);
  CHECK(Call("DELETE", kAliases + "/live")->answer->status == 204);
  CHECK(Call("GET", kAliases + "/live")->answer->status == 404);
}

TEST_CASE_METHOD(AliasesFixture, "what cannot be an alias is refused with Lambda's status",
                 "[control][alias]") {
  Create();
  CHECK(Call("POST", kAliases, {{"Name", "live"}, {"FunctionVersion", "1"}})->answer->status == 409);
  CHECK(Call("POST", kAliases, {{"Name", "next"}, {"FunctionVersion", "9"}})->answer->status == 404);
  CHECK(Call("POST", kAliases, {{"Name", "7"}, {"FunctionVersion", "1"}})->answer->status == 400);
  CHECK(Call("POST", kAliases, {{"Name", "next"}})->answer->status == 400);
  CHECK(Call("POST", "/2015-03-31/functions/nobody/aliases", {{"Name", "a"}, {"FunctionVersion", "1"}})
            ->answer->status == 404);
  for (const json& wrong : {Weights("2", 1.5), Weights("2", -0.1), Weights("2", "half"),
                            Weights("$LATEST", 0.1), Weights("1", 0.1)}) {
    INFO(wrong.dump());
    CHECK(Call("PUT", kAliases + "/live", wrong)->answer->status == 400);
  }
  CHECK(Call("PUT", kAliases + "/live", Weights("9", 0.1))->answer->status == 404);
  json two = Weights("2", 0.1);
  two["RoutingConfig"]["AdditionalVersionWeights"]["3"] = 0.1;
  CHECK(Call("PUT", kAliases + "/live", two)->answer->status == 400);
  CHECK(Call("PUT", kAliases + "/gone", Weights("2", 0.1))->answer->status == 404);
  CHECK(Call("PUT", kAliases + "/live", {{"RevisionId", "old"}, {"FunctionVersion", "2"}})->answer->status ==
        412);
  CHECK(Body(Call("GET", kAliases + "/live"))["FunctionVersion"] == "1");
}

TEST_CASE_METHOD(AliasesFixture, "a version that an alias sends events to is not deleted",
                 "[control][alias]") {
  Create(Weights("2", 0.1));
  for (const char* version : {"1", "2"})
    CHECK(Call("DELETE", kFunction + ":" + version)->answer->status == 409);
  CHECK(Call("PUT", kAliases + "/live", {{"RoutingConfig", json::object()}})->answer->status == 200);
  CHECK(Call("DELETE", kFunction + ":2")->answer->status == 204);
}

TEST_CASE_METHOD(AliasesFixture, "invoked by its alias; gone with its function", "[control][alias]") {
  Create();
  CHECK(Invoke("resize:live", "{}", {{"x-amz-invocation-type", "DryRun"}})->answer->status == 204);
  CHECK(Invoke("resize:gone", "{}", {{"x-amz-invocation-type", "DryRun"}})->answer->status == 404);
  CHECK(Body(Call("GET", kFunction + "?Qualifier=live"))["Configuration"]["Version"] == "1");
  CHECK(Call("PUT", "/2019-09-25/functions/resize/event-invoke-config?Qualifier=live",
             {{"MaximumRetryAttempts", 0}})
            ->answer->status == 200);
  CHECK(Call("DELETE", kFunction)->answer->status == 204);
  Deploy("resize");
  CHECK(Call("GET", kAliases + "/live")->answer->status == 404);
}

}  // namespace
}  // namespace hearth
