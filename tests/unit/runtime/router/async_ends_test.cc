#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "runtime/router/async_events.h"
#include "runtime/router/event_codec.h"
#include "tests/unit/runtime/router/router_fixture.h"

// Goal: what was accepted has one end, and whoever is to hear of it hears once.

namespace hearth {
namespace {

using nlohmann::json;

const std::string kQueues = "arn:aws:sqs:us-east-1:000000000000:";

class EndsFixture : public RouterFixture {
 protected:
  EndsFixture() {
    for (const char* queue : {"won", "lost", "dead"})
      user_queues_.Create(queue, {}, [](const Status& made) { REQUIRE(made.ok()); });
    executor_.RunPosted();
  }
  RequestId Submit(const std::string& function, const std::string& key = "",
                   std::string payload = R"({"n":1})") {
    Event event = EventFor(function, std::move(payload));
    event.idempotency_key = key;
    const RequestId id = event.request_id;
    router_->Submit(std::move(event), [this](const Status& accepted) { accepted_.push_back(accepted); });
    executor_.RunPosted();
    StartWorkers();
    return id;
  }
  void Configure(const std::string& function, std::optional<uint32_t> retries,
                 std::optional<seconds> age = {}) {
    EventInvokeConfig config;
    config.retries_max = retries;
    config.age_max = age;
    config.on_success = kQueues + "won";
    config.on_failure = kQueues + "lost";
    configs_->Put(function, "", config, [](const Status& put) { REQUIRE(put.ok()); });
    executor_.RunPosted();
  }
  void FailRunning(OutcomeKind kind = OutcomeKind::kFunctionError) {
    REQUIRE_FALSE(launcher_.running().empty());
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
  // A crash: everything in memory is gone, everything stored is there; leases run out.
  void Restart() {
    MakeRouter({});
    AdvanceAndStart(seconds(11));
  }
  std::vector<QueueMessage> Messages(const std::string& queue) {
    std::vector<QueueMessage> found;
    user_queues_.Peek(queue, 10,
                      [&](const Result<std::vector<QueueMessage>>& seen) { found = seen.value(); });
    executor_.RunPosted();
    return found;
  }
  // An event's message, as a crash may have left it.
  void Store(const RequestId& id) {
    Event event = EventFor("resize", R"({"n":1})");
    event.request_id = id;
    NewMessage message;
    message.body = EncodeEvent(event);
    queues_.Create("resize", {}, [](const Status&) {});
    queues_.Send("resize", {message}, [](const auto& sent) { REQUIRE(sent.ok()); });
    executor_.RunPosted();
  }
  AsyncState StateOf(const RequestId& id) {
    const AsyncInvocation* one = book_->Find(id);
    REQUIRE(one != nullptr);
    return one->state;
  }
  Status Cancel(const RequestId& id) {
    Status done;
    async_->Cancel(id, [&](const Status& status) { done = status; });
    executor_.RunPosted();
    return done;
  }
  Status Retry(const RequestId& id) {
    Status done;
    async_->Retry(id, [&](const Status& status) { done = status; });
    executor_.RunPosted();
    StartWorkers();
    return done;
  }
  std::vector<Status> accepted_;
};

TEST_CASE_METHOD(EndsFixture, "a success is told once, with request and response", "[async]") {
  Deploy("resize");
  Configure("resize", 0);
  const RequestId id = Submit("resize");
  CHECK(StateOf(id) == AsyncState::kRunning);
  Complete(0, "\"done\"");
  CHECK(StateOf(id) == AsyncState::kSucceeded);
  AdvanceAndStart(seconds(3600));
  REQUIRE(Messages("won").size() == 1);
  const json document = json::parse(Messages("won")[0].body);
  CHECK(document["requestContext"]["condition"] == "Success");
  CHECK(document["requestPayload"] == json{{"n", 1}});
  CHECK(document["responsePayload"] == "done");
  CHECK(Messages("lost").empty());
}

TEST_CASE_METHOD(EndsFixture, "the last failure is told to the destination and the dead-letter queue",
                 "[async]") {
  FunctionSettings settings;
  settings.dead_letter_arn = kQueues + "dead";
  Deploy("resize", settings);
  Configure("resize", 1);
  const RequestId id = Submit("resize");
  FailRunning();
  CHECK(StateOf(id) == AsyncState::kRetrying);
  CHECK(Messages("lost").empty());
  AdvanceAndStart(seconds(76));
  FailRunning();
  CHECK(StateOf(id) == AsyncState::kFailed);
  REQUIRE(Messages("lost").size() == 1);
  CHECK(json::parse(Messages("lost")[0].body)["requestContext"]["approximateInvokeCount"] == 2);
  REQUIRE(Messages("dead").size() == 1);
  CHECK(Messages("dead")[0].body == R"({"n":1})");
  CHECK(book_->Find(id)->attempts.size() == 2);
  AdvanceAndStart(seconds(3600));
  CHECK(ledger_.size() == 2);
}

TEST_CASE_METHOD(EndsFixture, "an event that finds no worker ends by its age", "[async]") {
  Deploy("resize");
  Configure("resize", 2, seconds(60));
  Event event = EventFor("resize");
  const RequestId id = event.request_id;
  Router::Limits limits;
  limits.concurrency_max = 1;
  MakeRouter(limits);
  Fire("resize");  // takes the account's only place, and never ends
  StartWorkers();
  router_->Submit(std::move(event), [](const Status&) {});
  AdvanceAndStart(seconds(59));
  CHECK(StateOf(id) == AsyncState::kQueued);
  AdvanceAndStart(seconds(8));
  CHECK(StateOf(id) == AsyncState::kFailed);
  REQUIRE(Messages("lost").size() == 1);
  CHECK(json::parse(Messages("lost")[0].body)["requestContext"]["condition"] == "EventAgeExceeded");
}

TEST_CASE_METHOD(EndsFixture, "events of a function that is off go to the dead letters, not on waiting",
                 "[async]") {
  FunctionSettings settings;
  settings.dead_letter_arn = kQueues + "dead";
  Deploy("resize", settings);
  ReserveConcurrency("resize", 0);
  const RequestId id = Submit("resize");
  CHECK(StateOf(id) == AsyncState::kFailed);
  REQUIRE(Messages("dead").size() == 1);
  CHECK(Messages("dead")[0].attributes.at("ErrorCode").value == "429");
  CHECK(ledger_.size() == 0);
}

TEST_CASE_METHOD(EndsFixture, "a destination that is gone is left out and said so", "[async]") {
  Deploy("resize");
  Configure("resize", 0);
  user_queues_.Remove("won", [](const Status&) {});
  const RequestId id = Submit("resize");
  Complete(0);
  CHECK(StateOf(id) == AsyncState::kSucceeded);
  REQUIRE(book_->Find(id)->deliveries.size() == 1);
  CHECK(book_->Find(id)->deliveries[0].failure.find("won") != std::string::npos);
}

TEST_CASE_METHOD(EndsFixture, "a destination's store that fails for a while is asked again", "[async]") {
  Deploy("resize");
  Configure("resize", 0);
  const RequestId id = Submit("resize");
  user_queues_.FailNext({ErrorCode::kUnavailable, "disk full"});
  Complete(0);
  CHECK(StateOf(id) == AsyncState::kSettling);
  AdvanceAndStart(seconds(30));
  CHECK(StateOf(id) == AsyncState::kSucceeded);
  CHECK(Messages("won").size() == 1);
  CHECK(ledger_.size() == 1);
}

TEST_CASE_METHOD(EndsFixture, "a crash while it settles: the destination hears of it, once", "[async]") {
  Deploy("resize");
  Configure("resize", 0);
  const RequestId id = Submit("resize");
  const bool heard_before = GENERATE(false, true);
  if (heard_before) {
    // It was stored there, but our note of that is lost.
    Complete(0, "\"done\"");
    AsyncInvocation settling = *book_->Find(id);
    settling.state = AsyncState::kSettling;
    settling.deliveries[0].sent = false;
    book_->Put(settling, [](const Status&) {});
    Store(id);
  } else {
    user_queues_.FailNext({ErrorCode::kUnavailable, "killed"});
    Complete(0, "\"done\"");
  }
  Restart();
  AdvanceAndStart(seconds(60));
  CHECK(StateOf(id) == AsyncState::kSucceeded);
  REQUIRE(Messages("won").size() == 1);
  CHECK(json::parse(Messages("won")[0].body)["responsePayload"] == "done");
  CHECK(ledger_.size() == 1);
}

TEST_CASE_METHOD(EndsFixture, "a crash in mid-run uses up no retry, and the next attempt has a new number",
                 "[async]") {
  Deploy("resize");
  Configure("resize", 0);
  const RequestId id = Submit("resize");
  for (int crash = 0; crash < 4; ++crash) Restart();
  REQUIRE(launcher_.running().size() == 1);
  Complete(0);
  CHECK(StateOf(id) == AsyncState::kSucceeded);
  CHECK(observer_.settled.back().attempt == 5);
}

TEST_CASE_METHOD(EndsFixture, "failures are remembered over a restart", "[async]") {
  Deploy("resize");
  Configure("resize", 1);
  const RequestId id = Submit("resize");
  FailRunning();
  Restart();
  AdvanceAndStart(seconds(80));
  FailRunning();
  CHECK(StateOf(id) == AsyncState::kFailed);
  CHECK(ledger_.size() == 2);
}

// A bug once: each crash between a record and what is known of its event was worth another attempt.
TEST_CASE_METHOD(EndsFixture, "failures of which only the ledger knows count as well, each once", "[async]") {
  Deploy("resize");
  Configure("resize", 2);
  const RequestId id = Submit("resize");
  for (int failure = 0; failure < 3; ++failure) {
    REQUIRE(launcher_.running().size() == 1);
    invocations_.FailNext({ErrorCode::kUnavailable, "killed"});
    FailRunning();
    Restart();
    AdvanceAndStart(seconds(160));
  }
  CHECK(launcher_.running().empty());
  CHECK(StateOf(id) == AsyncState::kFailed);
  CHECK(ledger_.size() == 3);
  REQUIRE(Messages("lost").size() == 1);
  CHECK(json::parse(Messages("lost")[0].body)["requestContext"]["condition"] == "RetriesExhausted");
}

TEST_CASE_METHOD(EndsFixture, "the same key again: the first one's, run once, also over a restart",
                 "[async]") {
  Deploy("resize");
  const RequestId first = Submit("resize", "order-7");
  Submit("resize", "order-7");
  CHECK(async_->FindKey("resize", "order-7")->request_id == first);
  CHECK(launcher_.running().size() == 1);
  Submit("resize", "order-8");
  CHECK(launcher_.running().size() == 2);
  Complete(0);
  Complete(0);
  Restart();
  Submit("resize", "order-7");
  CHECK(async_->FindKey("resize", "order-7")->request_id == first);
  CHECK(launcher_.running().empty());
  CHECK(accepted_.size() == 4);
  CHECK(ledger_.size() == 2);
}

TEST_CASE_METHOD(EndsFixture,
                 "a crash between a key and its event: sent again, it is the first's and runs once",
                 "[async]") {
  Deploy("resize");
  const bool stored = GENERATE(false, true);
  AsyncInvocation known;
  known.request_id = RequestId::Make(random_);
  known.function = "resize";
  known.accepted = known.queued = executor_.clock().WallNow();
  known.key_hash = "200651a8b2d5912f692db89468a7d47d86a3ed6844f48f1b15f2be1d9c9a7e5e";  // SHA-256 of "once"
  book_->Put(known, [](const Status&) {});
  if (stored) Store(known.request_id);
  executor_.RunPosted();
  Restart();
  Submit("resize", "once");
  REQUIRE(launcher_.running().size() == 1);
  CHECK(StateOf(known.request_id) == AsyncState::kRunning);
}

TEST_CASE_METHOD(EndsFixture, "cancelled while it waits: not run, and run after all when it is retried",
                 "[async]") {
  Deploy("resize");
  Configure("resize", 2);
  const RequestId id = Submit("resize");
  CHECK(Cancel(id).error().code == ErrorCode::kConflict);  // it runs
  FailRunning();
  REQUIRE(Cancel(id).ok());
  const bool message_gone = GENERATE(true, false);
  if (message_gone) AdvanceAndStart(seconds(80));
  CHECK(launcher_.running().empty());
  CHECK(StateOf(id) == AsyncState::kCancelled);
  CHECK(Cancel(id).error().code == ErrorCode::kConflict);
  CHECK(Messages("lost").empty());
  REQUIRE(Retry(id).ok());
  AdvanceAndStart(seconds(80));
  REQUIRE(launcher_.running().size() == 1);
  Complete(0);
  CHECK(StateOf(id) == AsyncState::kSucceeded);
  CHECK(ledger_.size() == 2);
  CHECK(observer_.settled[1].attempt > observer_.settled[0].attempt);
}

TEST_CASE_METHOD(EndsFixture, "one that failed is retried with all its retries and new attempt numbers",
                 "[async]") {
  Deploy("resize");
  Configure("resize", 0);
  const RequestId id = Submit("resize");
  CHECK(Retry(id).error().code == ErrorCode::kConflict);
  FailRunning();
  REQUIRE(Retry(id).ok());
  FailRunning();
  CHECK(Messages("lost").size() == 2);
  Restart();
  REQUIRE(Retry(id).ok());
  REQUIRE(launcher_.running().size() == 1);
  Complete(0);
  CHECK(Retry(id).error().code == ErrorCode::kConflict);
  CHECK(Retry(RequestId("nobody")).error().code == ErrorCode::kNotFound);
  CHECK(ledger_.size() == 3);
  CHECK(observer_.settled[2].attempt == 3);
}

TEST_CASE_METHOD(EndsFixture, "as many events as may wait, and one more", "[async]") {
  book_options_.open_max = 2;
  MakeRouter({});
  Deploy("resize");
  for (int events = 0; events < 3; ++events) Submit("resize");
  REQUIRE(accepted_.size() == 3);
  CHECK(accepted_[1].ok());
  CHECK(accepted_[2].error().code == ErrorCode::kThrottled);
  Complete(0);
  Submit("resize");
  CHECK(accepted_[3].ok());
}

TEST_CASE_METHOD(EndsFixture, "a slow function with a backlog does not delay another's event", "[async]") {
  Deploy("slow");
  Deploy("quick");
  for (int events = 0; events < 20; ++events) Submit("slow");
  REQUIRE(launcher_.running().size() == 8);  // all of the node's memory
  const RequestId first = Submit("quick"), second = Submit("quick");
  executor_.Advance(milliseconds(99));
  Complete(0);
  CHECK(StateOf(first) == AsyncState::kQueued);
  executor_.Advance(milliseconds(1));
  Complete(0);
  AdvanceAndStart(seconds(1));
  CHECK(StateOf(first) == AsyncState::kRunning);
  executor_.Advance(milliseconds(100));
  Complete(0);
  AdvanceAndStart(seconds(1));
  CHECK(StateOf(second) == AsyncState::kRunning);
}

TEST_CASE_METHOD(EndsFixture, "of one function no more than so many are under way", "[async]") {
  FunctionSettings small;
  small.memory = 16_MiB;
  Deploy("resize", small);
  node_memory_ = 2_GiB;  // room for twice as many
  PoolLimits limits;
  limits.workers_max = 100;
  MakeRouter({}, limits);
  for (size_t events = 0; events < AsyncEvents::kInFlightMax + 10; ++events) Submit("resize");
  CHECK(launcher_.running().size() == AsyncEvents::kInFlightMax);
}

TEST_CASE_METHOD(EndsFixture, "a result at the limit is kept, one past it is not", "[async]") {
  Deploy("resize");
  const RequestId kept = Submit("resize");
  Complete(0, std::string(InvocationBook::kResultKeptMax, 'x'));
  CHECK(book_->Find(kept)->result_kept);
  const RequestId over = Submit("resize");
  Complete(0, std::string(InvocationBook::kResultKeptMax + 1, 'x'));
  CHECK_FALSE(book_->Find(over)->result_kept);
  CHECK(book_->Find(over)->result_bytes == InvocationBook::kResultKeptMax + 1);
}

// A bug once: an event whose lease ran out while the daemon started ran before it was known who is to hear of its end.
TEST_CASE_METHOD(EndsFixture, "nothing is taken up before the start", "[async]") {
  Deploy("resize");
  MakeEvents();
  router_->SetAsyncEvents(&*async_);
  const RequestId id = RequestId::Make(random_);
  Store(id);
  AdvanceAndStart(seconds(5));
  CHECK(launcher_.running().empty());
  async_->Start([](const Status&) {});
  executor_.RunPosted();
  StartWorkers();
  CHECK(launcher_.running().size() == 1);
}

TEST_CASE_METHOD(EndsFixture, "a stored event twice in its queue runs once", "[async]") {
  Deploy("resize");
  const RequestId id = Submit("resize");
  Store(id);
  StartWorkers();
  CHECK(launcher_.running().size() == 1);
  Complete(0);
  AdvanceAndStart(seconds(60));
  CHECK(ledger_.size() == 1);
}

}  // namespace
}  // namespace hearth
