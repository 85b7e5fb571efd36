#include "runtime/control/lambda_provisioned.h"

#include <catch2/catch.hpp>

#include "tests/unit/runtime/control/control_fixture.h"

namespace hearth {
namespace {

constexpr const char* kPath = "/2019-09-30/functions/resize/provisioned-concurrency";
constexpr const char* kOfOne = "/2019-09-30/functions/resize/provisioned-concurrency?Qualifier=1";

// The node has room for so many workers.
struct Room final : CommitmentPlacement {
  explicit Room(const Account& its) : account(its) {}
  Status CheckPlaceable(const Commitment& wanted, const std::string&) const override {
    uint32_t workers = wanted.workers;
    for (const Commitment* one : account.state().Running(WallTime::max() - seconds(1)))
      workers += one->workers;
    return workers <= most ? Ok() : Status(Error{ErrorCode::kPrecondition, "they do not fit"});
  }
  void OnCommitmentsChanged() override {}
  Held HeldFor(const Commitment&) const override { return held; }
  const Account& account;
  uint32_t most = 5;
  Held held;
};

class ProvisionedFixture : public ControlFixture {
 protected:
  ProvisionedFixture() {
    account->SetPlacement(&room);
    Deploy("resize");
    REQUIRE(Call("POST", "/2015-03-31/functions/resize/versions", json::object())->answer->status == 201);
  }
  RecordedAnswerPtr Put(int executions) {
    return Call("PUT", kOfOne, {{"ProvisionedConcurrentExecutions", executions}});
  }
  uint32_t Reserved() {
    uint32_t workers = 0;
    for (const Commitment* one : account->state().Running(executor.clock().WallNow()))
      workers += one->workers;
    return workers;
  }
  Room room{*account};
};

TEST_CASE_METHOD(ProvisionedFixture, "provisioned concurrency is a reservation without a term",
                 "[control][provisioned]") {
  const auto put = Put(3);
  CHECK(put->answer->status == 202);
  json config = json::parse(put->answer->body);
  CHECK(config["RequestedProvisionedConcurrentExecutions"] == 3);
  CHECK(config["AvailableProvisionedConcurrentExecutions"] == 0);
  CHECK(config["Status"] == "IN_PROGRESS");
  REQUIRE(Reserved() == 3);
  const Commitment& bought = *account->state().Running(executor.clock().WallNow())[0];
  CHECK(bought.kind == CommitmentKind::kReservedStandard);
  CHECK(bought.term_hours == 0);
  CHECK(bought.version == "1");

  room.held = {.workers_wanted = 3, .workers_ready = 2, .problem = "its init failed: NoDatabase"};
  config = json::parse(Call("GET", kOfOne)->answer->body);
  CHECK(config["AvailableProvisionedConcurrentExecutions"] == 2);
  CHECK(config["Status"] == "FAILED");
  CHECK(config["StatusReason"] == "its init failed: NoDatabase");
  room.held = {.workers_wanted = 3, .workers_ready = 3};
  config = json::parse(Call("GET", kOfOne)->answer->body);
  CHECK(config["AvailableProvisionedConcurrentExecutions"] == 3);
  CHECK(config["Status"] == "READY");
  const json list = json::parse(Call("GET", std::string(kPath) + "?List=ALL")->answer->body);
  REQUIRE(list["ProvisionedConcurrencyConfigs"].size() == 1);
  CHECK(list["ProvisionedConcurrencyConfigs"][0]["FunctionArn"] ==
        "arn:aws:lambda:us-east-1:000000000000:function:resize:1");

  CHECK(Call("DELETE", kOfOne)->answer->status == 204);
  CHECK(Reserved() == 0);
  CHECK(Call("GET", kOfOne)->header("x-amzn-errortype") == "ProvisionedConcurrencyConfigNotFoundException");
  CHECK(Call("DELETE", kOfOne)->answer->status == 404);
}

TEST_CASE_METHOD(ProvisionedFixture, "more and fewer; what does not fit changes nothing",
                 "[control][provisioned]") {
  CHECK(Put(2)->answer->status == 202);
  CHECK(Put(5)->answer->status == 202);
  CHECK(Reserved() == 5);
  CHECK(Put(6)->answer->status == 400);
  CHECK(Reserved() == 5);
  CHECK(Put(1)->answer->status == 202);
  CHECK(Reserved() == 1);
  CHECK(Put(1)->answer->status == 202);
  CHECK(Reserved() == 1);
  CHECK(Put(0)->answer->status == 400);
}

TEST_CASE_METHOD(ProvisionedFixture, "published versions alone", "[control][provisioned]") {
  for (const char* path :
       {kPath, "/2019-09-30/functions/resize/provisioned-concurrency?Qualifier=%24LATEST"}) {
    const auto refused = Call("PUT", path, {{"ProvisionedConcurrentExecutions", 1}});
    CHECK(refused->answer->status == 400);
    CHECK_THAT(refused->answer->body, Catch::Contains("unpublished function versions"));
  }
  CHECK(Call("GET", "/2019-09-30/functions/nobody/provisioned-concurrency?Qualifier=1")->answer->status ==
        404);
}

}  // namespace
}  // namespace hearth
