#pragma once

#include <stdlib.h>

#include <optional>

#include <catch2/catch.hpp>

#include "runtime/base/files.h"
#include "runtime/meter/record_codec.h"
#include "runtime/router/async_events.h"
#include "runtime/router/destinations.h"
#include "runtime/router/event_codec.h"
#include "runtime/router/function_destination.h"
#include "runtime/router/queue_destination.h"
#include "runtime/router/router.h"
#include "runtime/store/memory_key_store.h"
#include "runtime/store/memory_queue_store.h"
#include "tests/unit/runtime/pool/fake_launcher.h"
#include "tests/unit/runtime/router/memory_ledger.h"

namespace hearth {

class AcceptAllArtefacts final : public ArtefactChecker {
 public:
  void Unpack(std::string, std::string, Done done) override { done(Ok()); }
  void TrialLoad(const FunctionVersion&, Done done) override { done(verdict); }
  void TakeSnapshot(const std::shared_ptr<const FunctionVersion>&, OnSnapshot done) override {
    done(nanoseconds(200'000'000));
  }
  Status verdict;
};

class CountingObserver final : public InvocationObserver {
 public:
  void OnInvocationStarted(const FunctionVersion&, const Event&) override { ++started; }
  void OnInvocationSettled(const InvocationRecord& record) override { settled.push_back(record); }
  void OnThrottled(std::string_view, std::string_view reason) override { throttles.emplace_back(reason); }
  void OnReservedSpillover(const FunctionVersion&) override { ++spilled; }
  int started = 0;
  int spilled = 0;
  std::vector<InvocationRecord> settled;
  std::vector<std::string> throttles;
};

// Router, pools, registry and meter as the daemon joins them, over a launcher, stores and a ledger with
// memory.
class RouterFixture {
 protected:
  explicit RouterFixture(uint64_t seed = 1) : random_(seed) {
    char scratch[] = "/tmp/hearth-router-XXXXXX";
    folder_ = ::mkdtemp(scratch);
    code_.emplace(folder_, executor_);
    registry_.emplace(FunctionRegistry::Options{}, keys_, *code_, checker_, executor_.clock(), random_);
    meter_ = std::move(Meter::Open(ledger_)->meter);
    meter_->AddObserver(observer_);
    MakeRouter({});
  }
  ~RouterFixture() {
    async_.reset();
    router_.reset();
    pools_.reset();
    code_.reset();
    for (const char* of_ours : {"", ".slots", ".copy"}) (void)RemoveTree(folder_ + of_ours);
  }

  void MakeRouter(Router::Limits limits, PoolLimits pool_limits = {}) {
    async_.reset();
    router_.reset();
    PoolSet::Options options;
    options.memory_total = node_memory_;
    options.limits = pool_limits;
    pools_.emplace(options, launcher_, executor_);
    router_.emplace(limits, *registry_, *pools_, *meter_, observer_, executor_);
    registry_->SetObserver(&*router_);
    MakeEvents();
    router_->SetAsyncEvents(&*async_);
    queues_.SetOnVisible([this](std::string_view queue) {
      if (async_) async_->OnQueueVisible(queue);
    });
    async_->Start([](const Status& started) { CHECK(started.ok()); });
    executor_.RunPosted();
  }

  void MakeEvents() {
    async_.reset();
    configs_.emplace(keys_);
    configs_->Load([](const Status&) {});
    book_.emplace(book_options_, invocations_, executor_, log_);
    book_->Load([](const Status&) {});
    executor_.RunPosted();
    queue_destination_.emplace(QueueDestination::Options{}, user_queues_, executor_);
    function_destination_.emplace(*registry_, *router_, random_, executor_);
    destinations_.Add("sqs", *queue_destination_);
    destinations_.Add("lambda", *function_destination_);
    async_.emplace(AsyncEvents::Options{},
                   AsyncEvents::Parts{queues_, *router_, *meter_, *registry_, *configs_, *book_,
                                      destinations_, random_, log_, executor_});
  }

