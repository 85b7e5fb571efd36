#include <sys/stat.h>

#include <cstdlib>
#include <map>
#include <random>

#include <catch2/catch.hpp>

#include "tests/unit/runtime/store/queue_fixture.h"
#include "tests/unit/runtime/store/queue_model.h"
#include "tests/unit/runtime/store/store_drivers.h"

// Goal: each driver answers as a simple model does, whatever is asked of standard and FIFO queues, over
// restarts. One sequence of calls a seed: HEARTH_SEED=n runs that one only; HEARTH_LONG=1 runs 10,000.

namespace hearth {
namespace {

constexpr int kStepsPerSequence = 60;
const std::vector<std::string> kQueues = {"dead", "orders", "dead.fifo", "orders.fifo"};

// What a side has said so far, so that the same message and the same lease have the same name on both.
template <class Caller>
struct Side {
  Caller caller;
  std::vector<std::string> handles;
  std::map<std::string, size_t> ids;

  std::string NameOf(const std::string& id) {
    return std::to_string(ids.try_emplace(id, ids.size()).first->second);
  }
  std::string IdNamed(size_t name) const {
    for (const auto& [id, number] : ids) {
      if (number == name) return id;
    }
    return "none";
  }
  std::string Handle(size_t back) const {
    return handles.empty() ? "none"
                           : handles[handles.size() - 1 - back % std::min<size_t>(handles.size(), 12)];
  }
  std::string Text(const Status& status) {
    return std::string(status.ok() ? "ok" : hearth::NameOf(status.error().code));
  }
  std::string Text(const Result<std::vector<SentMessage>>& sent) {
    if (!sent.ok()) return std::string(hearth::NameOf(sent.error().code));
    std::string text;
    for (const SentMessage& one : *sent) text += NameOf(one.message_id) + " ";
    return text;
  }
  std::string Text(const Result<std::vector<QueueMessage>>& messages) {
    if (!messages.ok()) return std::string(hearth::NameOf(messages.error().code));
    std::string text;
    for (const QueueMessage& m : *messages) {
      const auto first = std::chrono::duration_cast<milliseconds>(m.first_received - m.sent);
      text += NameOf(m.message_id) + ":" + m.body.substr(0, 8) + "/" + m.group_id + "#" +
              std::to_string(m.receive_count) + "<" + m.dead_letter_source + "@" +
              (m.receive_count > 0 ? std::to_string(first.count()) : "-") + " ";
    }
    return text;
  }
  std::string Text(const QueueStatistics& s) {
    return std::to_string(s.visible) + "/" + std::to_string(s.in_flight) + "/" + std::to_string(s.delayed) +
           "/" + std::to_string(s.oldest_age.count()) + " ";
  }
  std::string Receive(const std::string& queue, const ReceiveRequest& request) {
    const auto received = caller.TryReceive(queue, request);
    if (received.ok()) {
      for (const QueueMessage& message : *received) handles.push_back(message.receipt_handle);
    }
    return Text(received);
  }
  std::string All() {
    std::string text;
    for (const std::string& queue : kQueues) text += Text(caller.Statistics(queue));
    return text;
  }
};

// A driver as the model is spoken to.
class DriverCaller : public QueueCaller {
 public:
  void Advance(milliseconds by) { executor.Advance(by); }
  std::optional<uint64_t> MoveAll(const std::string& queue, const std::string& destination) {
    if (!StartMove(queue, destination).ok()) return std::nullopt;
    return AwaitMove(queue).moved;
  }
  TestExecutor executor;
};

QueueSettings SettingsOf(const std::string& queue, uint64_t variation) {
  QueueSettings settings{.visibility_timeout = seconds(1 + variation % 6),
                         .retention = seconds(queue.starts_with("dead") ? 60 : 120)};
  if (queue.ends_with(".fifo")) {
    settings.kind = QueueKind::kFifo;
    settings.content_based_deduplication = variation % 2 == 0;
    settings.delay = seconds(variation % 3);
    if (variation % 5 == 0) settings.deduplication_scope = DeduplicationScope::kMessageGroup;
  }
  if (queue.starts_with("orders")) {
    settings.receives_max = 1 + variation % 3;
    settings.dead_letter_queue = queue == "orders" ? "dead" : "dead.fifo";
  }
  return settings;
}

NewMessage RandomMessage(std::mt19937_64& random, const std::string& queue, int number) {
  NewMessage message{.body = std::to_string(number) + "-"};
  if (random() % 30 == 0) message.body.append(kInlineBodyBytesMax + 1, 'x');
  if (random() % 6 == 0) message.idempotency_key = "key" + std::to_string(random() % 3);
  if (!queue.ends_with(".fifo")) {
    if (random() % 3 == 0) message.delay = seconds(random() % 20);
    return message;
  }
  message.group_id = "g" + std::to_string(random() % 4);
  // Sometimes none, which a queue without content-based deduplication refuses.
  if (random() % 8 > 0) message.deduplication_id = "d" + std::to_string(random() % 2 ? number : random() % 4);
  return message;
}

// Runs one random call on a side; the same random numbers give the same call.
template <class Caller>
std::string Step(Side<Caller>& side, uint64_t seed, int number) {
  std::mt19937_64 random(seed);
  const std::string queue = kQueues[random() % 4];
  switch (random() % 20) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4: {
      std::vector<NewMessage> messages;
      for (uint64_t i = 0, count = 1 + random() % 4; i < count; ++i) {
        messages.push_back(RandomMessage(random, queue, number * 10 + static_cast<int>(i)));
      }
      return side.Text(side.caller.TrySend(queue, messages));
    }
    case 5:
    case 6:
    case 7:
    case 8:
    case 9: {
      ReceiveRequest request{.count = static_cast<uint32_t>(random() % 5),
                             .visibility = seconds(static_cast<int64_t>(random() % 12) - 1)};
      if (random() % 4 == 0) request.lease_total_max = seconds(random() % 15);
      if (random() % 4 == 0 && (queue.ends_with(".fifo") || random() % 4 == 0)) {
        request.attempt_id = "a" + std::to_string(random() % 2);
      }
      return side.Receive(queue, request);
    }
    case 10:
    case 11:
    case 12:
      return side.Text(side.caller.Delete(queue, side.Handle(random() % 12)));
    case 13: {
      const size_t back = random() % 12;
      return side.Text(side.caller.Return(queue, side.Handle(back)));
    }
    case 14: {
      const size_t back = random() % 12;
      return side.Text(side.caller.ChangeVisibility(queue, side.Handle(back), seconds(random() % 10)));
    }
    case 15: {
      const std::string text = side.Text(Result<std::vector<QueueMessage>>(side.caller.Peek(queue, 5)));
      const size_t some = side.ids.size();
      if (some == 0) return text;
      return text + std::to_string(side.caller.Discard(
                        queue, {side.IdNamed(random() % some), side.IdNamed(random() % some), "none"}));
    }
    case 16: {
      if (random() % 3 == 0) return side.Text(side.caller.Purge(queue));
      const auto moved = side.caller.MoveAll(queue, random() % 3 == 0 ? kQueues[random() % 4] : "");
      return moved ? std::to_string(*moved) : "refused";
    }
    case 17:
      return side.Text(side.caller.Configure(queue, SettingsOf(queue, random() % 30))) + side.All();
    default:
      side.caller.Advance(milliseconds(random() % 8 == 0 ? 70'000 : random() % 5'000));
      return side.All();
  }
}

template <class Driver>
void RunSequence(uint64_t seed) {
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  TemporaryFolder folder("/dev/shm");  // nothing here is about the disk
  Side<QueueModel> model;
  Side<DriverCaller> real;
  std::unique_ptr<QueueStore> store = Driver::OpenQueues(folder.path(), real.caller.executor);
  real.caller.Use(*store, real.caller.executor);
  for (const std::string& queue : kQueues) {
    const QueueSettings settings = SettingsOf(queue, random() % 30);
    model.caller.Create(queue, settings);
    real.caller.Create(queue, settings);
  }
  for (int number = 0; number < kStepsPerSequence; ++number) {
    if (Driver::kDurable && random() % 40 == 0) {
      store.reset();
      store = Driver::OpenQueues(folder.path(), real.caller.executor);
      real.caller.Use(*store, real.caller.executor);
    }
    const uint64_t step = random();
    const std::string expected = Step(model, step, number);
    const std::string got = Step(real, step, number);
    if (got == expected) continue;  // a CHECK for each of a million steps would be most of the time
    CAPTURE(number);
    REQUIRE(got == expected);
  }
}

template <class Driver>
void RunSequences(int by_default) {
  if (const char* const seed = std::getenv("HEARTH_SEED")) return RunSequence<Driver>(std::stoull(seed));
  const bool all = std::getenv("HEARTH_LONG") != nullptr;
  const uint64_t first = all ? std::random_device()() : 1;
  const uint64_t count = all ? 10'000 : by_default;
  WARN("seeds " << first << " to " << first + count - 1);
  for (uint64_t seed = first; seed < first + count; ++seed) RunSequence<Driver>(seed);
  CHECK(count > 0);
}

}  // namespace

TEST_CASE("random calls, the memory driver against the model", "[store][queue][model]") {
  RunSequences<MemoryDriver>(300);
}

TEST_CASE("random calls, the SQLite driver against the model", "[store][queue][model]") {
  RunSequences<SqliteDriver>(150);
}

}  // namespace hearth
