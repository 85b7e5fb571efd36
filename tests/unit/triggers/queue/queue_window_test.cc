#include <catch2/catch.hpp>

#include "tests/unit/triggers/queue/queue_trigger_fixture.h"

using namespace std::chrono_literals;

namespace hearth {
namespace {

struct QueueWindowFixture : QueueTriggerFixture {
  void MapWindow(int batch, int window_s, json extra = json::object()) {
    json settings = {{"BatchSize", batch}, {"MaximumBatchingWindowInSeconds", window_s}};
    settings.update(extra);
    Map(settings);
  }
};

TEST_CASE_METHOD(QueueWindowFixture, "the window ends: what is there runs, without a lease before",
                 "[queue][window]") {
  MapWindow(100, 300);
  Send({"one"});
  executor.Advance(150s);
  Send({"two"});
  CHECK(sink.slots_asked() == 0);
  CHECK(Left().visible == 2);
  executor.Advance(149s);
  CHECK(sink.delivered().empty());
  executor.Advance(2s);
  REQUIRE(sink.delivered().size() == 1);
  CHECK(Records(0).size() == 2);
  CHECK(Records(0)[0]["attributes"]["ApproximateReceiveCount"] == "1");
}

TEST_CASE_METHOD(QueueWindowFixture, "a full batch ends the window", "[queue][window]") {
  MapWindow(3, 10);
  Send({"1", "2"});
  CHECK(sink.slots_asked() == 0);
  Send({"3"});
  REQUIRE(sink.delivered().size() == 1);
  CHECK(Records(0).size() == 3);
}

TEST_CASE_METHOD(QueueWindowFixture, "what is left of a full batch has a window of its own",
                 "[queue][window]") {
  MapWindow(3, 10);
  Send({"1", "2", "3", "4"});
  REQUIRE(sink.delivered().size() == 1);
  End(Succeeded());
  executor.Advance(9s);
  CHECK(sink.delivered().size() == 1);
  executor.Advance(2s);
  REQUIRE(sink.delivered().size() == 2);
  CHECK(Bodies(1) == std::vector<std::string>{"4"});
}

TEST_CASE_METHOD(QueueWindowFixture, "6 MB end the window", "[queue][window]") {
  MapWindow(10'000, 300);
  const std::string big(900'000, 'x');
  Send({big, big, big, big, big, big});
  CHECK(sink.slots_asked() == 0);
  Send({big});
  executor.Advance(QueueScout::kPeekSpacing);
  REQUIRE(sink.delivered().size() == 1);
  CHECK(Records(0).size() == 6);
  CHECK(sink.delivered()[0].payload.size() <= kQueuePayloadBytesMax);
  CHECK(Left().visible == 1);
}

TEST_CASE_METHOD(QueueWindowFixture, "the largest batch is one event", "[queue][window]") {
  MapWindow(10'000, 1);
  Send(std::vector<std::string>(9'999, "x"));
  CHECK(sink.delivered().empty());
  Send({"x"});
  REQUIRE(sink.delivered().size() == 1);
  CHECK(Records(0).size() == 10'000);
}

TEST_CASE_METHOD(QueueWindowFixture, "throttled at the window's end: it does not begin anew",
                 "[queue][window]") {
  MapWindow(10, 300);
  sink.RefuseNextSlot({ErrorCode::kThrottled, "ConcurrentInvocationLimitExceeded"});
  Send({"one"});
  executor.Advance(300s);
  CHECK(sink.slots_asked() == 1);
  CHECK(sink.delivered().empty());
  executor.Advance(1s);
  CHECK(sink.delivered().size() == 1);
}

TEST_CASE_METHOD(QueueWindowFixture, "a window is for messages that are wanted", "[queue][window][filter]") {
  MapWindow(2, 10, {{"FilterCriteria", {{"Filters", {{{"Pattern", R"({"body":[{"prefix":"want"}]})"}}}}}}});
  Send({"junk", "junk"});
  CHECK(MessagesLeft() == 0);
  executor.Advance(6s);
  Send({"want 1"});
  executor.Advance(9s);
  CHECK(sink.delivered().empty());
  Send({"junk"});
  executor.Advance(2s);
  REQUIRE(sink.delivered().size() == 1);
  CHECK(Bodies(0) == std::vector<std::string>{"want 1"});
  CHECK(StatusOf()["Filtered"] == 3);
  Send({"want 2", "junk", "want 3"});
  executor.Advance(1s);
  REQUIRE(sink.delivered().size() == 2);
  CHECK(Bodies(1) == std::vector<std::string>{"want 2", "want 3"});
}

TEST_CASE_METHOD(QueueWindowFixture, "paused in the window: nothing runs", "[queue][window]") {
  MapWindow(10, 10);
  Send({"one"});
  Command("pause");
  executor.Advance(1min);
  CHECK(sink.slots_asked() == 0);
  Command("resume");
  executor.Advance(11s);
  CHECK(sink.delivered().size() == 1);
}

// Goal: messages that wait in an open window are not read again and again.
TEST_CASE_METHOD(QueueWindowFixture, "a trickle is not peeked at for each message", "[queue][window]") {
  QueueServices services{executor, sink, queues, random, log, "us-east-1", "000000000000"};
  int ready = 0;
  QueueScout scout(services, {.ready = [&] { ++ready; }, .failed = [](const std::string&) {}});
  QueueMapping mapping;
  mapping.queue = "orders";
  mapping.batch_size = 10'000;
  mapping.window = 300s;
  scout.Watch(mapping, nullptr);
  for (int i = 0; i < 2'000; ++i) {
    Send({"x"});
    scout.OnVisible();
    executor.RunPosted();
  }
  CHECK(scout.peeks() > 0);
  CHECK(scout.peeks() < 25);
  CHECK(ready == 0);
  executor.Advance(301s);
  CHECK(ready == 1);
}

}  // namespace
}  // namespace hearth
