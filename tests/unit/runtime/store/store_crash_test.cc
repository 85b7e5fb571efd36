#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <random>
#include <set>

#include <catch2/catch.hpp>

#include "tests/unit/runtime/store/power_loss_disk.h"
#include "tests/unit/runtime/store/queue_fixture.h"
#include "tests/unit/runtime/store/store_drivers.h"

namespace hearth {
namespace {

const std::string kLargeBody(kInlineBodyBytesMax + 1, 'x');

// ---- kill -9

// The child: sends without end, eight at a time, every fifth large; writes the id of each acknowledged one to
// `out`.
[[noreturn]] void SendForEver(const std::string& folder, int out) {
  TestExecutor executor;
  const auto store = SqliteDriver::OpenQueues(folder, executor);
  store->Create("orders", {}, [](Status) {});
  std::function<void(int)> send = [&](int number) {
    const NewMessage message{.body = number % 5 == 0 ? kLargeBody : "small"};
    store->Send("orders", {message}, [&, number](Result<std::vector<SentMessage>> sent) {
      const std::string line = sent.value().front().message_id + "\n";
      if (::write(out, line.data(), line.size()) < 0) ::_exit(1);
      send(number + 8);
    });
  };
  for (int i = 0; i < 8; ++i) send(i);
  executor.RunUntil([] { return false; });
  ::_exit(1);
}

// Ids that were acknowledged; the child is killed after `kill_after` of them, at whatever it does then.
std::set<std::string> SendAndKill(const std::string& folder, size_t kill_after) {
  int pipe_fds[2];
  REQUIRE(::pipe(pipe_fds) == 0);
  UniqueFd in(pipe_fds[0]), out(pipe_fds[1]);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) SendForEver(folder, out.get());
  out.Reset();
  std::set<std::string> acknowledged;
  std::string line;
  bool killed = false;
  for (char c; ::read(in.get(), &c, 1) == 1;) {
    if (c != '\n') {
      line.push_back(c);
      continue;
    }
    acknowledged.insert(std::exchange(line, {}));
    if (!killed && acknowledged.size() >= kill_after) killed = ::kill(child, SIGKILL) == 0;
  }
  ::waitpid(child, nullptr, 0);
  return acknowledged;
}

std::set<std::string> ReceiveAll(QueueCaller& caller) {
  std::set<std::string> ids;
  for (;;) {
    const auto messages = caller.Receive("orders", kReceiveBatchMax, 43'200s);
    if (messages.empty()) return ids;
    for (const auto& message : messages) {
      CHECK((message.body == "small" || message.body == kLargeBody));
      ids.insert(message.message_id);
    }
  }
}

bool IncludesAll(const std::set<std::string>& all, const std::set<std::string>& some) {
  return std::includes(all.begin(), all.end(), some.begin(), some.end());
}

// ---- power loss

struct Expected {
  std::map<std::string, std::string> kept;  // id -> body of what was acknowledged and never deleted
  std::set<std::string> deleted;            // the delete was acknowledged
};

void CheckAfterPowerLoss(const std::string& folder, const Expected& expected) {
  TestExecutor executor;
  const auto store = SqliteDriver::OpenQueues(folder, executor);
  QueueCaller caller;
  caller.Use(*store, executor);
  executor.Advance(24h);  // leases end
  std::map<std::string, std::string> found;
  for (const auto& message : caller.Receive("orders", kReceiveBatchMax))
    found[message.message_id] = message.body;
  for (const auto& [id, body] : expected.kept) CHECK(found[id] == body);
  for (const auto& id : expected.deleted) CHECK_FALSE(found.contains(id));
}

}  // namespace

// Goal: whatever a kill -9 interrupts, each acknowledged message is there afterwards, and no file is left
// over.
TEST_CASE("sender killed at a random moment", "[store][queue][crash]") {
  const uint64_t seed = GENERATE(1u, 2u, 3u, 4u, 5u);
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  TemporaryFolder folder;
  std::set<std::string> acknowledged;
  for (int life = 0; life < 2; ++life) {
    acknowledged.merge(SendAndKill(folder.path(), 1 + random() % 60));
  }
  TestExecutor executor;
  const auto store = SqliteDriver::OpenQueues(folder.path(), executor);
  QueueCaller caller;
  caller.Use(*store, executor);
  const auto stored = ReceiveAll(caller);
  CHECK(IncludesAll(stored, acknowledged));
  // One lease a message, one file a large body: an orphan would be one too many.
  const std::filesystem::directory_iterator files(folder.path() + "/queues.db.bodies");
  for (const auto& file : files) CHECK(stored.contains(file.path().filename().string()));
}

// Goal: when all that was not synced is gone, each acknowledged send is there and each acknowledged delete
// stays.
TEST_CASE("power lost at a random moment", "[store][queue][crash]") {
  const uint64_t seed = GENERATE(1u, 2u, 3u);
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  TemporaryFolder folder;
  auto& disk = PowerLossDisk::Instance();
  disk.Watch(folder.path());
  TestExecutor executor;
  auto store = SqliteDriver::OpenQueues(folder.path(), executor);
  QueueCaller caller;
  caller.Use(*store, executor);
  caller.Create("orders", {});
  Expected expected;
  for (int step = 0; step < 60; ++step) {
    if (random() % 3 > 0) {
      const std::string body = random() % 4 == 0 ? kLargeBody : "body " + std::to_string(step);
      expected.kept[caller.Send("orders", body)] = body;
    } else {
      for (const auto& message : caller.Receive("orders", 1)) {
        expected.kept.erase(message.message_id);
        CHECK(caller.Delete("orders", message.receipt_handle).ok());
        expected.deleted.insert(message.message_id);
      }
    }
    if (random() % 10 > 0) continue;
    TemporaryFolder after;
    disk.Restore(after.path());
    CheckAfterPowerLoss(after.path(), expected);
  }
  store.reset();
  disk.Forget();
}

}  // namespace hearth
