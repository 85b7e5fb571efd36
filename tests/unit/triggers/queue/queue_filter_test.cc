#include <catch2/catch.hpp>

#include "tests/unit/triggers/queue/queue_trigger_fixture.h"

using namespace std::chrono_literals;

namespace hearth {
namespace {

const char* const kWanted = R"({"want":true})";
const char* const kUnwanted = R"({"want":false})";

struct QueueFilterFixture : QueueTriggerFixture {
  void MapFiltered(json extra = json::object()) {
    json criteria = {{"FilterCriteria", {{"Filters", {{{"Pattern", R"({"body":{"want":[true]}})"}}}}}}};
    criteria.update(extra);
    Map(criteria);
  }
};

TEST_CASE_METHOD(QueueFilterFixture, "what no filter matches is deleted without having been received",
                 "[queue][filter]") {
  MapFiltered();
  Send({kUnwanted, kWanted, "plain", kUnwanted});
  REQUIRE(sink.delivered().size() == 1);
  CHECK(Bodies(0) == std::vector<std::string>{kWanted});
  CHECK(StatusOf()["Filtered"] == 3);
  CHECK(Left().received == 1);
  End(Succeeded());
  CHECK(MessagesLeft() == 0);
  CHECK(StatusOf()["MessagesDeleted"] == 1);
}

TEST_CASE_METHOD(QueueFilterFixture, "nothing is wanted: no worker is reserved", "[queue][filter]") {
  MapFiltered();
  Send({kUnwanted, kUnwanted});
  CHECK(sink.slots_asked() == 0);
  CHECK(MessagesLeft() == 0);
  CHECK(Left().received == 0);
}

TEST_CASE_METHOD(QueueFilterFixture, "one wanted message behind thousands", "[queue][filter]") {
  std::vector<std::string> bodies(3 * QueueScout::kPeekMin, kUnwanted);
  bodies.emplace_back(kWanted);
  Send(bodies);
  MapFiltered();
  CHECK(sink.slots_asked() == 1);
  REQUIRE(sink.delivered().size() == 1);
  CHECK(Bodies(0) == std::vector<std::string>{kWanted});
  CHECK(StatusOf()["Filtered"] == 3 * QueueScout::kPeekMin);
}

TEST_CASE_METHOD(QueueFilterFixture, "a backlog of wanted messages is taken batch by batch",
                 "[queue][filter]") {
  std::vector<std::string> bodies;
  for (int i = 0; i < 1'200; ++i) bodies.emplace_back(i % 3 == 0 ? kWanted : kUnwanted);
  Send(bodies);
  MapFiltered();
  while (sink.under_way() > 0) End(Succeeded());
  CHECK(MessagesLeft() == 0);
  CHECK(sink.delivered().size() == 40);
  CHECK(sink.slots_asked() == 40);
  CHECK(Left().received == 400);
  CHECK(StatusOf()["Filtered"] == 800);
}

TEST_CASE_METHOD(QueueFilterFixture,
                 "what came while a lane waited for its worker is looked at once received",
                 "[queue][filter]") {
  sink.SetWorkers(0);
  MapFiltered();
  Send({kWanted});
  REQUIRE(sink.slots_waited_for() == 1);
  Send({kUnwanted});
  sink.SetWorkers(1);
  executor.RunPosted();
  REQUIRE(sink.delivered().size() == 1);
  CHECK(Bodies(0) == std::vector<std::string>{kWanted});
  CHECK(StatusOf()["Filtered"] == 1);
  End(Succeeded());
  CHECK(MessagesLeft() == 0);
}

TEST_CASE_METHOD(QueueFilterFixture,
                 "while a lane waits for its worker, what it will take is not counted again",
                 "[queue][filter]") {
  sink.SetWorkers(0);
  MapFiltered();
  Send(std::vector<std::string>(10, kWanted));
  Send({kUnwanted});
  sink.SetWorkers(5);
  executor.RunPosted();
  CHECK(sink.delivered().size() == 1);
  CHECK(sink.slots_asked() == 1);
  CHECK(StatusOf()["Filtered"] == 1);
}

TEST_CASE_METHOD(QueueFilterFixture, "the look fails: shown, and looked again", "[queue][filter]") {
  MapFiltered();
  queues.Send("orders", {{.body = kUnwanted}, {.body = kWanted}},
              [](const Result<std::vector<SentMessage>>&) {});
  queues.FailNext({ErrorCode::kIo, "disk full"});
  executor.RunPosted();
  CHECK(StatusOf()["LastError"] == "disk full");
  CHECK(sink.slots_asked() == 0);
  executor.Advance(QueueConsumer::kLookEvery);
  CHECK(sink.delivered().size() == 1);
  CHECK(StatusOf()["Filtered"] == 1);
}

TEST_CASE_METHOD(QueueFilterFixture, "other filters hold from the next look on", "[queue][filter]") {
  MapFiltered();
  Map({{"FilterCriteria", {{"Filters", {{{"Pattern", R"({"body":["plain"]})"}}}}}}});
  Send({kWanted, "plain"});
  REQUIRE(sink.delivered().size() == 1);
  CHECK(Bodies(0) == std::vector<std::string>{"plain"});
  Map({{"FilterCriteria", json::object()}});
  Send({"anything"});
  CHECK(sink.delivered().size() == 2);
}

TEST_CASE_METHOD(QueueFilterFixture, "filters survive a restart", "[queue][filter]") {
  MapFiltered();
  StartTrigger();
  Send({kUnwanted, kWanted});
  REQUIRE(sink.delivered().size() == 1);
  CHECK(Bodies(0) == std::vector<std::string>{kWanted});
}

TEST_CASE_METHOD(QueueFilterFixture, "a paused mapping deletes nothing", "[queue][filter]") {
  MapFiltered({{"Enabled", false}});
  Send({kUnwanted});
  executor.Advance(5min);
  CHECK(MessagesLeft() == 1);
}

TEST_CASE_METHOD(QueueFilterFixture, "filters that are wrong are refused with AWS's words",
                 "[queue][filter]") {
  const auto refused = [&](const json& criteria) {
    const auto put = Put({{"Queue", "orders"}, {"FunctionName", "ship"}, {"FilterCriteria", criteria}});
    REQUIRE_FALSE(put.ok());
    return put.error().message;
  };
  CHECK_THAT(refused({{"Filters", {{{"Pattern", "{\"body\":\"x\"}"}}}}}),
             Catch::StartsWith("Invalid filter pattern definition."));
  CHECK_THAT(refused({{"Filters", {{{"Pattern", 5}}}}}), Catch::Contains("Pattern"));
  CHECK_THAT(refused({{"Filters", "x"}}), Catch::Contains("Filters"));
  CHECK_THAT(refused("x"), Catch::Contains("FilterCriteria"));
}

}  // namespace
}  // namespace hearth
