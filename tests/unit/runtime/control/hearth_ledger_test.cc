#include "runtime/control/hearth_ledger.h"

#include <catch2/catch.hpp>

#include "tests/unit/runtime/control/control_fixture.h"

namespace hearth {

TEST_CASE_METHOD(ControlFixture, "ledger is checked beside other requests, one check at a time",
                 "[control][ledger]") {
  REQUIRE(opened.meter->Record(SomeRecord()).ok());
  ledger.holds_checks = true;
  const auto first = Start(Request("GET", "/_hearth/v1/ledger/check"));
  RunPosted();
  Deploy("resize");
  CHECK_FALSE(first->answer);
  CHECK(Call("GET", "/_hearth/v1/ledger/check")->answer->status == 429);
  REQUIRE(ledger.held_checks.size() == 1);
  ledger.held_checks[0]();
  RunPosted();
  REQUIRE(first->answer);
  const json found = json::parse(first->answer->body);
  CHECK(found.at("good") == true);
  CHECK(found.at("invocations") == 1);
  ledger.holds_checks = false;
  CHECK(Call("GET", "/_hearth/v1/ledger/check")->answer->status == 200);
}

TEST_CASE_METHOD(ControlFixture, "what is wrong in the ledger is in the answer", "[control][ledger]") {
  ledger.records.push_back("\1rubbish");
  const json found = json::parse(Call("GET", "/_hearth/v1/ledger/check")->answer->body);
  CHECK(found.at("good") == false);
  CHECK(found.at("findings").at(0).get<std::string>().find("ledger record 0") != std::string::npos);
}

}  // namespace hearth
