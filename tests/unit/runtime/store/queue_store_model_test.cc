#include <map>
#include <random>

#include <catch2/catch.hpp>

#include "tests/unit/runtime/store/queue_fixture.h"
#include "tests/unit/runtime/store/store_drivers.h"

// Goal: the SQLite driver answers as the memory driver does, whatever is asked, over restarts.

namespace hearth {
namespace {

struct Side {
  TestExecutor executor;
  std::unique_ptr<QueueStore> store;
  QueueCaller caller;
  std::vector<std::string>
      handles;  // of every receive, in order: the same lease has the same place on both sides
};

std::string Describe(const Result<std::vector<QueueMessage>>& result) {
  if (!result.ok()) return std::string(NameOf(result.error().code));
  std::string text;
  for (const auto& m : result.value()) {
    text += m.body.substr(0, 8) + "#" + std::to_string(m.receive_count) + "<" + m.dead_letter_source + "@" +
            std::to_string(m.first_received.time_since_epoch().count() - m.sent.time_since_epoch().count()) +
            " ";
  }
  return text;
}

std::string Describe(const Status& status) {
  return std::string(status.ok() ? "ok" : NameOf(status.error().code));
}

std::string Describe(const QueueStatistics& s) {
  return std::to_string(s.visible) + "/" + std::to_string(s.in_flight) + "/" + std::to_string(s.delayed) +
         "/" + std::to_string(s.oldest_age.count());
}

// One step, the same on both sides, described by what it answers.
using Step = std::function<std::string(Side&)>;

Step RandomStep(std::mt19937_64& random, int number) {
  const std::string queue = random() % 3 == 0 ? "dead" : "orders";
  const size_t pick = random();
  const auto handle = [pick](Side& side) {
    return side.handles.empty()
               ? std::string("none")
               : side.handles[side.handles.size() - 1 - pick % std::min<size_t>(side.handles.size(), 12)];
  };
  switch (random() % 16) {
    case 0:
    case 1:
    case 2:
    case 3: {
      NewMessage message{.body = std::to_string(number) + "-"};
      if (random() % 12 == 0) message.body.append(kInlineBodyBytesMax + 1, 'x');
      if (random() % 3 == 0) message.delay = seconds(random() % 20);
      if (random() % 4 == 0) message.idempotency_key = "key" + std::to_string(random() % 3);
      return [=](Side& side) {
        return Describe(Status(side.caller.TrySend(queue, {message}).ok() ? Ok() : Status(Error{})));
      };
    }
    case 4:
    case 5:
    case 6:
    case 7: {
      const auto count = static_cast<uint32_t>(random() % 4);
      const seconds visibility(static_cast<int64_t>(random() % 12) - 1);
      return [=](Side& side) {
        auto received = side.caller.TryReceive(queue, count, visibility);
        if (received.ok()) {
          for (const auto& message : received.value()) side.handles.push_back(message.receipt_handle);
        }
        return Describe(received);
      };
    }
    case 8:
    case 9:
      return [=](Side& side) { return Describe(side.caller.Delete(queue, handle(side))); };
    case 10:
      return [=](Side& side) { return Describe(side.caller.Return(queue, handle(side))); };
    case 11: {
      const seconds visibility(random() % 10);
      return
          [=](Side& side) { return Describe(side.caller.ChangeVisibility(queue, handle(side), visibility)); };
    }
    case 12:
      return [=](Side& side) {
        return Describe(side.caller.Peek(queue, 5)) + Describe(side.caller.Statistics(queue));
      };
    case 13:
      if (random() % 6 == 0) return [=](Side& side) { return Describe(side.caller.Purge(queue)); };
      [[fallthrough]];
    default: {
      const milliseconds by(random() % 8 == 0 ? 70'000 : random() % 5'000);
      return [=](Side& side) {
        side.executor.Advance(by);
        return Describe(side.caller.Statistics(queue));
      };
    }
  }
}

void CreateQueues(Side& side) {
  side.caller.Create("dead", {.retention = 60s});
  side.caller.Create(
      "orders",
      {.visibility_timeout = 5s, .retention = 120s, .receives_max = 3, .dead_letter_queue = "dead"});
}

}  // namespace

TEST_CASE("random calls, SQLite against memory", "[store][queue]") {
  const uint64_t seed = GENERATE(1u, 2u, 3u, 4u);
  std::mt19937_64 random(seed);
  TemporaryFolder folder;
  Side model, real;
  model.store = MemoryDriver::OpenQueues("", model.executor);
  real.store = SqliteDriver::OpenQueues(folder.path(), real.executor);
  for (Side* side : {&model, &real}) {
    side->caller.Use(*side->store, side->executor);
    CreateQueues(*side);
  }
  for (int number = 0; number < 250; ++number) {
    CAPTURE(seed, number);
    if (random() % 50 == 0) {
      real.store.reset();
      real.store = SqliteDriver::OpenQueues(folder.path(), real.executor);
      real.caller.Use(*real.store, real.executor);
    }
    const Step step = RandomStep(random, number);
    const std::string expected = step(model);
    REQUIRE(step(real) == expected);
  }
}

}  // namespace hearth
