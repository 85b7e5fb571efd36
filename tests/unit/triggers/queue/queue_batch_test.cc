#include "triggers/queue/queue_batch.h"

#include <set>

#include <catch2/catch.hpp>

#include "tests/unit/triggers/queue/queue_trigger_fixture.h"

using namespace std::chrono_literals;

namespace hearth {
namespace {

struct QueueBatchFixture : QueueTriggerFixture {
  // A function that throws when a poison message is in its batch, until nothing is under way.
  void RunAll() {
    while (sink.under_way() > 0) {
      const std::string& payload = sink.oldest_under_way().payload;
      End(payload.find("poison") == std::string::npos ? Result<Outcome>(Succeeded()) : Failed());
    }
  }
  std::vector<std::string> Numbered(size_t count, const std::set<size_t>& poison) {
    std::vector<std::string> bodies;
    for (size_t i = 0; i < count; ++i)
      bodies.push_back((poison.contains(i) ? "poison " : "good ") + std::to_string(i));
    return bodies;
  }
};

TEST_CASE_METHOD(QueueBatchFixture, "bisection isolates a poison message and deletes the others at once",
                 "[queue][bisect]") {
  Send(Numbered(10, {6}));
  Map({{"BisectBatchOnFunctionError", true}});
  RunAll();
  CHECK(Left().in_flight == 1);
  CHECK(Left().visible == 0);
  CHECK(StatusOf()["MessagesDeleted"] == 9);
  CHECK(StatusOf()["MessagesFailed"] == 1);
  CHECK(sink.delivered().size() <= 9);
  executor.Advance(31s);
  REQUIRE(sink.under_way() == 1);
  CHECK(Bodies(sink.delivered().size() - 1) == std::vector<std::string>{"poison 6"});
}

TEST_CASE_METHOD(QueueBatchFixture, "each run of a bisection is an invocation of its own",
                 "[queue][bisect]") {
  Send(Numbered(8, {0}));
  Map({{"BisectBatchOnFunctionError", true}});
  RunAll();
  std::set<std::string> ids;
  for (const Event& event : sink.delivered()) ids.insert(event.request_id.text());
  CHECK(ids.size() == sink.delivered().size());
  // 8, then 4 + 4, 2 + 2, 1 + 1: the attempt grows with each halving.
  REQUIRE(sink.delivered().size() == 7);
  CHECK(sink.delivered()[0].attempt == 1);
  CHECK(sink.delivered()[1].attempt == 2);
  CHECK(sink.delivered()[2].attempt == 3);
  CHECK(sink.delivered()[3].attempt == 4);
  CHECK(sink.delivered()[6].attempt == 2);
}

TEST_CASE_METHOD(QueueBatchFixture, "a batch that fails throughout is given up after so many runs",
                 "[queue][bisect]") {
  std::set<size_t> all;
  for (size_t i = 0; i < 1'000; ++i) all.insert(i);
  Send(Numbered(1'000, all));
  Map({{"BatchSize", 1'000}, {"MaximumBatchingWindowInSeconds", 1}, {"BisectBatchOnFunctionError", true}});
  RunAll();
  CHECK(sink.delivered().size() <= QueueBatch::kBisectionRunsMax);
  CHECK(sink.delivered().size() >= QueueBatch::kBisectionRunsMax - 1);
  CHECK(StatusOf()["MessagesFailed"] == 1'000);
}

TEST_CASE_METHOD(QueueBatchFixture, "one poison message in the largest batch is found", "[queue][bisect]") {
  Send(Numbered(10'000, {7'777}));
  Map({{"BatchSize", 10'000}, {"MaximumBatchingWindowInSeconds", 1}, {"BisectBatchOnFunctionError", true}});
  RunAll();
  CHECK(StatusOf()["MessagesDeleted"] == 9'999);
  CHECK(StatusOf()["MessagesFailed"] == 1);
}

TEST_CASE_METHOD(QueueBatchFixture, "without bisection the whole batch comes back", "[queue][bisect]") {
  Send(Numbered(10, {6}));
  Map();
  RunAll();
  CHECK(sink.delivered().size() == 1);
  CHECK(Left().in_flight == 10);
}

TEST_CASE_METHOD(QueueBatchFixture,
                 "throttled in the middle of a bisection: it ran, so it counts as received",
                 "[queue][bisect]") {
  Send(Numbered(2, {0, 1}));
  Map({{"BisectBatchOnFunctionError", true}});
  sink.RefuseNextSlot({ErrorCode::kThrottled, "ReservedFunctionConcurrentInvocationLimitExceeded"});
  End(Failed());
  CHECK(sink.under_way() == 0);
  CHECK(Left().in_flight == 2);
  CHECK(StatusOf()["BatchesFailed"] == 1);
  CHECK(StatusOf()["Throttled"] == 1);
  executor.Advance(31s);
  REQUIRE(sink.under_way() == 1);
  CHECK(Records(1)[0]["attributes"]["ApproximateReceiveCount"] == "2");
}

TEST_CASE_METHOD(QueueBatchFixture, "bisection under a long job keeps its leases", "[queue][bisect]") {
  Send(Numbered(4, {3}));
  Map({{"BisectBatchOnFunctionError", true}});
  while (sink.under_way() > 0) {
    executor.Advance(2min);
    const std::string& payload = sink.oldest_under_way().payload;
    End(payload.find("poison") == std::string::npos ? Result<Outcome>(Succeeded()) : Failed());
  }
  CHECK(StatusOf()["LeasesLost"] == 0);
  CHECK(StatusOf()["MessagesDeleted"] == 3);
  CHECK(sink.delivered().size() == 5);
}

TEST_CASE_METHOD(QueueBatchFixture, "a renewal fails: it is tried again before the lease is over",
                 "[queue]") {
  Map();
  Send({"long"});
  executor.Advance(9s);
  queues.FailNext({ErrorCode::kIo, "disk full"});
  executor.Advance(1s);
  executor.RunPosted();
  queues.FailNext({ErrorCode::kIo, "disk full"});
  executor.Advance(20s);
  executor.Advance(5min);
  CHECK(sink.delivered().size() == 1);
  CHECK(Left().in_flight == 1);
  End(Succeeded());
  CHECK(MessagesLeft() == 0);
  CHECK(StatusOf()["LeasesLost"] == 0);
}

TEST_CASE_METHOD(QueueBatchFixture, "a lease is lost under a running batch: it is counted", "[queue]") {
  Map();
  Send({"long"});
  const std::string handle = Records(0)[0]["receiptHandle"];
  queues.ChangeVisibility("orders", {handle}, seconds(0), [](const Result<std::vector<Status>>&) {});
  executor.RunPosted();
  REQUIRE(sink.delivered().size() == 2);
  executor.Advance(11s);
  End(Succeeded());
  End(Succeeded());
  CHECK(StatusOf()["LeasesLost"] == 1);
}

TEST_CASE_METHOD(QueueBatchFixture, "the last receive before the dead-letter queue is counted", "[queue]") {
  MakeQueue({}, "dead");
  MakeQueue({.receives_max = 2, .dead_letter_queue = "dead"}, "risky");
  REQUIRE(Put({{"Queue", "risky"}, {"FunctionName", "ship"}}).ok());
  Send({"poison"}, "risky");
  End(Failed());
  CHECK(StatusOf()["Exhausted"] == 0);
  executor.Advance(31s);
  End(Failed());
  CHECK(StatusOf()["Exhausted"] == 1);
  executor.Advance(31s);
  CHECK(sink.under_way() == 0);
  CHECK(Left("dead").visible == 1);
}

}  // namespace
}  // namespace hearth
