#include "runtime/router/router.h"

#include <catch2/catch.hpp>

#include "tests/unit/runtime/router/router_fixture.h"

namespace hearth {
namespace {

using std::chrono::milliseconds;

TEST_CASE_METHOD(RouterFixture, "an event runs on a cold worker, the next one on the same warm one",
                 "[router]") {
  Deploy("resize");
  const auto first = Fire("resize");
  CHECK_FALSE(Settled(first));
  StartWorkers();
  executor_.Advance(milliseconds(5));
  Complete(0, "small");
  REQUIRE(Settled(first));
  CHECK(OutcomeOf(first).payload == "small");
  CHECK(OutcomeOf(first).usage.cold);
  CHECK(OutcomeOf(first).billed_ms == 5);

  const auto second = Fire("resize");
  CHECK(launcher_.starts_waiting() == 0);
  Complete(0);
  CHECK_FALSE(OutcomeOf(second).usage.cold);
}

TEST_CASE_METHOD(RouterFixture, "the record is in the ledger before the trigger is told", "[router][meter]") {
  Deploy("resize");
  uint64_t records_when_told = 0;
  router_->Deliver(EventFor("resize"), [&](Result<Outcome>) { records_when_told = ledger_.size(); });
  StartWorkers();
  Complete(0);
  CHECK(records_when_told == 1);
}

TEST_CASE_METHOD(RouterFixture, "an event gets the memory of one before, and nothing else of it",
                 "[router]") {
  Deploy("resize");
  Event first = EventFor("resize", std::string(16'384, 'x'));
  first.client_context = "a secret of somebody's that is longer than a short string";
  first.trace_id = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1";
  first.tracestate = "vendor=what only it should know of";
  first.attempt = 7;
  first.log_tail = LogTail::kTail;
  first.object = std::make_shared<EventObject>();
  const std::weak_ptr<EventObject> object = first.object;
  router_->Deliver(std::move(first), [](const Result<Outcome>&) {});
  StartWorkers();
  Complete(0);
  CHECK(object.expired());

  Event second = EventFor("resize", std::string(16'385, 'y'));
  router_->Deliver(std::move(second), [](const Result<Outcome>&) {});
  CHECK(
      second.payload.empty());  // NOLINT(bugprone-use-after-move): what comes back is the first one's memory
  CHECK(second.payload.capacity() >= 16'384);
  CHECK(second.request_id.empty());
  CHECK(second.client_context.empty());
  CHECK(second.trace_id.empty());
  CHECK(second.tracestate.empty());
  CHECK(second.content_type == "application/json");
  CHECK(second.attempt == 1);
  CHECK(second.log_tail == LogTail::kNone);
  Complete(0);

  // Of large payloads none is kept.
  Event third = EventFor("resize");
  router_->Deliver(std::move(third), [](const Result<Outcome>&) {});
  CHECK(third.payload.capacity() < 16'384);  // NOLINT(bugprone-use-after-move)
  Complete(0);
}

TEST_CASE_METHOD(RouterFixture, "an unknown function runs nothing and records nothing", "[router]") {
  const auto id = Fire("nobody");
  REQUIRE(Settled(id));
  CHECK(ErrorOf(id).code == ErrorCode::kNotFound);
  CHECK(ErrorOf(id).message.find("function:nobody") != std::string::npos);
  CHECK(ledger_.size() == 0);
}

TEST_CASE_METHOD(RouterFixture, "a payload at the limit runs, one byte past it is refused with both sizes",
                 "[router]") {
  Router::Limits limits;
  limits.payload_max = Bytes{100};
  MakeRouter(limits);
  Deploy("resize");
  const auto at = Fire("resize", std::string(100, 'x'));
  StartWorkers();
  Complete(0);
  CHECK(OutcomeOf(at).ok());
  const auto past = Fire("resize", std::string(101, 'x'));
  CHECK(ErrorOf(past).code == ErrorCode::kTooLarge);
  CHECK(ErrorOf(past).message.find("101") != std::string::npos);
  CHECK(ErrorOf(past).message.find("100") != std::string::npos);
}

TEST_CASE_METHOD(RouterFixture, "one event past the account's concurrency is throttled with Lambda's reason",
                 "[router]") {
  Router::Limits limits;
  limits.concurrency_max = 2;
  MakeRouter(limits);
  Deploy("resize");
  Fire("resize");
  Fire("resize");
  const auto third = Fire("resize");
  REQUIRE(Settled(third));
  CHECK(ErrorOf(third).code == ErrorCode::kThrottled);
  CHECK(observer_.throttles == std::vector<std::string>{"ConcurrentInvocationLimitExceeded"});
}

// Goal: what was received for a slot is never thrown back because others came in between.
TEST_CASE_METHOD(RouterFixture, "a reserved slot has its place in the account's concurrency, waiting or lent",
                 "[router][concurrency]") {
  Router::Limits limits;
  limits.concurrency_max = 1;
  MakeRouter(limits);
  Deploy("resize");
  std::unique_ptr<EventSink::Slot> slot;
  auto wait = router_->ReserveSlot(
      "resize", "", [&](Result<std::unique_ptr<EventSink::Slot>> got) { slot = std::move(got).value(); });
  CHECK(ErrorOf(Fire("resize")).code == ErrorCode::kThrottled);
  std::optional<ErrorCode> second;
  (void)router_->ReserveSlot("resize", "", [&](auto reserved) { second = reserved.error().code; });
  StartWorkers();
  CHECK(second == ErrorCode::kThrottled);
  REQUIRE(slot);
  wait.reset();
  CHECK(ErrorOf(Fire("resize")).code == ErrorCode::kThrottled);
  std::optional<Outcome> outcome;
  router_->DeliverOn(std::move(slot), EventFor("resize"),
                     [&](Result<Outcome> o) { outcome = std::move(o).value(); });
  Complete(0, "done");
  REQUIRE(outcome);
  CHECK(outcome->payload == "done");
  const std::string next = Fire("resize");  // the place is free again
  Complete(0);
  CHECK(OutcomeOf(next).ok());
}

TEST_CASE_METHOD(RouterFixture, "nothing runs while the ledger takes no records", "[router][meter]") {
  Deploy("resize");
  ledger_.SetWritable(false);
  const auto id = Fire("resize");
  CHECK(ErrorOf(id).code == ErrorCode::kUnavailable);
  CHECK(launcher_.starts_waiting() == 0);
}

TEST_CASE_METHOD(RouterFixture, "a run that cannot be recorded is not told as a success", "[router][meter]") {
  Deploy("resize");
  const auto id = Fire("resize");
  StartWorkers();
  ledger_.BecomeFull();
  Complete(0);
  CHECK(ErrorOf(id).code == ErrorCode::kUnavailable);
  CHECK(observer_.settled.empty());
}

TEST_CASE_METHOD(RouterFixture, "an event is open in the meter while it runs, with what is known of it",
                 "[router][meter]") {
  UseSlots(1);
  Deploy("resize");
  const auto id = Fire("resize", "{...}");
  CHECK(OpenAttempts().empty());  // it waits: nothing has run
  StartWorkers();
  REQUIRE(OpenAttempts().size() == 1);
  const InvocationRecord open = OpenAttempts()[0];
  CHECK(open.request_id == id);
  CHECK(open.function == "resize");
  CHECK(open.outcome == OutcomeKind::kInterrupted);
  CHECK_FALSE(open.billable);
  CHECK(open.memory_mib == 128);
  CHECK(open.bytes_in == 5);
  Complete(0);
  CHECK(OpenAttempts().empty());
  CHECK(ledger_.size() == 1);
}

TEST_CASE_METHOD(RouterFixture, "a worker gone before it got the event: open again with the next one",
                 "[router][meter]") {
  UseSlots(1);
  Deploy("resize");
  Fire("resize");
  StartWorkers();
  launcher_.VanishBeforeDelivery(launcher_.running().at(0));
  executor_.RunPosted();
  CHECK(OpenAttempts().empty());
  StartWorkers();
  CHECK(OpenAttempts().size() == 1);
  Complete(0);
  CHECK(OpenAttempts().empty());
}

TEST_CASE_METHOD(RouterFixture, "no open slot: the event is refused, nothing runs", "[router][meter]") {
  UseSlots(1);
  Deploy("resize");
  Fire("resize");
  StartWorkers();
  const auto second = Fire("resize");
  StartWorkers();
  REQUIRE(Settled(second));
  CHECK(ErrorOf(second).code == ErrorCode::kUnavailable);
  CHECK(launcher_.running().size() == 1);
}

// Goal: the wall clock decides the period by what it was when the attempt began, and nothing else.
TEST_CASE_METHOD(RouterFixture, "wall clock steps while an event runs: neither duration nor period moves",
                 "[router][meter]") {
  const WallTime began{std::chrono::sys_days(std::chrono::year(2026) / 12 / 1) - milliseconds(1)};
  const auto step = GENERATE(std::chrono::hours(-720), std::chrono::hours(-1), std::chrono::hours(1),
                             std::chrono::hours(26), std::chrono::hours(24 * 400));
  executor_.manual_clock().SetWall(began);
  Deploy("resize");
  const auto id = Fire("resize");
  StartWorkers();
  executor_.Advance(milliseconds(40));  // over the border of the month
  executor_.manual_clock().SetWall(began + step);
  executor_.Advance(milliseconds(3));
  Complete(0);
  REQUIRE(observer_.settled.size() == 1);
  const InvocationRecord& record = observer_.settled[0];
  CHECK(record.started == began);
  CHECK(record.duration_ns == 43'000'000);
  CHECK(record.billed_ms == 43);
  CHECK(OutcomeOf(id).usage.duration == milliseconds(43));
  const auto hours = meter_->View().RowsBookedIn(UtcHour::min(), UtcHour::max());
  REQUIRE(hours.size() == 1);
  CHECK(hours[0].key.hour == HourOf(began));
}

TEST_CASE_METHOD(RouterFixture, "time in the queue is told and not billed", "[router][meter]") {
  Deploy("resize");
  Fire("resize");
  executor_.Advance(milliseconds(250));
  StartWorkers();
  executor_.Advance(milliseconds(5));
  Complete(0);
  REQUIRE(observer_.settled.size() == 1);
  CHECK(observer_.settled[0].queued_ns >= 250'000'000);
  CHECK(observer_.settled[0].duration_ns == 5'000'000);
  CHECK(observer_.settled[0].billed_ms == 5);
}

TEST_CASE_METHOD(RouterFixture, "sync before reply: the trigger is told after the ledger was synced",
                 "[router][meter]") {
  Router::Limits limits;
  limits.sync_before_reply = true;
  MakeRouter(limits);
  Deploy("resize");
  ledger_.HoldSyncs();
  const auto id = Fire("resize");
  StartWorkers();
  Complete(0, "small");
  CHECK(ledger_.size() == 1);
  CHECK_FALSE(Settled(id));
  CHECK(launcher_.running().empty());
  const auto next = Fire("resize");  // the worker is free meanwhile
  CHECK(launcher_.starts_waiting() == 0);
  ledger_.FinishSyncs(Ok());
  REQUIRE(Settled(id));
  CHECK(OutcomeOf(id).payload == "small");
  CHECK_FALSE(Settled(next));
  Complete(0);
  ledger_.FinishSyncs(Error{ErrorCode::kIo, "the disk is gone"});
  CHECK(ErrorOf(next).message.find("may not survive power loss: the disk is gone") != std::string::npos);
}

TEST_CASE_METHOD(RouterFixture, "a worker that dies mid-invocation is billed for the time it ran, once",
                 "[router][meter]") {
  Deploy("resize");
  const auto id = Fire("resize");
  StartWorkers();
  executor_.Advance(milliseconds(700));
  launcher_.FailOnWorker(launcher_.running().at(0), OutcomeKind::kCrash, "Runtime.ExitError");
  executor_.RunPosted();
  CHECK(OutcomeOf(id).kind == OutcomeKind::kCrash);
  CHECK(OutcomeOf(id).billed_ms == 700);
  CHECK(ledger_.size() == 1);
  CHECK(launcher_.workers_alive() == 0);
}

TEST_CASE_METHOD(RouterFixture, "a lent worker that died before its event began costs the event nothing",
                 "[router]") {
  Deploy("resize");
  std::unique_ptr<EventSink::Slot> slot;
  const auto wait = router_->ReserveSlot(
      "resize", "", [&](Result<std::unique_ptr<EventSink::Slot>> got) { slot = std::move(got).value(); });
  StartWorkers();
  REQUIRE(slot);
  launcher_.KillIdle(WorkerId(1));
  std::optional<Outcome> outcome;
  router_->DeliverOn(std::move(slot), EventFor("resize"),
                     [&](Result<Outcome> o) { outcome = std::move(o).value(); });
  executor_.RunPosted();
  StartWorkers();
  Complete(0, "from another");
  REQUIRE(outcome);
  CHECK(outcome->payload == "from another");
  CHECK(ledger_.size() == 1);
}

TEST_CASE_METHOD(RouterFixture, "a worker gone before it got the event: another takes it, one record",
                 "[router][meter]") {
  Deploy("resize");
  const auto id = Fire("resize");
  StartWorkers();
  launcher_.VanishBeforeDelivery(launcher_.running().at(0));
  executor_.RunPosted();
  CHECK_FALSE(Settled(id));
  StartWorkers();
  Complete(0, "from another");
  CHECK(OutcomeOf(id).payload == "from another");
  CHECK(ledger_.size() == 1);
}

// Found by the simulation: the pool of before closed with its last worker, and its refusal was told to nobody.
TEST_CASE_METHOD(RouterFixture,
                 "a worker gone before it got the event, of a version replaced since: the new one takes it",
                 "[router]") {
  Deploy("resize");
  const std::string id = Fire("resize");
  StartWorkers();
  REQUIRE(launcher_.running().size() == 1);
  registry_->UpdateSettings(
      "resize",
      [](FunctionSettings& settings) {
        settings.memory = 256_MiB;
        return Ok();
      },
      {}, [](const Result<FunctionVersionPtr>& updated) { CHECK(updated.ok()); });
  executor_.RunPosted();
  StartWorkers();
  launcher_.LetOnePrepare();  // warm, then switched in
  executor_.RunPosted();
  launcher_.VanishBeforeDelivery(launcher_.running()[0]);
  executor_.RunPosted();
  StartWorkers();
  REQUIRE(launcher_.running().size() == 1);
  Complete(0);
  REQUIRE(Settled(id));
  CHECK(OutcomeOf(id).ok());
  REQUIRE(observer_.settled.size() == 1);
  CHECK(observer_.settled[0].memory_mib == 256);
  CHECK(pools_->pools().size() == 1);
}

TEST_CASE_METHOD(RouterFixture,
                 "a worker gone before it got the event, of a function deleted since: it is told so",
                 "[router]") {
  Deploy("resize");
  const std::string id = Fire("resize");
  StartWorkers();
  registry_->Delete("resize", "", [](const Status& deleted) { CHECK(deleted.ok()); });
  executor_.RunPosted();
  launcher_.VanishBeforeDelivery(launcher_.running()[0]);
  executor_.RunPosted();
  REQUIRE(Settled(id));
  CHECK(ErrorOf(id).code == ErrorCode::kNotFound);
  CHECK(pools_->pools().empty());
}

TEST_CASE_METHOD(RouterFixture,
                 "worker after worker dies before it has read the event: the last is its crash", "[router]") {
  Deploy("resize");
  const auto id = Fire("resize");
  for (size_t n = 0; n <= Router::kUndeliveredMax; ++n) {
    CHECK_FALSE(Settled(id));
    StartWorkers();
    REQUIRE(launcher_.running().size() == 1);
    launcher_.VanishBeforeDelivery(launcher_.running().at(0));
    executor_.RunPosted();
  }
  CHECK(OutcomeOf(id).kind == OutcomeKind::kCrash);
  CHECK(ledger_.size() == 1);
}

TEST_CASE_METHOD(RouterFixture, "a slot that is dropped gives its worker back", "[router]") {
  Deploy("resize");
  std::unique_ptr<EventSink::Slot> slot;
  const auto wait = router_->ReserveSlot(
      "resize", "", [&](Result<std::unique_ptr<EventSink::Slot>> got) { slot = std::move(got).value(); });
  StartWorkers();
  slot.reset();
  executor_.RunPosted();
  Fire("resize");
  CHECK(launcher_.running() == std::vector<WorkerId>{WorkerId(1)});
}

TEST_CASE_METHOD(RouterFixture, "draining: no new events, it is told when the last one is settled",
                 "[router]") {
  Deploy("resize");
  const auto last = Fire("resize");
  StartWorkers();
  bool drained = false;
  router_->Drain([&] { drained = true; });
  executor_.RunPosted();
  CHECK_FALSE(drained);
  CHECK(ErrorOf(Fire("resize")).code == ErrorCode::kUnavailable);
  Complete(0);
  CHECK(OutcomeOf(last).ok());
  CHECK(drained);
}

TEST_CASE_METHOD(RouterFixture, "budget that is spent: new events on every way are throttled, what runs ends",
                 "[router][budget]") {
  class SpentBudget final : public BudgetGate {
   public:
    std::optional<Refusal> Check(std::string_view function) const override {
      if (function != "spender") return std::nullopt;
      return Refusal{"monthly", "the budget monthly is spent"};
    }
  } spent;
  Deploy("spender");
  Deploy("saver");
  const std::string running = Fire("spender");
  StartWorkers();
  router_->SetBudgets(&spent);

  const std::string refused = Fire("spender");
  CHECK(ErrorOf(refused).code == ErrorCode::kThrottled);
  CHECK(ErrorOf(refused).message == "BudgetExceeded: the budget monthly is spent");
  std::optional<ErrorCode> slot, submitted;
  (void)router_->ReserveSlot("spender", "", [&](auto reserved) { slot = reserved.error().code; });
  router_->Submit(EventFor("spender"), [&](const Status& status) { submitted = status.error().code; });
  executor_.RunPosted();
  CHECK(slot == ErrorCode::kThrottled);
  CHECK(submitted == ErrorCode::kThrottled);
  CHECK(observer_.throttles == std::vector<std::string>(3, "BudgetExceeded"));

  Complete(0);
  CHECK(OutcomeOf(running).ok());
  const std::string other = Fire("saver");
  StartWorkers();
  Complete(0);
  CHECK(OutcomeOf(other).ok());
}

TEST_CASE_METHOD(RouterFixture, "switched off: throttled on every way but into the store, what runs ends",
                 "[router][concurrency]") {
  Deploy("resize");
  const std::string running = Fire("resize");
  StartWorkers();
  ReserveConcurrency("resize", 0);
  const std::string refused = Fire("resize");
  CHECK(ErrorOf(refused).code == ErrorCode::kThrottled);
  CHECK(ErrorOf(refused).message ==
        "ReservedFunctionConcurrentInvocationLimitExceeded: resize is switched off, its reserved concurrency "
        "is 0; `hearth concurrency resize --reserved none` switches it on");
  std::optional<ErrorCode> slot;
  (void)router_->ReserveSlot("resize", "", [&](auto reserved) { slot = reserved.error().code; });
  std::optional<Status> stored;
  router_->Submit(EventFor("resize"), [&](const Status& status) { stored = status; });
  executor_.RunPosted();
  CHECK(slot == ErrorCode::kThrottled);
  REQUIRE(stored);
  CHECK(stored->ok());
  CHECK(observer_.throttles.front() == "ReservedFunctionConcurrentInvocationLimitExceeded");
  Complete(0);
  CHECK(OutcomeOf(running).ok());
  CHECK(launcher_.workers_alive() == 0);

  ReserveConcurrency("resize", std::nullopt);
  executor_.Advance(seconds(5));
  StartWorkers();
  CHECK(launcher_.running().empty());  // what was stored meanwhile has ended without a run
  CHECK(book_->open() == 0);
  CHECK(observer_.settled.size() == 1);
}

TEST_CASE_METHOD(RouterFixture, "reserved concurrency is there, however busy others are",
                 "[router][concurrency]") {
  Router::Limits limits;
  limits.concurrency_max = 3;
  MakeRouter(limits);
  Deploy("resize");
  Deploy("crop");
  ReserveConcurrency("resize", 1);
  Fire("crop");
  Fire("crop");
  const std::string crop = Fire("crop");
  CHECK(ErrorOf(crop).code == ErrorCode::kThrottled);
  CHECK_THAT(ErrorOf(crop).message,
             Catch::Contains("2 events are already under way") && Catch::Contains("1 of 3 are reserved"));
  const std::string resize = Fire("resize");
  CHECK_FALSE(Settled(resize));
  StartWorkers();
  CHECK(launcher_.running().size() == 3);
  MakeRouter(limits);  // as after a restart
  Fire("crop");
  Fire("crop");
  CHECK(Settled(Fire("crop")));
}

TEST_CASE_METHOD(RouterFixture, "the least number of workers is there before the first event",
                 "[router][ahead]") {
  Deploy("resize");
  registry_->UpdateScaling(
      "resize",
      [](FunctionScaling& scaling) {
        scaling.workers_min = 2;
        return Ok();
      },
      [](const Status& changed) { CHECK(changed.ok()); });
  executor_.RunPosted();
  StartWorkers();
  while (launcher_.preparing() > 0) launcher_.LetOnePrepare();
  CHECK(pools_->PoolOf(registry_->Resolve("resize", "").value()).counts().idle == 2);
  Fire("resize");
  Complete(0);
  REQUIRE(observer_.settled.size() == 1);
  CHECK_FALSE(observer_.settled[0].cold);
  CHECK(observer_.settled[0].plan == Plan::kOnDemand);
}

}  // namespace
}  // namespace hearth
