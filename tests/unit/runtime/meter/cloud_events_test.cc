#include "runtime/meter/cloud_events.h"

#include <set>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/unit/runtime/meter/rating_fixture.h"

namespace hearth {
namespace {

using Json = nlohmann::json;
using std::chrono::hours;

const WallTime kDay = At("2026-11-10");

struct EventsFixture : RatingFixture {
  Json Events(WallTime now = kDecember) const {
    Bill bill;
    bill.usage = usage.RowsBookedIn(HourOf(kNovember), HourOf(kDecember));
    return Json::parse(CloudEventsJson(bill, account, "hearth/000000000000", now));
  }
};

}  // namespace

TEST_CASE_METHOD(EventsFixture, "CloudEvents: one for each hour and function, told once", "[meter][export]") {
  Happens(kNovember, FunctionTagged{"resize", {{"team", "vision"}}});
  Ran(kDay, {});
  Ran(kDay + std::chrono::minutes(5), {});
  Ran(kDay + hours(1), {});
  Ran(kDay, {.outcome = OutcomeKind::kThrottled, .version = "9"});
  const Json events = Events();
  REQUIRE(events.size() == 2);
  CHECK(events[0]["specversion"] == "1.0");
  CHECK(events[0]["time"] == "2026-11-10T00:00:00Z");
  CHECK(events[0]["subject"] == "resize");
  CHECK(events[0]["data"]["requests"] == 2);
  CHECK(events[0]["data"]["gb_seconds"] == "2");
  CHECK(events[0]["data"]["tags"]["team"] == "vision");
  CHECK(events[0]["id"] != events[1]["id"]);
  CHECK(Events() == events);
}

TEST_CASE_METHOD(EventsFixture, "CloudEvents: an hour is sent when it is complete, not before",
                 "[meter][export]") {
  Ran(kDay, {});
  CHECK(Events(kDay + hours(1) + kUsageSettles - microseconds(1)).empty());
  CHECK(Events(kDay + hours(1) + kUsageSettles).size() == 1);
}

TEST_CASE_METHOD(EventsFixture, "CloudEvents: what was sent keeps its id and content when late records come",
                 "[meter][export]") {
  Ran(kDay, {});
  const Json before = Events();
  Happens(kDay + hours(200), PeriodClosed{HourOf(kDay + hours(48))});
  Ran(kDay, {});
  const Json after = Events();
  REQUIRE(after.size() == 2);
  CHECK(std::find(after.begin(), after.end(), before[0]) != after.end());
  CHECK(after[0]["id"] != after[1]["id"]);
}

TEST_CASE_METHOD(EventsFixture,
                 "Lago: transaction ids are those of the CloudEvents, subscriptions by cost center",
                 "[meter][export]") {
  Happens(kNovember, FunctionTagged{"resize", {{"cost-center", "vision"}}});
  Ran(kDay, {});
  Ran(kDay, {.function = "other"});
  Bill bill;
  bill.usage = usage.RowsBookedIn(HourOf(kNovember), HourOf(kDecember));
  const Json lago = Json::parse(LagoEventsJson(bill, account, kDecember));
  REQUIRE(lago["events"].size() == 2);
  std::set<std::string> ids;
  for (const Json& event : Events()) ids.insert(event["id"].get<std::string>());
  for (const Json& event : lago["events"]) CHECK(ids.contains(event["transaction_id"].get<std::string>()));
  CHECK(lago["events"][0]["external_subscription_id"] == "other");
  CHECK(lago["events"][1]["external_subscription_id"] == "vision");
  CHECK(lago["events"][1]["timestamp"] == 1'794'268'800);
}

}  // namespace hearth
