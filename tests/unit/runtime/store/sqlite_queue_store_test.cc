#include "runtime/store/sqlite_queue_store.h"

#include <filesystem>
#include <random>
#include <set>

#include <catch2/catch.hpp>

#include "tests/unit/runtime/store/queue_fixture.h"
#include "tests/unit/runtime/store/store_drivers.h"

namespace hearth {
namespace {

class RestartFixture : public QueueCaller {
 public:
  RestartFixture() { Reopen(); }
  void Reopen() {
    store.reset();
    store =
        std::move(SqliteQueueStore::Open(path, executor, {.on_damage = [this](const Error&) { ++damaged; }}))
            .value();
    Use(*store, executor);
  }
  size_t BodyFileCount() const {
    const std::filesystem::directory_iterator files(path + ".bodies");
    return std::distance(begin(files), end(files));
  }

  TemporaryFolder folder;
  const std::string path = folder.path() + "/queues.db";
  TestExecutor executor;
  int damaged = 0;
  std::unique_ptr<QueueStore> store;
};

const std::string kLargeBody(kInlineBodyBytesMax + 1, 'x');

}  // namespace

TEST_CASE_METHOD(RestartFixture, "restart keeps messages, leases, handles and counts", "[store][queue]") {
  Create("orders", {.visibility_timeout = 30s});
  Send("orders", "leased");
  const auto leased = ReceiveOne("orders");
  Send("orders", "visible");
  Send("orders", NewMessage{.body = "delayed", .delay = 20s});
  Send("orders", NewMessage{.body = "keyed", .idempotency_key = "k"});
  executor.Advance(10s);
  Reopen();
  const auto statistics = Statistics("orders");
  CHECK(statistics.visible == 2);
  CHECK(statistics.in_flight == 1);
  CHECK(statistics.delayed == 1);
  Send("orders", NewMessage{.body = "keyed again", .idempotency_key = "k"});
  CHECK(BodiesOf(Receive("orders")) == std::vector<std::string>{"visible", "keyed"});
  CHECK(ChangeVisibility("orders", leased.receipt_handle, 60s).ok());
  executor.Advance(10s);
  CHECK(WasTold("orders"));
  CHECK(ReceiveOne("orders").body == "delayed");
  CHECK(Delete("orders", leased.receipt_handle).ok());
  executor.Advance(1h);
  CHECK(Statistics("orders").visible == 3);
}

TEST_CASE_METHOD(RestartFixture, "lease that ran out while the store was closed", "[store][queue]") {
  Create("orders", {.visibility_timeout = 30s});
  Send("orders", "a");
  (void)ReceiveOne("orders");
  store.reset();
  executor.Advance(31s);
  Reopen();
  CHECK(WasTold("orders"));
  CHECK(ReceiveOne("orders").receive_count == 2);
}

TEST_CASE_METHOD(RestartFixture, "wall clock set back a year while the store was closed", "[store][queue]") {
  Create("orders", {.visibility_timeout = 30s});
  Send("orders", "a");
  (void)ReceiveOne("orders");
  store.reset();
  executor.manual_clock().SetWall(executor.clock().WallNow() - 8760h);
  Reopen();
  executor.Advance(31s);
  CHECK(ReceiveOne("orders").body == "a");
}

TEST_CASE_METHOD(RestartFixture, "large body lives in a file until its message is deleted",
                 "[store][queue]") {
  Create("orders");
  Send("orders", kLargeBody);
  Send("orders", kLargeBody.substr(1));
  CHECK(BodyFileCount() == 1);
  Reopen();
  const auto messages = Receive("orders");
  CHECK(BodiesOf(messages) == std::vector<std::string>{kLargeBody, kLargeBody.substr(1)});
  CHECK(Delete("orders", messages[0].receipt_handle).ok());
  CHECK(BodyFileCount() == 0);
}

TEST_CASE_METHOD(RestartFixture, "large bodies of a batch that failed, of a purge, of a crash",
                 "[store][queue]") {
  Create("orders");
  const NewMessage large{.body = kLargeBody};
  const NewMessage too_large{.body = std::string(kMessageBytesMax.count + 1, 'x')};
  CHECK_FALSE(TrySend("orders", {large, too_large}).ok());
  CHECK(BodyFileCount() == 0);
  Send("orders", large);
  CHECK(Purge("orders").ok());
  (void)TakeTold();
  CHECK(BodyFileCount() == 0);
  REQUIRE(WriteFileAtomically(path + ".bodies/orphan", "x").ok());
  Send("orders", large);
  Reopen();
  CHECK(BodyFileCount() == 1);
  CHECK(ReceiveOne("orders").body == kLargeBody);
}

TEST_CASE_METHOD(RestartFixture, "large body damaged: not delivered, told, neighbours are",
                 "[store][queue]") {
  Create("orders");
  const std::string id = Send("orders", kLargeBody);
  Send("orders", "neighbour");
  REQUIRE(WriteFileAtomically(path + ".bodies/" + id, kLargeBody.substr(1) + "y").ok());
  CHECK(BodiesOf(Receive("orders")) == std::vector<std::string>{"neighbour"});
  (void)TakeTold();
  CHECK(damaged == 1);
}

TEST_CASE_METHOD(RestartFixture, "purge of many is finished in steps, also over a restart",
                 "[store][queue]") {
  Create("orders");
  for (int batch = 0; batch < 3; ++batch) REQUIRE(TrySend("orders", std::vector<NewMessage>(1'000)).ok());
  store->Purge("orders", [](Status) {});
  store.reset();
  Reopen();
  CHECK(Statistics("orders").visible == 0);
  for (int step = 0; step < 6; ++step) (void)TakeTold();
  store.reset();
  const auto database = std::move(SqliteDatabase::Open(path, QueueSchema(), {})).value();
  auto left = database->Query("SELECT (SELECT count(*) FROM message)+(SELECT count(*) FROM body)");
  REQUIRE(left.Step().value());
  CHECK(left.Int(0) == 0);
}

// Goal: no flipped byte of the file is ever delivered as a message, and none crashes the daemon.
TEST_CASE_METHOD(RestartFixture, "queue file with one byte flipped", "[store][queue]") {
  Create("orders");
  std::set<std::string> sent;
  for (int i = 0; i < 60; ++i) {
    const std::string body = std::to_string(i) + std::string(20 * i, 'b');
    sent.insert(body);
    Send("orders", body);
  }
  store.reset();
  const std::string intact = ReadFile(path).value();
  std::mt19937_64 random(7);
  int noticed = 0;
  for (int round = 0; round < 60; ++round) {
    TemporaryFolder copy;
    std::string damaged_file = intact;
    const size_t at = random() % damaged_file.size();
    damaged_file[at] = static_cast<char>(damaged_file[at] ^ (1 << random() % 8));
    CAPTURE(round, at);
    REQUIRE(WriteFileAtomically(copy.path() + "/queues.db", damaged_file).ok());
    TestExecutor other;
    auto opened = SqliteQueueStore::Open(copy.path() + "/queues.db", other, {});
    if (!opened.ok()) {
      ++noticed;
      continue;
    }
    QueueCaller caller;
    caller.Use(*opened.value(), other);
    const auto received = caller.TryReceive("orders", 100);
    if (!received.ok() || received.value().size() < sent.size()) ++noticed;
    if (!received.ok()) continue;
    for (const auto& message : received.value()) CHECK(sent.contains(message.body));
  }
  CHECK(noticed > 10);
}

}  // namespace hearth
