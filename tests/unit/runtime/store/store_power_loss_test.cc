#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>
#include <random>
#include <set>

#include <catch2/catch.hpp>

#include "tests/unit/runtime/store/power_loss_disk.h"
#include "tests/unit/runtime/store/power_loss_vfs.h"
#include "tests/unit/runtime/store/queue_fixture.h"
#include "tests/unit/runtime/store/store_drivers.h"

// Goal: when the power goes at any write of the database's, in the midst of a commit or a checkpoint, and
// takes any part of what was not synced: each acknowledged send is there, no acknowledged delete returns, each
// group is in order, and the file opens.

namespace hearth {
namespace {

const std::string kLargeBody(kInlineBodyBytesMax + 1, 'x');

// What callers have been told. Bodies are numbers that grow.
struct Told {
  std::set<int> sent;
  std::set<int> deleting;  // asked for: may be there or not
  std::set<int> deleted;
};

// A moment at which the power could have gone.
struct Loss {
  PowerLossVfs::Contents files;
  std::unique_ptr<TemporaryFolder> bodies = std::make_unique<TemporaryFolder>();
  Told told;
};

int NumberOf(const QueueMessage& message) { return std::stoi(message.body); }

class PowerLossFixture : public QueueCaller {
 public:
  explicit PowerLossFixture(uint64_t seed) : random(seed + 1'000) {
    PowerLossDisk::Instance().Watch(folder.path());
    PowerLossVfs::Instance().Watch([this] { OnCall(); });
    SqliteQueueStore::Options options;
    options.sqlite.vfs = PowerLossVfs::kName;
    store = std::move(SqliteQueueStore::Open(folder.path() + "/queues.db", executor, options)).value();
    Use(*store, executor);
    Create("plain");
    Create("group.fifo", {.kind = QueueKind::kFifo});
    calls_until_loss = static_cast<int64_t>(seed * 7 % 40);
  }
  ~PowerLossFixture() {
    store.reset();
    PowerLossVfs::Instance().Forget();
    PowerLossDisk::Instance().Forget();
  }

  // On the writer thread, with the disk held still; `told` is guarded by told_mutex_.
  void OnCall() {
    if (calls_until_loss-- > 0) return;
    calls_until_loss = static_cast<int64_t>(20 + random() % 150);
    Loss loss;
    loss.files = PowerLossVfs::Instance().AfterPowerLoss(random);
    PowerLossDisk::Instance().Restore(loss.bodies->path());
    const std::lock_guard lock(told_mutex);
    loss.told = told;
    losses.push_back(std::move(loss));
  }

  void Burst(std::mt19937_64& choice) {
    int waiting = 0;
    for (uint64_t i = 0, count = 1 + choice() % 8; i < count; ++i) {
      ++waiting;
      if (choice() % 3 > 0) {
        SendSome(choice, waiting);
      } else {
        ReceiveAndDelete(choice() % 2 ? "plain" : "group.fifo", waiting);
      }
    }
    executor.RunUntil([&] { return waiting == 0; });
    if (choice() % 10 == 0) {
      executor.Advance(3s);  // idle: the log is cut, free pages go
      (void)TakeTold();
      (void)TakeTold();
    }
  }

  void SendSome(std::mt19937_64& choice, int& waiting) {
    std::vector<NewMessage> messages;
    std::vector<int> numbers;
    const bool fifo = choice() % 2 == 0;
    for (uint64_t i = 0, count = 1 + choice() % 5; i < count; ++i) {
      numbers.push_back(next);
      NewMessage message{.body = std::to_string(next++) + " "};
      if (choice() % 12 == 0) message.body += kLargeBody;
      if (fifo) {
        message.group_id = "g" + std::to_string(choice() % 3);
        message.deduplication_id = std::to_string(next);
      }
      messages.push_back(std::move(message));
    }
    store->Send(fifo ? "group.fifo" : "plain", messages, [this, numbers, &waiting](const auto& sent) {
      CHECK(sent.ok());
      const std::lock_guard lock(told_mutex);
      told.sent.insert(numbers.begin(), numbers.end());
      --waiting;
    });
  }

  void ReceiveAndDelete(const std::string& queue, int& waiting) {
    store->Receive(queue, {.count = 4}, [this, queue, &waiting](Result<std::vector<QueueMessage>> received) {
      std::vector<std::string> handles;
      std::vector<int> numbers;
      for (const QueueMessage& message : received.value()) {
        handles.push_back(message.receipt_handle);
        numbers.push_back(NumberOf(message));
      }
      {
        const std::lock_guard lock(told_mutex);
        told.deleting.insert(numbers.begin(), numbers.end());
      }
      store->Delete(queue, handles, [this, numbers, &waiting](const auto& statuses) {
        CHECK(statuses.ok());
        const std::lock_guard lock(told_mutex);
        told.deleted.insert(numbers.begin(), numbers.end());
        --waiting;
      });
    });
  }

  TemporaryFolder folder;
  TestExecutor executor;
  std::mt19937_64 random;  // the losses': of the writer thread once the store is open
  std::atomic<int64_t> calls_until_loss = 1'000'000;
  std::mutex told_mutex;
  Told told;  // guarded by told_mutex
  std::vector<Loss> losses;
  int next = 1;
  std::unique_ptr<QueueStore> store;
};

void CheckAfter(const Loss& loss) {
  const std::string folder = loss.bodies->path();
  for (const auto& [name, content] : loss.files) {
    if (name.ends_with("-shm")) continue;
    REQUIRE(WriteFileAtomically(folder + "/" + name, content).ok());
  }
  TestExecutor executor;
  auto opened = SqliteQueueStore::Open(folder + "/queues.db", executor, {});
  INFO((opened.ok() ? "" : opened.error().message));
  REQUIRE(opened.ok());
  const auto& told = loss.told;
  QueueCaller caller;
  caller.Use(*opened.value(), executor);
  // A power loss while the queues were being made: nothing has been promised.
  if (told.sent.empty() && !caller.Describe("group.fifo").ok()) return;
  executor.Advance(1h);  // leases end
  std::set<int> found;
  std::map<std::string, int> last_of_group;
  for (const char* queue : {"plain", "group.fifo"}) {
    for (const auto& message : caller.Receive(queue, kReceiveBatchMax)) {
      const int number = NumberOf(message);
      CHECK(found.insert(number).second);
      int& last = last_of_group[message.group_id];
      if (!message.group_id.empty()) CHECK(number > last);
      last = number;
    }
  }
  for (const int number : told.sent) {
    if (!told.deleting.contains(number)) CHECK(found.contains(number));
  }
  for (const int number : told.deleted) CHECK_FALSE(found.contains(number));
}

}  // namespace

TEST_CASE("power lost at any write, any part of what was not synced gone", "[store][queue][crash]") {
  const bool all = std::getenv("HEARTH_LONG") != nullptr;
  size_t losses = 0;
  for (uint64_t seed = 1; seed <= (all ? 200u : 6u); ++seed) {
    CAPTURE(seed);
    PowerLossFixture fixture(seed);
    std::mt19937_64 choice(seed);
    for (int burst = 0; burst < 25; ++burst) fixture.Burst(choice);
    fixture.store.reset();
    for (const Loss& loss : fixture.losses) CheckAfter(loss);
    losses += fixture.losses.size();
  }
  WARN(losses << " power losses");
  CHECK(losses > 10);
}

}  // namespace hearth
