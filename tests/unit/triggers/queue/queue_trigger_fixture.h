#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "runtime/loop/manual_executor.h"
#include "runtime/store/memory_key_store.h"
#include "runtime/store/memory_queue_store.h"
#include "tests/unit/triggers/fake_event_sink.h"
#include "triggers/queue/queue_trigger.h"

namespace hearth {

using nlohmann::json;

inline constexpr const char* kMapping = "11111111-2222-4333-8444-555555555555";

// A trigger on stores with memory, and a sink that keeps what it is given; time is the test's.
struct QueueTriggerFixture {
  ManualExecutor executor;
  FakeEventSink sink{executor};
  MemoryKeyStore keys{executor};
  MemoryQueueStore queues{executor};
  SeededRandom random{7};
  NullLog log;
  std::unique_ptr<QueueTrigger> trigger;

  QueueTriggerFixture() {
    queues.SetOnVisible([this](std::string_view queue) {
      if (trigger) trigger->OnQueueVisible(queue);
    });
    MakeQueue({});
    StartTrigger();
  }

  void MakeQueue(QueueSettings settings, const std::string& name = "orders") {
    queues.Create(name, std::move(settings), [](const Status& made) { REQUIRE(made.ok()); });
    executor.RunPosted();
  }
  void StartTrigger() {
    trigger.reset();
    trigger =
        std::make_unique<QueueTrigger>(executor, sink, keys, queues, random, log, QueueTrigger::Options{});
    trigger->Start([](const Status& started) { REQUIRE(started.ok()); });
    executor.RunPosted();
  }
  Result<Trigger::Document> Put(const json& document, const std::string& name = kMapping) {
    std::optional<Result<Trigger::Document>> answer;
    trigger->Put(name, document.dump(), [&](Result<Trigger::Document> reply) { answer = std::move(reply); });
    executor.RunPosted();
    REQUIRE(answer);
    return *answer;
  }
  void Map(json extra = json::object()) {
    json document = {{"Queue", "orders"}, {"FunctionName", "ship"}};
    document.update(extra);
    const auto put = Put(document);
    INFO((put.ok() ? "" : put.error().message));
    REQUIRE(put.ok());
  }
  void Send(std::vector<std::string> bodies, const std::string& queue = "orders") {
    std::vector<NewMessage> messages(bodies.size());
    for (size_t i = 0; i < bodies.size(); ++i) messages[i].body = bodies[i];
    queues.Send(queue, std::move(messages),
                [](const Result<std::vector<SentMessage>>& sent) { REQUIRE(sent.ok()); });
    executor.RunPosted();
  }
  void End(Result<Outcome> outcome) {
    REQUIRE(sink.under_way() > 0);
    sink.End(std::move(outcome));
    executor.RunPosted();
  }
  QueueStatistics Left(const std::string& queue = "orders") {
    QueueStatistics left;
    queues.Statistics(queue, [&](Result<QueueStatistics> s) { left = *s; });
    executor.RunPosted();
    return left;
  }
  uint64_t MessagesLeft() {
    const QueueStatistics left = Left();
    return left.visible + left.in_flight + left.delayed;
  }
  std::vector<std::string> Bodies(size_t delivery) {
    std::vector<std::string> bodies;
    for (const json& record : Records(delivery)) bodies.push_back(record["body"]);
    return bodies;
  }
  json Records(size_t delivery) { return json::parse(sink.delivered().at(delivery).payload).at("Records"); }
  json StatusOf() { return json::parse(trigger->Get(kMapping)->status_json); }
  std::string Command(const std::string& verb) {
    std::string answer;
    trigger->Command(kMapping, verb, "",
                     [&](Result<std::string> r) { answer = r.ok() ? *r : r.error().message; });
    executor.RunPosted();
    return answer;
  }
};

}  // namespace hearth
