#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <sstream>

#include <catch2/catch.hpp>

#include "runtime/loop/loop.h"
#include "tests/unit/runtime/store/power_loss_disk.h"
#include "tests/unit/runtime/store/queue_fixture.h"
#include "tests/unit/runtime/store/store_drivers.h"

namespace hearth {
namespace {

const std::string kLargeBody(kInlineBodyBytesMax + 1, 'x');

// ---- kill -9

// What the child does, a line each on a pipe, in this order: what is asked for before it is asked, what is
// promised once the answer is there.
//   S number            sent (acknowledged)       d number   delete asked for
//   R group number      FIFO: received            D number   deleted (acknowledged)
//   E text              a broken promise
class Child {
 public:
  Child(const std::string& folder, int out, int life)
      : out_(out), next_(life * 1'000'000), loop_(std::move(Loop::Create(clock_)).value()) {
    store_ = std::move(SqliteQueueStore::Open(folder + "/queues.db", *loop_, {})).value();
  }
  [[noreturn]] void RunForEver() {
    store_->Create("plain", {.visibility_timeout = 1s}, [](Status) {});
    store_->Create("group.fifo", {.kind = QueueKind::kFifo, .visibility_timeout = 1s}, [](Status) {});
    for (int i = 0; i < 6; ++i) Send();
    for (int i = 0; i < 2; ++i) Consume("plain");
    for (int i = 0; i < 2; ++i) Consume("group.fifo");
    loop_->Run();
    ::_exit(1);
  }

 private:
  void Say(const std::string& line) {
    if (::write(out_, (line + "\n").data(), line.size() + 1) < 0) ::_exit(1);
  }
  static int64_t NowMs() {
    return std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  }

  // Body: number, and from when it may be received (ms since 1970).
  void Send() {
    const int number = next_++;
    const bool fifo = number % 2 == 0;
    const seconds delay(!fifo && number % 5 == 0 ? 1 : 0);
    NewMessage message{.body = std::to_string(number) + " " + std::to_string(NowMs() + delay.count() * 1'000),
                       .delay = fifo ? seconds(-1) : delay};
    if (number % 9 == 0) message.body += kLargeBody;
    if (fifo) {
      message.group_id = "g" + std::to_string(number / 2 % 4);
      message.deduplication_id = std::to_string(number);
    }
    store_->Send(fifo ? "group.fifo" : "plain", {message}, [this, number](const auto& sent) {
      if (!sent.ok()) Say("E send: " + sent.error().message);
      Say("S " + std::to_string(number));
      Send();
    });
  }

  void Consume(const std::string& queue) {
    store_->Receive(queue, {.count = 3}, [this, queue](Result<std::vector<QueueMessage>> received) {
      std::vector<std::string> handles;
      std::vector<int> numbers;
      for (const QueueMessage& message : received.value()) {
        int number = 0;
        long long due_ms = 0;
        if (std::sscanf(message.body.c_str(), "%d %lld", &number, &due_ms) != 2) Say("E body");
        // The lease clock may run a second behind the wall's after a crash, never ahead of it.
        if (NowMs() < due_ms) Say("E before its delay: " + std::to_string(number));
        if (!message.group_id.empty()) Say("R " + message.group_id + " " + std::to_string(number));
        handles.push_back(message.receipt_handle);
        numbers.push_back(number);
        Say("d " + std::to_string(number));
      }
      store_->Delete(queue, handles, [this, queue, numbers](const auto& statuses) {
        for (size_t i = 0; i < numbers.size(); ++i) {
          if ((*statuses)[i].ok()) Say("D " + std::to_string(numbers[i]));
        }
        Consume(queue);
      });
    });
  }

  const int out_;
  int next_;
  SystemClock clock_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<QueueStore> store_;
};

struct Promises {
  std::set<int> sent;
  std::set<int> deleting;
  std::set<int> deleted;
  std::map<std::string, int> last_deleted_of_group;
  std::map<int, std::string> group_of;
  std::vector<std::string> broken;