  // From here on with this many open slots.
  void UseSlots(size_t slots) {
    async_.reset();
    router_.reset();
    meter_ = std::move(Meter::Open(ledger_, {}, OpenSlots::Open(slots_path(), slots).value())->meter);
    meter_->AddObserver(observer_);
    MakeRouter({}, pool_limits_);
  }
  std::string slots_path() const { return folder_ + ".slots"; }
  // As a start would find them now.
  std::vector<InvocationRecord> OpenAttempts() const {
    const std::string copy = folder_ + ".copy";
    CHECK(WriteFileAtomically(copy, ReadFile(slots_path()).value()).ok());
    std::vector<InvocationRecord> records;
    const OpenSlots::Opened opened = OpenSlots::Open(copy, 1).value();
    for (const auto& left : opened.left) records.push_back(DecodeRecord(left.payload).value());
    return records;
  }

  // Deploys through the key store, as a restart would find it: no disk, no launcher.
  void Deploy(const std::string& name, FunctionSettings settings = {}) {
    settings.handler = "lib.so";
    FunctionVersion version;
    version.function = name;
    version.version = "$LATEST";
    version.arn = "arn:aws:lambda:us-east-1:000000000000:function:" + name;
    version.settings = settings;
    keys_.Apply({{"function/" + name + "/$LATEST", EncodeFunctionJson(version)}}, [](const Status&) {});
    registry_->Load([](const Status&) {});
    executor_.RunPosted();
  }

  // Lambda's reserved concurrency.
  void ReserveConcurrency(const std::string& function, std::optional<uint32_t> reserved) {
    registry_->UpdateScaling(
        function,
        [reserved](FunctionScaling& scaling) {
          scaling.reserved_concurrency = reserved;
          return Ok();
        },
        [](const Status& changed) { CHECK(changed.ok()); });
    executor_.RunPosted();
  }

  Event EventFor(const std::string& function, std::string payload = "{}") {
    Event event;
    event.request_id = RequestId::Make(random_);
    event.function = function;
    event.payload = std::move(payload);
    return event;
  }
  // Outcomes and errors, by request id.
  std::string Fire(const std::string& function, std::string payload = "{}") {
    Event event = EventFor(function, std::move(payload));
    const std::string id = event.request_id.text();
    router_->Deliver(std::move(event),
                     [this, id](Result<Outcome> outcome) { results_.emplace(id, std::move(outcome)); });
    executor_.RunPosted();
    return id;
  }
  void StartWorkers() {
    launcher_.LetAllStart();
    executor_.RunPosted();
  }
  void Complete(size_t nth, std::string payload = "ok") {
    launcher_.Complete(launcher_.running().at(nth), std::move(payload));
    executor_.RunPosted();
  }
  bool Settled(const std::string& id) const { return results_.count(id) != 0; }
  const Outcome& OutcomeOf(const std::string& id) const { return results_.at(id).value(); }
  const Error& ErrorOf(const std::string& id) const { return results_.at(id).error(); }

  ManualExecutor executor_;
  SeededRandom random_;
  NullLog log_;
  FakeLauncher launcher_{executor_};
  MemoryKeyStore keys_{executor_};
  MemoryQueueStore queues_{executor_, kStoredEventBytesMax};
  AcceptAllArtefacts checker_;
  MemoryLedger ledger_;
  CountingObserver observer_;
  std::string folder_;
  std::optional<CodeFolders> code_;
  std::optional<FunctionRegistry> registry_;
  std::unique_ptr<Meter> meter_;
  std::optional<PoolSet> pools_;
  std::optional<Router> router_;
  // Of asynchronous events: what is known of them, what users' queues hold, and who hears of their end.
  MemoryKeyStore invocations_{executor_};
  MemoryQueueStore user_queues_{executor_};
  Bytes node_memory_ = 1_GiB;
  PoolLimits pool_limits_;  // of those that UseSlots() makes
  InvocationBook::Options book_options_;
  std::optional<EventInvokeConfigs> configs_;
  std::optional<InvocationBook> book_;
  std::optional<QueueDestination> queue_destination_;
  std::optional<FunctionDestination> function_destination_;
  Destinations destinations_{executor_};
  std::optional<AsyncEvents> async_;
  std::map<std::string, Result<Outcome>> results_;
};

}  // namespace hearth
