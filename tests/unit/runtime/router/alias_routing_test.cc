#include <catch2/catch.hpp>

#include "tests/unit/runtime/router/router_fixture.h"

namespace hearth {
namespace {

class AliasRoutingFixture : public RouterFixture {
 protected:
  // Versions 1 and 2, and an alias that sends `weight` of its events to 2.
  void DeployAlias(double weight) {
    std::vector<KeyStore::Write> writes;
    for (const char* number : {"$LATEST", "1", "2"}) {
      FunctionVersion version;
      version.function = "resize";
      version.version = number;
      version.arn = std::string("arn:aws:lambda:us-east-1:000000000000:function:resize:") + number;
      version.settings.handler = "lib.so";
      writes.push_back({std::string("function/resize/") + number, EncodeFunctionJson(version)});
    }
    FunctionAlias alias;
    alias.name = "live";
    alias.version = "1";
    alias.canary_version = weight > 0 ? "2" : "";
    alias.canary_weight = weight;
    writes.push_back({"function-alias/resize/live", EncodeAliasJson(alias)});
    keys_.Apply(std::move(writes), [](const Status&) {});
    registry_->Load([](const Status& loaded) { REQUIRE(loaded.ok()); });
    executor_.RunPosted();
  }
  std::string VersionOfOne() {
    Event event = EventFor("resize");
    event.qualifier = "live";
    std::string version;
    router_->Deliver(std::move(event),
                     [&](const Result<Outcome>& outcome) { version = outcome->executed_version; });
    executor_.RunPosted();
    StartWorkers();
    Complete(0);
    return version;
  }
};

TEST_CASE_METHOD(AliasRoutingFixture, "an alias is its version; a canary gets its share of the events",
                 "[router]") {
  DeployAlias(0);
  for (int events = 0; events < 10; ++events) CHECK(VersionOfOne() == "1");
  DeployAlias(0.25);
  int canaries = 0;
  for (int events = 0; events < 1000; ++events) canaries += VersionOfOne() == "2";
  CHECK(canaries > 200);
  CHECK(canaries < 300);
}

}  // namespace
}  // namespace hearth
