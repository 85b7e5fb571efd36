#include <map>
#include <set>

#include <catch2/catch.hpp>

#include "tests/unit/triggers/queue/queue_trigger_fixture.h"

using namespace std::chrono_literals;

namespace hearth {
namespace {

struct QueueFifoFixture : QueueTriggerFixture {
  std::map<std::string, std::vector<std::string>>
      done;  // bodies by group, as the function succeeded with them
  int next_id = 0;

  QueueFifoFixture() { MakeQueue({.kind = QueueKind::kFifo}, "steps.fifo"); }

  // "a1" is the first message of group a.
  void SendSteps(const std::vector<std::string>& bodies) {
    std::vector<NewMessage> messages;
    for (const std::string& body : bodies) {
      messages.push_back(
          {.body = body, .group_id = body.substr(0, 1), .deduplication_id = std::to_string(next_id++)});
    }
    queues.Send("steps.fifo", std::move(messages),
                [](const Result<std::vector<SentMessage>>& sent) { REQUIRE(sent.ok()); });
    executor.RunPosted();
  }
  void MapSteps(json extra = json::object()) {
    json document = {{"Queue", "steps.fifo"}, {"FunctionName", "walk"}};
    document.update(extra);
    const auto put = Put(document);
    INFO((put.ok() ? "" : put.error().message));
    REQUIRE(put.ok());
  }
  std::vector<std::string> BodiesOf(const Event& event) {
    std::vector<std::string> bodies;
    const json document = json::parse(event.payload);
    for (const json& record : document.at("Records")) bodies.push_back(record["body"]);
    return bodies;
  }
  void Succeed() {
    for (const std::string& body : BodiesOf(sink.oldest_under_way())) done[body.substr(0, 1)].push_back(body);
    End(Succeeded());
  }
  // Names the messages with these bodies as failed.
  Outcome Reporting(const std::set<std::string>& bodies) {
    json items = json::array();
    const json document = json::parse(sink.oldest_under_way().payload);
    for (const json& record : document.at("Records")) {
      if (bodies.contains(record["body"])) items.push_back({{"itemIdentifier", record["messageId"]}});
    }
    return Succeeded(json{{"batchItemFailures", items}}.dump());
  }
  using Bodies = std::vector<std::string>;
};

TEST_CASE_METHOD(QueueFifoFixture, "one batch of a group at a time, groups beside each other",
                 "[queue][fifo]") {
  SendSteps({"a1", "a2", "b1", "a3", "b2"});
  MapSteps({{"BatchSize", 2}});
  REQUIRE(sink.under_way() == 2);
  CHECK(Bodies(BodiesOf(sink.delivered()[0])) == Bodies{"a1", "a2"});
  CHECK(Bodies(BodiesOf(sink.delivered()[1])) == Bodies{"b1", "b2"});
  SendSteps({"a4", "c1"});
  REQUIRE(sink.under_way() == 3);
  CHECK(Bodies(BodiesOf(sink.delivered()[2])) == Bodies{"c1"});
  Succeed();
  REQUIRE(sink.under_way() == 3);
  CHECK(Bodies(BodiesOf(sink.delivered()[3])) == Bodies{"a3", "a4"});
}

TEST_CASE_METHOD(QueueFifoFixture, "the record names group and order", "[queue][fifo]") {
  SendSteps({"a1"});
  MapSteps();
  const json attributes = Records(0)[0]["attributes"];
  CHECK(attributes["MessageGroupId"] == "a");
  CHECK(attributes["MessageDeduplicationId"] == "0");
  CHECK(attributes["SequenceNumber"].get<std::string>().size() == 20);
}

TEST_CASE_METHOD(QueueFifoFixture, "all groups are in flight: no worker is reserved for what waits behind",
                 "[queue][fifo]") {
  SendSteps({"a1"});
  MapSteps();
  REQUIRE(sink.under_way() == 1);
  const size_t asked = sink.slots_asked();
  SendSteps({"a2", "a3"});
  executor.Advance(10min);
  CHECK(sink.slots_asked() == asked);
  Succeed();
  CHECK(sink.under_way() == 1);
}

TEST_CASE_METHOD(QueueFifoFixture, "a failed batch holds its group up, not the others", "[queue][fifo]") {
  SendSteps({"a1", "a2"});
  MapSteps({{"BatchSize", 1}});
  End(Failed());
  SendSteps({"b1"});
  REQUIRE(sink.under_way() == 1);
  CHECK(BodiesOf(sink.oldest_under_way()) == Bodies{"b1"});
  Succeed();
  CHECK(sink.under_way() == 0);
  executor.Advance(31s);
  REQUIRE(sink.under_way() == 1);
  CHECK(BodiesOf(sink.oldest_under_way()) == Bodies{"a1"});
}

// Goal: whatever the function says of what stands behind a failure, it comes again, in order, uncounted.
TEST_CASE_METHOD(QueueFifoFixture, "a group stops at its first failure", "[queue][fifo]") {
  SendSteps({"a1", "a2", "a3", "a4", "b1", "b2"});
  MapSteps({{"FunctionResponseTypes", {"ReportBatchItemFailures"}}});
  std::set<std::string> failed;
  SECTION("only the failed one is named") { failed = {"a2"}; }
  SECTION("what was not tried is named too, as AWS advises") { failed = {"a2", "a3", "a4"}; }
  End(Reporting(failed));
  CHECK(StatusOf()["MessagesDeleted"] == 3);
  CHECK(StatusOf()["MessagesFailed"] == 1);
  CHECK(sink.under_way() == 0);
  executor.Advance(31s);
  REQUIRE(sink.under_way() == 1);
  CHECK(BodiesOf(sink.oldest_under_way()) == Bodies{"a2", "a3", "a4"});
  const json records = Records(1);
  CHECK(records[0]["attributes"]["ApproximateReceiveCount"] == "2");
  CHECK(records[1]["attributes"]["ApproximateReceiveCount"] == "1");
  CHECK(records[2]["attributes"]["ApproximateReceiveCount"] == "1");
}

TEST_CASE_METHOD(QueueFifoFixture, "a poison message goes to the dead letters alone", "[queue][fifo]") {
  MakeQueue({.kind = QueueKind::kFifo}, "dead.fifo");
  queues.Configure("steps.fifo",
                   {.kind = QueueKind::kFifo, .receives_max = 2, .dead_letter_queue = "dead.fifo"},
                   [](const Status& set) { REQUIRE(set.ok()); });
  executor.RunPosted();
  SendSteps({"a1", "a2", "a3"});
  MapSteps({{"FunctionResponseTypes", {"ReportBatchItemFailures"}}});
  End(Reporting({"a1"}));
  executor.Advance(31s);
  End(Reporting({"a1"}));
  executor.Advance(31s);
  REQUIRE(sink.under_way() == 1);
  CHECK(BodiesOf(sink.oldest_under_way()) == Bodies{"a2", "a3"});
  CHECK(Left("dead.fifo").visible == 1);
}

TEST_CASE_METHOD(QueueFifoFixture, "bisected: nothing of a group runs after its failure",
                 "[queue][fifo][bisect]") {
  SendSteps({"a1", "b1", "a2", "b2", "a3", "b3"});
  MapSteps({{"BisectBatchOnFunctionError", true}});
  std::vector<std::string> run;
  while (sink.under_way() > 0) {
    const auto bodies = BodiesOf(sink.oldest_under_way());
    const bool poisoned = std::find(bodies.begin(), bodies.end(), "a2") != bodies.end();
    if (poisoned) {
      End(Failed());
    } else {
      run.insert(run.end(), bodies.begin(), bodies.end());
      End(Succeeded());
    }
  }
  CHECK(std::find(run.begin(), run.end(), "a3") == run.end());
  CHECK(std::count(run.begin(), run.end(), "b3") == 1);
  CHECK(StatusOf()["MessagesDeleted"] == 4);
  CHECK(StatusOf()["MessagesFailed"] == 1);
  executor.Advance(31s);
  REQUIRE(sink.under_way() == 1);
  CHECK(BodiesOf(sink.oldest_under_way()) == Bodies{"a2", "a3"});
}

TEST_CASE_METHOD(QueueFifoFixture, "throttled: the order stays and no receive is counted", "[queue][fifo]") {
  SendSteps({"a1", "a2"});
  MapSteps();
  End(Error{ErrorCode::kThrottled, "ConcurrentInvocationLimitExceeded"});
  executor.Advance(1s);
  REQUIRE(sink.under_way() == 1);
  CHECK(BodiesOf(sink.oldest_under_way()) == Bodies{"a1", "a2"});
  CHECK(Records(1)[0]["attributes"]["ApproximateReceiveCount"] == "1");
}

// Goal: in every group each message succeeds after the one before it, whatever fails meanwhile.
TEST_CASE_METHOD(QueueFifoFixture, "order per group under random failures", "[queue][fifo]") {
  const uint64_t seed = GENERATE(1, 2, 3, 4, 5, 6, 7, 8);
  INFO("seed " << seed);
  SeededRandom dice(seed);
  std::vector<std::string> bodies;
  for (int n = 100; n < 125; ++n) {
    for (const char group : {'a', 'b', 'c', 'd'}) bodies.push_back(group + std::to_string(n));
  }
  SendSteps(bodies);
  MapSteps({{"FunctionResponseTypes", {"ReportBatchItemFailures"}},
            {"BisectBatchOnFunctionError", seed % 2 == 0}});
  for (int round = 0; round < 5'000 && Left("steps.fifo").deleted < bodies.size(); ++round) {
    if (sink.under_way() == 0) {
      executor.Advance(10s);
      continue;
    }
    const auto batch = BodiesOf(sink.oldest_under_way());
    const uint64_t throw_of = dice.Next64() % 10;
    if (throw_of < 2) {
      End(Failed(OutcomeKind::kCrash));
    } else if (throw_of < 3) {
      End(Error{ErrorCode::kThrottled, "ConcurrentInvocationLimitExceeded"});
    } else if (throw_of < 5) {
      const std::string bad = batch[dice.Next64() % batch.size()];
      bool held_up = false;
      for (const std::string& body : batch) {
        held_up = held_up || body == bad;
        if (body[0] == bad[0] && held_up) continue;
        done[body.substr(0, 1)].push_back(body);
      }
      End(Reporting({bad}));
    } else {
      Succeed();
    }
  }
  REQUIRE(done.size() == 4);
  for (const auto& [group, order] : done) {
    CHECK(order.size() == 25);
    CHECK(std::is_sorted(order.begin(), order.end()));
    CHECK(std::set<std::string>(order.begin(), order.end()).size() == order.size());
  }
}

TEST_CASE_METHOD(QueueFifoFixture, "mappings of FIFO queues have smaller batches and no window",
                 "[queue][fifo]") {
  const auto refused = [&](const json& extra) {
    json document = {{"Queue", "steps.fifo"}, {"FunctionName", "walk"}};
    document.update(extra);
    const auto put = Put(document);
    REQUIRE_FALSE(put.ok());
    return put.error().message;
  };
  CHECK_THAT(refused({{"BatchSize", 11}}), Catch::Contains("from 1 to 10"));
  CHECK_THAT(refused({{"MaximumBatchingWindowInSeconds", 1}}),
             Catch::Contains("Batching window is not supported for FIFO queues"));
  MapSteps({{"BatchSize", 10}});
}

}  // namespace
}  // namespace hearth
