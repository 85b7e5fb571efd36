#include "runtime/router/async_events.h"

#include <catch2/catch.hpp>

#include "runtime/router/event_codec.h"
#include "tests/unit/runtime/router/router_fixture.h"

namespace hearth {
namespace {

class AsyncFixture : public RouterFixture {
 protected:
  void Submit(const std::string& function, std::string payload = "{}") {
    router_->Submit(EventFor(function, std::move(payload)),
                    [this](Status accepted) { accepted_.push_back(std::move(accepted)); });
    executor_.RunPosted();
    StartWorkers();
  }
  void FailRunning(OutcomeKind kind = OutcomeKind::kFunctionError) {
    launcher_.FailOnWorker(launcher_.running().at(0), kind, "Oops");
    executor_.RunPosted();
    StartWorkers();
  }
  void AdvanceAndStart(seconds by) {
    for (seconds past{0}; past < by; ++past) {
      executor_.Advance(seconds(1));
      StartWorkers();
    }
  }
  std::vector<Status> accepted_;
};

TEST_CASE_METHOD(AsyncFixture, "accepted once it is stored, run once, then gone", "[async]") {
  Deploy("resize");
  Submit("resize");
  REQUIRE(accepted_.size() == 1);
  CHECK(accepted_[0].ok());
  Complete(0);
  AdvanceAndStart(seconds(3600));
  CHECK(ledger_.size() == 1);
  CHECK(launcher_.running().empty());
}

TEST_CASE_METHOD(AsyncFixture, "an unknown function is refused before anything is stored", "[async]") {
  Submit("nobody");
  REQUIRE(accepted_.size() == 1);
  CHECK(accepted_[0].error().code == ErrorCode::kNotFound);
}

TEST_CASE_METHOD(
    AsyncFixture,
    "a function error is retried after a minute and after two more, and up to a quarter, with new attempt "
    "numbers",
    "[async]") {
  Deploy("resize");
  Submit("resize");
  FailRunning();
  AdvanceAndStart(seconds(59));
  CHECK(launcher_.running().empty());
  AdvanceAndStart(seconds(17));
  REQUIRE(launcher_.running().size() == 1);
  FailRunning();
  AdvanceAndStart(seconds(119));
  CHECK(launcher_.running().empty());
  AdvanceAndStart(seconds(32));
  REQUIRE(launcher_.running().size() == 1);
  FailRunning();
  AdvanceAndStart(seconds(7200));
  CHECK(launcher_.running().empty());
  REQUIRE(observer_.settled.size() == 3);
  for (uint32_t i = 0; i < 3; ++i) {
    CHECK(observer_.settled[i].attempt == i + 1);
    CHECK(observer_.settled[i].request_id == observer_.settled[0].request_id);
  }
}

TEST_CASE_METHOD(AsyncFixture, "a long run keeps its lease: it is not run twice", "[async]") {
  FunctionSettings settings;
  settings.timeout = seconds(900);
  Deploy("resize", settings);
  Submit("resize");
  AdvanceAndStart(seconds(600));
  CHECK(launcher_.running().size() == 1);
  Complete(0);
  AdvanceAndStart(seconds(600));
  CHECK(ledger_.size() == 1);
}

// A bug once: the second run's record clashed with the first's, so it was run for ever and never recorded.
TEST_CASE_METHOD(AsyncFixture,
                 "a platform fault is recorded, uses up no retry, and the next run has a record of its own",
                 "[async]") {
  Deploy("resize");
  Submit("resize");
  FailRunning(OutcomeKind::kPlatformFault);
  for (int tries = 0; tries < 3; ++tries) {
    AdvanceAndStart(seconds(151));
    REQUIRE(launcher_.running().size() == 1);
    FailRunning();
  }
  AdvanceAndStart(seconds(600));
  CHECK(launcher_.running().empty());
  CHECK(ledger_.size() == 4);
}

TEST_CASE_METHOD(AsyncFixture, "an event whose success is in the ledger is not run again after a crash",
                 "[async]") {
  Deploy("resize");
  Submit("resize");
  // The daemon dies between the record and all that follows: the message is still there, the record too.
  invocations_.FailNext({ErrorCode::kUnavailable, "killed"});
  Complete(0);
  MakeRouter({});
  async_->Start([](const Status&) {});
  AdvanceAndStart(seconds(600));
  CHECK(ledger_.size() == 1);
  CHECK(launcher_.running().empty());
}

TEST_CASE_METHOD(AsyncFixture, "an event for a version that is gone is dropped and delays nobody behind it",
                 "[async]") {
  Deploy("resize");
  Event old = EventFor("resize");
  old.qualifier = "7";
  async_->Add(std::move(old), [](const Status&) {});
  executor_.RunPosted();
  Submit("resize");
  executor_.Advance(seconds(2));
  StartWorkers();
  REQUIRE(launcher_.running().size() == 1);
  Complete(0);
  CHECK(ledger_.size() == 1);
}

// These the simulation found, by seed.

TEST_CASE_METHOD(AsyncFixture,
                 "what the ledger refuses waits for the back-off: it is not taken again at once", "[async]") {
  Deploy("resize");
  ledger_.SetWritable(true);
  router_->Submit(EventFor("resize"), [](const Status& accepted) { CHECK(accepted.ok()); });
  executor_.RunPosted();
  ledger_.SetWritable(false);
  StartWorkers();  // ends: it is not tried over and over
  CHECK(launcher_.running().empty());
  ledger_.SetWritable(true);
  executor_.Advance(milliseconds(200));
  CHECK(launcher_.running().empty());
  AdvanceAndStart(seconds(1));
  REQUIRE(launcher_.running().size() == 1);
  Complete(0);
  CHECK(ledger_.size() == 1);
}

TEST_CASE_METHOD(AsyncFixture, "a store that fails at a look is looked at again", "[async]") {
  Deploy("resize");
  Submit("resize");
  Complete(0);  // its queue is there now
  router_->Submit(EventFor("resize"), [this](Status accepted) {
    accepted_.push_back(std::move(accepted));
    queues_.FailNext({ErrorCode::kUnavailable, "disk full"});  // the peek that follows
  });
  executor_.RunPosted();
  StartWorkers();
  REQUIRE(accepted_.size() == 2);
  AdvanceAndStart(seconds(1));
  REQUIRE(launcher_.running().size() == 1);
  Complete(0);
  CHECK(ledger_.size() == 2);
}

TEST_CASE_METHOD(AsyncFixture,
                 "sent twice over a crash, the second message's first run has a number of its own",
                 "[async]") {
  UseSlots(8);
  Deploy("resize");
  Event event = EventFor("resize");
  event.idempotency_key = "order-7";
  const Event again = event;
  router_->Submit(std::move(event), [](const Status&) {});
  executor_.RunPosted();
  StartWorkers();
  REQUIRE(launcher_.running().size() == 1);  // attempt 1, which the crash ends
  UseSlots(8);
  REQUIRE(ledger_.size() == 1);
  // Its caller heard nothing, and sends it again: nobody knows whether the first message was stored.
  router_->Submit(again, [](const Status&) {});
  AdvanceAndStart(seconds(1));
  REQUIRE(launcher_.running().size() == 1);
  CHECK(launcher_.ran().back().attempt == 2);
  Complete(0);
  AdvanceAndStart(seconds(60));
  CHECK(ledger_.size() == 2);
  CHECK(launcher_.ran().size() == 2);
}

TEST_CASE_METHOD(AsyncFixture,
                 "a lease that cannot be renewed runs out: the event runs on alone, and is retried",
                 "[async]") {
  FunctionSettings settings;
  settings.timeout = seconds(900);
  Deploy("resize", settings);
  Submit("resize");
  for (int n = 0; n < 6; ++n) {  // renewals at 3.3 s and 6.7 s; at 10 s the message is visible again
    queues_.FailNext({ErrorCode::kUnavailable, "disk full"});
    executor_.Advance(milliseconds(3'334));
    StartWorkers();
  }
  queues_.FailNoMore();
  AdvanceAndStart(seconds(15));
  CHECK(launcher_.ran().size() == 1);
  FailRunning();
  AdvanceAndStart(seconds(100));
  REQUIRE(launcher_.ran().size() == 2);
  CHECK(launcher_.ran()[1].attempt > 1);
  Complete(0);
  AdvanceAndStart(seconds(600));
  CHECK(launcher_.ran().size() == 2);
  CHECK(ledger_.size() == 2);
}

TEST_CASE_METHOD(AsyncFixture,
                 "what has succeeded is not cancelled, although a crash came before that was known",
                 "[async]") {
  Deploy("resize");
  Event event = EventFor("resize");
  const RequestId id = event.request_id;
  router_->Submit(std::move(event), [](const Status&) {});
  executor_.RunPosted();
  StartWorkers();
  invocations_.FailNext({ErrorCode::kUnavailable, "killed"});
  Complete(0);
  MakeRouter({});
  std::optional<Status> cancelled;
  async_->Cancel(id, [&cancelled](Status status) { cancelled = std::move(status); });
  executor_.RunPosted();
  REQUIRE(cancelled);
  CHECK(cancelled->error().code == ErrorCode::kConflict);
  AdvanceAndStart(seconds(60));
  REQUIRE(book_->Find(id) != nullptr);
  CHECK(book_->Find(id)->state == AsyncState::kSucceeded);
}

TEST_CASE("an event comes back from its stored form whole; a cut or newer one is refused", "[async]") {
  Event event;
  event.request_id = RequestId("c0ffee00-0000-4000-8000-000000000000");
  event.function = "resize";
  event.qualifier = "7";
  event.trigger = TriggerKind::kBucket;
  event.payload = std::string("\0\xff{}", 4);
  event.trace_id = "Root=1";
  event.hops = 5;
  event.traceparent = "00-1";
  event.tracestate = "a=1";
  const std::string bytes = EncodeEvent(event);
  const auto back = DecodeEvent(bytes);
  REQUIRE(back.ok());
  CHECK(back->request_id == event.request_id);
  CHECK(back->qualifier == "7");
  CHECK(back->trigger == TriggerKind::kBucket);
  CHECK(back->payload == event.payload);
  CHECK(back->trace_id == "Root=1");
  CHECK(back->hops == 5);
  CHECK(back->traceparent == "00-1");
  CHECK(back->tracestate == "a=1");
  for (size_t n = 0; n < bytes.size(); ++n) CHECK_FALSE(DecodeEvent(bytes.substr(0, n)).ok());
  std::string newer = bytes;
  newer[0] = 3;
  CHECK(DecodeEvent(newer).error().message.find("version 3") != std::string::npos);
  // As an earlier build stored it: nothing behind the payload.
  std::string older = bytes.substr(0, bytes.size() - 4 - (4 + 4) - (4 + 3));
  older[0] = 1;
  const auto read = DecodeEvent(older);
  REQUIRE(read.ok());
  CHECK(read->payload == event.payload);
  CHECK(read->hops == 0);
}

// A bug once: the place in the pool's queue was kept, and a pool with a waiter does not close.
TEST_CASE_METHOD(AsyncFixture, "stopped while an event waits for a worker: the pools drain at once",
                 "[async]") {
  Deploy("resize");
  router_->Submit(EventFor("resize"), [](const Status&) {});
  executor_.RunPosted();
  REQUIRE(launcher_.starts_waiting() == 1);
  async_->Stop();
  bool drained = false;
  pools_->Drain([&] { drained = true; });
  StartWorkers();
  CHECK(drained);
  CHECK(launcher_.running().empty());
}

// A bug once: the flight of the deleted function was counted off the new one's, which then took no more
// events.
TEST_CASE_METHOD(AsyncFixture, "a function deleted under an event and made again takes its events",
                 "[async]") {
  Deploy("resize");
  Submit("resize");
  REQUIRE(launcher_.running().size() == 1);
  async_->ForgetFunction("resize");
  executor_.RunPosted();
  async_->OnQueueVisible("resize");
  executor_.RunPosted();
  Complete(0, "of the old one");
  Submit("resize");
  REQUIRE(launcher_.running().size() == 1);
  Complete(0);
  CHECK(ledger_.size() == 2);
}

}  // namespace
}  // namespace hearth
