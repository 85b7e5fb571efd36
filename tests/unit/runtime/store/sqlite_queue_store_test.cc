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
  auto left = database->Query("SELECT (SELECT count(*) FROM message)+(SELECT count(*) FROM delivery)");
  REQUIRE(left.Step().value());
  CHECK(left.Int(0) == 0);
}

// Goal: what a backlog took is given back when it has drained: the file, its log, the files of bodies.
TEST_CASE_METHOD(RestartFixture, "space is given back after a backlog drains", "[store][queue]") {
  const auto size = [&](const std::string& file) { return std::filesystem::file_size(file); };
  Create("orders");
  for (int batch = 0; batch < 8; ++batch) {
    REQUIRE(
        TrySend("orders", std::vector<NewMessage>(1'000, NewMessage{.body = std::string(1'000, 'b')})).ok());
  }
  for (int i = 0; i < 5; ++i) Send("orders", kLargeBody);
  const auto largest = size(path) + size(path + "-wal");
  CHECK(largest > 8'000'000);
  CHECK(BodyFileCount() == 5);
  for (auto messages = Receive("orders", 1'000); !messages.empty(); messages = Receive("orders", 1'000)) {
    std::vector<std::string> handles;
    for (const auto& message : messages) handles.push_back(message.receipt_handle);
    store->Delete("orders", handles, [](const auto&) {});
  }
  CHECK(Statistics("orders").in_flight == 0);
  executor.Advance(3s);
  executor.RunUntil([&] { return size(path) < 200'000 && size(path + "-wal") == 0; });
  CHECK(BodyFileCount() == 0);
  Send("orders", "after");
  Reopen();
  CHECK(ReceiveOne("orders").body == "after");
}

TEST_CASE_METHOD(RestartFixture, "sequence numbers go on after a restart and a crash", "[store][queue]") {
  Create("orders.fifo", {.kind = QueueKind::kFifo});
  const auto first = SendFifo("orders.fifo", "a", "g");
  CHECK(Delete("orders.fifo", ReceiveOne("orders.fifo").receipt_handle).ok());
  Reopen();
  const auto second = SendFifo("orders.fifo", "b", "g");
  CHECK(second.sequence_number > first.sequence_number);
  CHECK(second.message_id != first.message_id);
  CHECK(SendFifo("orders.fifo", "a", "g") == first);
}

TEST_CASE_METHOD(RestartFixture, "groups, attempts and delays of a FIFO queue over a restart",
                 "[store][queue]") {
  Create("orders.fifo", {.kind = QueueKind::kFifo, .visibility_timeout = 30s, .delay = 1s});
  for (const char* body : {"g1", "g2", "h1"}) SendFifo("orders.fifo", body, {body[0]});
  executor.Advance(1s);
  const ReceiveRequest attempt{.count = 1, .attempt_id = "once"};
  const auto taken = TryReceive("orders.fifo", attempt).value();
  SendFifo("orders.fifo", "h2", "h");
  Reopen();
  CHECK(BodiesOf(Receive("orders.fifo")) == std::vector<std::string>{"h1"});
  CHECK(TryReceive("orders.fifo", attempt).value().at(0).receipt_handle == taken.at(0).receipt_handle);
  CHECK(Delete("orders.fifo", taken.at(0).receipt_handle).ok());
  CHECK(BodiesOf(Receive("orders.fifo")) == std::vector<std::string>{"g2"});
  CHECK(Statistics("orders.fifo").delayed == 1);
}

// Goal: a restart in the middle of a move loses and doubles nothing.
TEST_CASE_METHOD(RestartFixture, "move goes on after a restart, each letter once", "[store][queue]") {
  Create("dead");
  Create("orders", {.visibility_timeout = 0s, .receives_max = 1, .dead_letter_queue = "dead"});
  std::vector<std::string> sent;
  for (int i = 0; i < 40; ++i) sent.push_back("m" + std::to_string(i));
  for (const std::string& body : sent) Send("orders", body);
  (void)Receive("orders", 100);
  CHECK(Receive("orders", 100).empty());
  REQUIRE(StartMove("dead", "", 10).ok());
  for (int restart = 0; restart < 5; ++restart) {
    for (int step = 0; step < 8; ++step) {
      executor.Advance(100ms);
      (void)ListMoves("dead");
    }
    Reopen();
  }
  executor.Advance(100ms);
  (void)ListMoves("dead");
  const MoveTask task = ListMoves("dead").value().front();
  CHECK(task.state == MoveTask::State::kCompleted);
  CHECK(task.moved == 40);
  CHECK(BodiesOf(Receive("orders", 100, 30s)) == sent);
  CHECK(Statistics("dead").visible == 0);
}

// Goal: the timers and figures of thousands of queues cost little: one timer for all deadlines, no look at
// queues that are empty.
TEST_CASE_METHOD(RestartFixture, "three thousand queues", "[store][queue]") {
  constexpr int kQueues = 3'000;
  int created = 0;
  for (int i = 0; i < kQueues; ++i) {
    store->Create("q" + std::to_string(i), {}, [&](const Status& status) { created += status.ok() ? 1 : 0; });
  }
  executor.RunUntil([&] { return created == kQueues; });
  for (int i = 0; i < kQueues; i += 100) {
    Send("q" + std::to_string(i), NewMessage{.body = "delayed", .delay = seconds(1 + i / 100)});
  }
  CHECK(executor.timers_armed() <= 3);  // deadlines, upkeep, idleness
  Reopen();
  const auto all = AllStatistics();
  REQUIRE(all.size() == kQueues);
  uint64_t delayed = 0;
  for (const auto& [name, statistics] : all) delayed += statistics.delayed;
  CHECK(delayed == 30);
  executor.Advance(30s);
  uint64_t visible = 0;
  for (const auto& [name, statistics] : AllStatistics()) visible += statistics.visible;
  CHECK(visible == 30);
  for (int i = 0; i < kQueues; ++i) {
    store->Remove("q" + std::to_string(i), [&](const Status& status) { created -= status.ok() ? 1 : 0; });
  }
  executor.RunUntil([&] { return created == 0; });
  CHECK(List().empty());
}

TEST_CASE_METHOD(RestartFixture, "queues and sequence numbers at the limit and one past it",
                 "[store][queue]") {
  store.reset();
  const auto run = [this](std::string_view sql) {
    const auto database = std::move(SqliteDatabase::Open(path, QueueSchema(), {})).value();
    REQUIRE(database->Run(sql).ok());
  };
  // Each queue has a heap; purged ones have it until they are deleted.
  run("INSERT INTO heap WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i+1 FROM n WHERE i<131070) SELECT "
      "i,0"
      " FROM n");
  Reopen();
  CHECK(TryCreate("last").ok());
  CHECK(TryCreate("one-more").error().code == ErrorCode::kThrottled);
  store.reset();
  run("UPDATE state SET next_sequence=17592186044416-1000002");
  Reopen();
  CHECK(TrySend("last", {NewMessage{}}).ok());
  CHECK(TrySend("last", {NewMessage{}}).error().code == ErrorCode::kThrottled);
}

TEST_CASE_METHOD(RestartFixture, "receive moves at most a thousand out of its way, then says so",
                 "[store][queue]") {
  Create("dead");
  Create("orders", {.visibility_timeout = 0s, .receives_max = 1, .dead_letter_queue = "dead"});
  REQUIRE(TrySend("orders", std::vector<NewMessage>(1'001)).ok());
  CHECK(Receive("orders", 2'000).size() == 1'001);
  (void)TakeTold();
  CHECK(Receive("orders", 1).empty());
  CHECK(WasTold("orders"));
  CHECK(Statistics("dead").visible == 1'000);
  CHECK(Receive("orders", 1).empty());
  CHECK(Statistics("dead").visible == 1'001);
}

// Goal: a body over the size that the store allows is refused; the limit is a setting.
TEST_CASE_METHOD(RestartFixture, "largest message is a setting", "[store][queue]") {
  store.reset();
  store = std::move(SqliteQueueStore::Open(path, executor, {.message_bytes_max = 2_MiB})).value();
  Use(*store, executor);
  Create("large", {.message_bytes_max = (2_MiB).count});
  CHECK(TrySend("large", {NewMessage{.body = std::string((2_MiB).count, 'x')}}).ok());
  CHECK(TrySend("large", {NewMessage{.body = std::string((2_MiB).count + 1, 'x')}}).error().code ==
        ErrorCode::kTooLarge);
  CHECK(TryCreate("larger", {.message_bytes_max = (2_MiB).count + 1}).error().code ==
        ErrorCode::kInvalidArgument);
}

// Goal: a blocked group with a huge backlog at the head, and thousands of groups, cost a receive nothing:
// the plan of its statement is a search.
TEST_CASE_METHOD(RestartFixture, "receive past a blocked group with a long backlog", "[store][queue]") {
  Create("orders.fifo", {.kind = QueueKind::kFifo});
  std::vector<NewMessage> backlog;
  for (int i = 0; i < 5'000; ++i) {
    backlog.push_back({.body = "b", .group_id = "blocked", .deduplication_id = "b" + std::to_string(i)});
  }
  REQUIRE(TrySend("orders.fifo", backlog).ok());
  (void)ReceiveOne("orders.fifo", 43'200s);
  for (int i = 0; i < 50; ++i) {
    SendFifo("orders.fifo", "free" + std::to_string(i), "g" + std::to_string(i));
    CHECK(ReceiveOne("orders.fifo").body == "free" + std::to_string(i));
  }
  CHECK(Statistics("orders.fifo").visible == 4'999);
  store.reset();
  // What the planner makes of the statements that a receive runs: no scan.
  const auto database = std::move(SqliteDatabase::Open(path, QueueSchema(), {})).value();
  auto plan = database->Query(
      "EXPLAIN QUERY PLAN SELECT id,head FROM message_group INDEXED BY message_group_ready"
      " WHERE state=0 AND heap=1 AND head>0 ORDER BY head LIMIT 1");
  REQUIRE(plan.Step().value());
  CHECK_THAT(plan.Bytes(3), Catch::Contains("SEARCH") && Catch::Contains("heap=? AND head>?"));
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
