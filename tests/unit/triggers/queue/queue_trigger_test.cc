#include "triggers/queue/queue_trigger.h"

#include <catch2/catch.hpp>

#include "tests/unit/triggers/queue/queue_trigger_fixture.h"

using namespace std::chrono_literals;

namespace hearth {
namespace {

TEST_CASE_METHOD(QueueTriggerFixture, "a message is sent: it runs, and is deleted once that is recorded",
                 "[queue]") {
  Map();
  Send({"one"});
  REQUIRE(sink.delivered().size() == 1);
  const Event& event = sink.delivered()[0];
  CHECK(event.function == "ship");
  CHECK(event.trigger == TriggerKind::kQueue);
  CHECK(event.attempt == 1);
  CHECK(Records(0)[0]["body"] == "one");
  CHECK(MessagesLeft() == 1);
  End(Succeeded());
  CHECK(MessagesLeft() == 0);
  CHECK(StatusOf()["MessagesDeleted"] == 1);
}

TEST_CASE_METHOD(QueueTriggerFixture, "no worker is free: nothing is received", "[queue]") {
  sink.SetWorkers(0);
  Map();
  Send({"one", "two"});
  CHECK(sink.slots_waited_for() == 1);
  CHECK(Left().visible == 2);
  executor.Advance(1h);
  CHECK(Left().visible == 2);
  sink.SetWorkers(1);
  executor.RunPosted();
  REQUIRE(sink.delivered().size() == 1);
  CHECK(Records(0).size() == 2);
  CHECK(Records(0)[0]["attributes"]["ApproximateReceiveCount"] == "1");
}

TEST_CASE_METHOD(QueueTriggerFixture, "nothing is visible: no worker is reserved", "[queue]") {
  Map();
  executor.Advance(10min);
  CHECK(sink.slots_asked() == 0);
  Send({"one"});
  End(Succeeded());
  const size_t asked = sink.slots_asked();
  executor.Advance(10min);
  CHECK(sink.slots_asked() == asked);
  CHECK(sink.slots_held() == 0);
}

TEST_CASE_METHOD(QueueTriggerFixture, "the messages are gone when the worker comes: it is given back",
                 "[queue]") {
  sink.SetWorkers(0);
  Map();
  Send({"one"});
  queues.Purge("orders", [](const Status&) {});
  sink.SetWorkers(1);
  executor.RunPosted();
  CHECK(sink.delivered().empty());
  CHECK(sink.slots_held() == 0);
  CHECK(sink.slots_waited_for() == 0);
}

TEST_CASE_METHOD(QueueTriggerFixture, "messages from before the start are found", "[queue]") {
  Send({"early"});
  Map();
  CHECK(sink.delivered().size() == 1);
}

TEST_CASE_METHOD(QueueTriggerFixture, "the function fails: the batch returns after the visibility timeout",
                 "[queue]") {
  Map();
  Send({"one", "two"});
  End(Failed());
  CHECK(Left().in_flight == 2);
  executor.Advance(29s);
  CHECK(sink.delivered().size() == 1);
  executor.Advance(2s);
  REQUIRE(sink.delivered().size() == 2);
  CHECK(sink.delivered()[1].attempt == 2);
  CHECK(sink.delivered()[1].request_id != sink.delivered()[0].request_id);
  CHECK(StatusOf()["LastError"] == "std::runtime_error: it did not work");
}

TEST_CASE_METHOD(QueueTriggerFixture, "item failures are reported: only those messages return", "[queue]") {
  Map({{"FunctionResponseTypes", {"ReportBatchItemFailures"}}});
  Send({"good", "bad", "good too"});
  const std::string bad = Records(0)[1]["messageId"];
  End(Succeeded(json{{"batchItemFailures", {{{"itemIdentifier", bad}}}}}.dump()));
  CHECK(MessagesLeft() == 1);
  executor.Advance(31s);
  REQUIRE(sink.delivered().size() == 2);
  CHECK(Records(1).size() == 1);
  CHECK(Records(1)[0]["body"] == "bad");
}

TEST_CASE_METHOD(QueueTriggerFixture, "item failures are reported wrongly: nothing is deleted", "[queue]") {
  Map({{"FunctionResponseTypes", {"ReportBatchItemFailures"}}});
  Send({"one", "two"});
  End(Succeeded(R"({"batchItemFailures":[{"itemIdentifier":"nobody"}]})"));
  CHECK(MessagesLeft() == 2);
}

TEST_CASE_METHOD(QueueTriggerFixture, "without ReportBatchItemFailures any answer is success", "[queue]") {
  Map();
  Send({"one"});
  End(Succeeded(R"({"batchItemFailures":[{"itemIdentifier":"nobody"}]})"));
  CHECK(MessagesLeft() == 0);
}

TEST_CASE_METHOD(QueueTriggerFixture, "a job longer than the visibility timeout runs once", "[queue]") {
  Map();
  Send({"long"});
  executor.Advance(15min);
  CHECK(sink.delivered().size() == 1);
  CHECK(Left().in_flight == 1);
  End(Succeeded());
  CHECK(MessagesLeft() == 0);
  CHECK(StatusOf()["LeasesLost"] == 0);
}

TEST_CASE_METHOD(QueueTriggerFixture, "a long job fails: the message returns one visibility timeout later",
                 "[queue]") {
  Map();
  Send({"long"});
  executor.Advance(95s);
  End(Failed(OutcomeKind::kTimeout));
  executor.Advance(29s);
  CHECK(sink.delivered().size() == 1);
  executor.Advance(2s);
  CHECK(sink.delivered().size() == 2);
}

TEST_CASE_METHOD(QueueTriggerFixture, "a throttled batch burns no receive and is tried again later",
                 "[queue]") {
  Map();
  Send({"one"});
  for (int i = 0; i < 5; ++i) {
    End(Error{ErrorCode::kThrottled, "ReservedFunctionConcurrentInvocationLimitExceeded"});
    CHECK(sink.under_way() == 0);
    CHECK(Left().visible == 1);
    executor.Advance(40s);
  }
  REQUIRE(sink.delivered().size() == 6);
  CHECK(Records(5)[0]["attributes"]["ApproximateReceiveCount"] == "1");
  CHECK(StatusOf()["Throttled"] == 5);
}

TEST_CASE_METHOD(QueueTriggerFixture, "a platform fault burns no receive", "[queue]") {
  Map();
  Send({"one"});
  End(Failed(OutcomeKind::kPlatformFault));
  executor.Advance(1s);
  REQUIRE(sink.delivered().size() == 2);
  CHECK(sink.delivered()[1].attempt == 1);
}

TEST_CASE_METHOD(QueueTriggerFixture, "a slot is refused: the next is asked for after a pause", "[queue]") {
  Map();
  sink.RefuseNextSlot({ErrorCode::kThrottled, "ConcurrentInvocationLimitExceeded"});
  Send({"one"});
  CHECK(sink.delivered().empty());
  CHECK(sink.slots_asked() == 1);
  executor.Advance(1s);
  CHECK(sink.delivered().size() == 1);
}

TEST_CASE_METHOD(QueueTriggerFixture, "a backlog grows lanes up to MaximumConcurrency", "[queue]") {
  Send(std::vector<std::string>(100, "work"));
  Map({{"BatchSize", 5}, {"ScalingConfig", {{"MaximumConcurrency", 3}}}});
  CHECK(sink.under_way() == 3);
  End(Succeeded());
  CHECK(sink.under_way() == 3);
  while (sink.under_way() > 0) End(Succeeded());
  CHECK(MessagesLeft() == 0);
  CHECK(sink.delivered().size() == 20);
}

TEST_CASE_METHOD(QueueTriggerFixture, "a batch over 6 MB is split, and the rest is not charged a receive",
                 "[queue]") {
  Send({std::string(900'000, 'a'), std::string(900'000, 'b'), std::string(900'000, 'c'),
        std::string(900'000, 'd'), std::string(900'000, 'e'), std::string(900'000, 'f'),
        std::string(900'000, 'g'), std::string(900'000, 'h')});
  Map();
  REQUIRE(sink.delivered().size() == 2);
  CHECK(Records(0).size() + Records(1).size() == 8);
  for (size_t i = 0; i < 2; ++i) {
    CHECK(sink.delivered()[i].payload.size() <= kQueuePayloadBytesMax);
    CHECK(Records(i)[0]["attributes"]["ApproximateReceiveCount"] == "1");
  }
}

TEST_CASE_METHOD(QueueTriggerFixture, "a batching window gathers messages, a full batch ends it early",
                 "[queue]") {
  Map({{"BatchSize", 3}, {"MaximumBatchingWindowInSeconds", 10}});
  Send({"one"});
  executor.Advance(9s);
  CHECK(sink.slots_asked() == 0);
  executor.Advance(2s);
  REQUIRE(sink.delivered().size() == 1);
  Send({"two", "three", "four"});
  REQUIRE(sink.delivered().size() == 2);
  CHECK(Records(1).size() == 3);
}

TEST_CASE_METHOD(QueueTriggerFixture, "the delete fails: it is tried again under the lease", "[queue]") {
  Map();
  Send({"one"});
  queues.FailNext({ErrorCode::kIo, "disk full"});
  End(Succeeded());
  CHECK(MessagesLeft() == 1);
  executor.Advance(1s);
  CHECK(MessagesLeft() == 0);
  CHECK(sink.delivered().size() == 1);
}

TEST_CASE_METHOD(QueueTriggerFixture, "drain waits for what runs and receives nothing more", "[queue]") {
  Map();
  Send({"one"});
  bool drained = false;
  trigger->Drain([&] { drained = true; });
  Send({"two"});
  executor.Advance(5min);
  CHECK_FALSE(drained);
  CHECK(sink.delivered().size() == 1);
  End(Succeeded());
  CHECK(drained);
  CHECK(Left().visible == 1);
}

TEST_CASE_METHOD(QueueTriggerFixture, "drain while waiting for a worker gives the place back", "[queue]") {
  sink.SetWorkers(0);
  Map();
  Send({"one"});
  bool drained = false;
  trigger->Drain([&] { drained = true; });
  executor.RunPosted();
  CHECK(drained);
  CHECK(sink.slots_waited_for() == 0);
}

TEST_CASE_METHOD(QueueTriggerFixture, "paused: messages wait; resumed: they run", "[queue]") {
  Map();
  CHECK(json::parse(Command("pause"))["State"] == "Disabled");
  Send({"one"});
  CHECK(sink.slots_asked() == 0);
  StartTrigger();
  executor.Advance(1min);
  CHECK(sink.slots_asked() == 0);
  CHECK(json::parse(Command("resume"))["State"] == "Enabled");
  CHECK(sink.delivered().size() == 1);
}

TEST_CASE_METHOD(QueueTriggerFixture, "a mapping survives a restart; removed, it does not", "[queue]") {
  Map({{"BatchSize", 7}});
  StartTrigger();
  REQUIRE(trigger->Get(kMapping).ok());
  CHECK(json::parse(trigger->Get(kMapping)->json)["BatchSize"] == 7);
  trigger->Remove(kMapping, [](const Status& removed) { CHECK(removed.ok()); });
  executor.RunPosted();
  StartTrigger();
  CHECK(trigger->List().empty());
}

TEST_CASE_METHOD(QueueTriggerFixture, "its function is deleted: the mapping goes", "[queue]") {
  Map();
  trigger->ForgetFunction("ship");
  executor.RunPosted();
  CHECK(trigger->List().empty());
}

TEST_CASE_METHOD(QueueTriggerFixture, "documents that are refused name the field", "[queue]") {
  const auto message = [&](const json& document) {
    const auto put = Put(document);
    REQUIRE_FALSE(put.ok());
    return put.error().message;
  };
  CHECK_THAT(message({{"Queue", "orders"}}), Catch::Contains("FunctionName"));
  CHECK_THAT(message({{"Queue", "no/such"}, {"FunctionName", "ship"}}), Catch::Contains("Queue"));
  CHECK_THAT(message({{"Queue", "missing"}, {"FunctionName", "ship"}}), Catch::Contains("missing"));
  CHECK_THAT(message({{"Queue", "orders"}, {"FunctionName", "ship"}, {"BatchSize", 0}}),
             Catch::Contains("BatchSize"));
  CHECK_THAT(message({{"Queue", "orders"}, {"FunctionName", "ship"}, {"BatchSize", 11}}),
             Catch::Contains("Window"));
  CHECK_THAT(message({{"Queue", "orders"}, {"FunctionName", "ship"}, {"BatchSice", 5}}),
             Catch::Contains("BatchSice"));
  CHECK_THAT(
      message(
          {{"Queue", "orders"}, {"FunctionName", "ship"}, {"ScalingConfig", {{"MaximumConcurrency", 1}}}}),
      Catch::Contains("MaximumConcurrency"));
}

TEST_CASE_METHOD(QueueTriggerFixture, "the same queue and function twice is refused and names the first",
                 "[queue]") {
  Map();
  const auto put = Put({{"Queue", "orders"}, {"FunctionName", "ship"}}, "another");
  REQUIRE_FALSE(put.ok());
  CHECK(put.error().code == ErrorCode::kAlreadyExists);
  CHECK_THAT(put.error().message, Catch::Contains(kMapping));
}

TEST_CASE_METHOD(QueueTriggerFixture, "the same queue and function twice at once: one is stored", "[queue]") {
  const std::string document = R"({"Queue":"orders","FunctionName":"ship"})";
  std::vector<std::string> answers;
  const auto answer = [&](const Result<Trigger::Document>& put) {
    answers.emplace_back(put.ok() ? "stored" : put.error().message);
  };
  trigger->Put("first", document, answer);
  trigger->Put("second", document, answer);
  executor.RunPosted();
  REQUIRE(answers.size() == 2);
  CHECK(std::count(answers.begin(), answers.end(), "stored") == 1);
  CHECK(trigger->List().size() == 1);
  trigger->Remove(trigger->List().front().name, [](const Status&) {});
  executor.RunPosted();
  CHECK(Put({{"Queue", "orders"}, {"FunctionName", "ship"}}, "third").ok());
}

}  // namespace
}  // namespace hearth
