#include <map>

#include <catch2/catch.hpp>

#include "tests/unit/triggers/queue/queue_trigger_fixture.h"

using namespace std::chrono_literals;

namespace hearth {
namespace {

struct QueueSharingFixture : QueueTriggerFixture {
  void MapQueue(const std::string& queue, const std::string& function, json extra = json::object()) {
    json document = {{"Queue", queue}, {"FunctionName", function}, {"BatchSize", 1}};
    document.update(extra);
    REQUIRE(Put(document, queue + "-mapping").ok());
  }
  size_t DeliveredTo(const std::string& function) {
    size_t count = 0;
    for (const Event& event : sink.delivered()) count += event.function == function;
    return count;
  }
};

// Goal: a mapping with a backlog of thousands leaves the others their turns.
TEST_CASE_METHOD(QueueSharingFixture, "mappings share few workers in turn", "[queue][fair]") {
  sink.SetWorkers(2);
  const std::map<std::string, size_t> backlogs = {{"big", 1'000}, {"middle", 100}, {"small", 20}};
  for (const auto& [queue, count] : backlogs) {
    MakeQueue({}, queue);
    Send(std::vector<std::string>(count, queue), queue);
    MapQueue(queue, "f-" + queue);
  }
  for (int i = 0; i < 60; ++i) End(Succeeded());
  CHECK(DeliveredTo("f-small") >= 18);
  CHECK(DeliveredTo("f-middle") >= 18);
  CHECK(DeliveredTo("f-big") >= 18);
}

TEST_CASE_METHOD(QueueSharingFixture, "a newcomer gets its turn although workers are taken",
                 "[queue][fair]") {
  sink.SetWorkers(1);
  MakeQueue({}, "big");
  MakeQueue({}, "late");
  Send(std::vector<std::string>(1'000, "x"), "big");
  MapQueue("big", "f-big");
  MapQueue("late", "f-late");
  for (int i = 0; i < 20; ++i) End(Succeeded());
  Send({"now"}, "late");
  End(Succeeded());
  End(Succeeded());
  CHECK(DeliveredTo("f-late") == 1);
}

// Goal: throttling never costs a receive: what runs has been received once, and nothing dies unrun.
TEST_CASE_METHOD(QueueSharingFixture,
                 "one worker, a slow function and many refusals: receive counts stay exact",
                 "[queue][throttle]") {
  MakeQueue({}, "dead");
  MakeQueue({.receives_max = 1, .dead_letter_queue = "dead"}, "risky");
  sink.SetWorkers(1);
  MapQueue("risky", "slow", {{"BatchSize", 2}});
  Send(std::vector<std::string>(40, "work"), "risky");
  for (int i = 0; i < 20; ++i) {
    sink.RefuseNextSlot({ErrorCode::kThrottled, "ReservedFunctionConcurrentInvocationLimitExceeded"});
    executor.Advance(20s);
    if (sink.under_way() > 0 && i % 3 == 0) {
      End(Error{ErrorCode::kThrottled, "ConcurrentInvocationLimitExceeded"});
    } else if (sink.under_way() > 0) {
      End(Succeeded());
    }
  }
  while (true) {
    executor.Advance(40s);
    if (sink.under_way() == 0) break;
    End(Succeeded());
  }
  for (size_t i = 0; i < sink.delivered().size(); ++i) {
    for (const json& record : Records(i)) REQUIRE(record["attributes"]["ApproximateReceiveCount"] == "1");
  }
  CHECK(Left("dead").visible == 0);
  CHECK(Left("risky").visible + Left("risky").in_flight == 0);
  CHECK(Left("risky").deleted == 40);
}

TEST_CASE_METHOD(QueueSharingFixture, "throttled: fewer batches at once, then more again",
                 "[queue][throttle]") {
  Send(std::vector<std::string>(400, "work"));
  Map({{"BatchSize", 1}});
  for (int i = 0; i < 40; ++i) End(Succeeded());
  CHECK(StatusOf()["ConcurrencyAllowed"] == 16);
  CHECK(sink.under_way() == 16);
  End(Error{ErrorCode::kThrottled, "ConcurrentInvocationLimitExceeded"});
  CHECK(StatusOf()["ConcurrencyAllowed"] == 8);
  while (sink.under_way() > 8) End(Succeeded());
  End(Succeeded());
  CHECK(sink.under_way() == 8);
  for (int i = 0; i < 200; ++i) End(Succeeded());
  CHECK(StatusOf()["ConcurrencyAllowed"] == 16);
}

TEST_CASE_METHOD(QueueSharingFixture, "the status says how many messages may be in flight", "[queue]") {
  Map({{"BatchSize", 10}, {"ScalingConfig", {{"MaximumConcurrency", 100}}}});
  CHECK(StatusOf()["MaxInFlight"] == 1'000);
}

TEST_CASE_METHOD(QueueSharingFixture, "metrics hear of every mapping", "[queue]") {
  Map();
  Send({"one"});
  End(Succeeded());
  std::map<std::string, uint64_t> deleted;
  trigger->ForEach([&](const QueueMapping& mapping, const QueueMappingStatus& status) {
    deleted[mapping.uuid] = status.messages_deleted;
  });
  CHECK(deleted == std::map<std::string, uint64_t>{{kMapping, 1}});
}

}  // namespace
}  // namespace hearth