  void Read(const std::string& line) {
    std::istringstream in(line);
    char kind = 0;
    std::string group;
    int number = 0;
    in >> kind;
    if (kind == 'R') in >> group;
    in >> number;
    if (kind == 'S') sent.insert(number);
    if (kind == 'd') deleting.insert(number);
    if (kind == 'D') {
      deleted.insert(number);
      if (group_of.contains(number)) last_deleted_of_group[group_of[number]] = number;
    }
    if (kind == 'E') broken.push_back(line);
    if (kind != 'R') return;
    group_of[number] = group;
    // After a later one of its group has been deleted, none of before may come.
    if (number <= last_deleted_of_group[group]) broken.push_back("out of order: " + line);
    if (deleted.contains(number)) broken.push_back("deleted, and came again: " + line);
  }
};

// The child is killed after `kill_after` lines, at whatever it does then.
void RunAndKill(const std::string& folder, int life, size_t kill_after, Promises& promises) {
  int pipe_fds[2];
  REQUIRE(::pipe(pipe_fds) == 0);
  UniqueFd in(pipe_fds[0]), out(pipe_fds[1]);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    in.Reset();  // so that it ends when we do
    Child(folder, out.get(), life).RunForEver();
  }
  out.Reset();
  std::string line;
  size_t lines = 0;
  char bytes[4096];
  for (ssize_t got; (got = ::read(in.get(), bytes, sizeof bytes)) > 0;) {
    for (const char c : std::string_view(bytes, static_cast<size_t>(got))) {
      if (c != '\n') {
        line.push_back(c);
        continue;
      }
      promises.Read(std::exchange(line, {}));
      if (++lines == kill_after) CHECK(::kill(child, SIGKILL) == 0);
    }
  }
  ::waitpid(child, nullptr, 0);
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

// Goal: whatever a kill -9 interrupts, among senders and consumers: each acknowledged send is there or was
// delivered, nothing acknowledged as deleted returns, each group keeps its order, nothing comes before its
// delay, no file of a body is left over.
TEST_CASE("senders and consumers killed at random moments", "[store][queue][crash]") {
  const bool all = std::getenv("HEARTH_LONG") != nullptr;
  int kills = 0;
  for (uint64_t seed = 1; seed <= (all ? 50u : 2u); ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    TemporaryFolder folder;
    Promises promises;
    for (int life = 1; life <= 5; ++life, ++kills) {
      RunAndKill(folder.path(), life, 1 + random() % 400, promises);
    }
    CHECK(promises.broken == std::vector<std::string>());
    TestExecutor executor;
    executor.manual_clock().SetWall(SystemClock().WallNow() + 1h);  // leases and delays are over
    const auto store = SqliteDriver::OpenQueues(folder.path(), executor);
    QueueCaller caller;
    caller.Use(*store, executor);
    std::set<int> stored;
    std::set<std::string> ids;
    std::map<std::string, int> last;
    for (const char* queue : {"plain", "group.fifo"}) {
      for (;;) {
        const auto messages = caller.Receive(queue, kReceiveBatchMax, 43'200s);
        if (messages.empty()) break;
        for (const auto& message : messages) {
          const int number = std::stoi(message.body);
          CHECK(stored.insert(number).second);
          ids.insert(message.message_id);
          if (!message.group_id.empty()) CHECK(number > std::exchange(last[message.group_id], number));
        }
      }
    }
    for (const int number : promises.sent) {
      if (!promises.deleting.contains(number)) CHECK(stored.contains(number));
    }
    for (const int number : promises.deleted) CHECK_FALSE(stored.contains(number));
    const std::filesystem::directory_iterator files(folder.path() + "/queues.db.bodies");
    for (const auto& file : files) CHECK(ids.contains(file.path().filename().string()));
  }
  WARN(kills << " kills");
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
