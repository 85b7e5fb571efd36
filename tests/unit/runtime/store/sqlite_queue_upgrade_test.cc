#include <sys/stat.h>

#include <filesystem>

#include <catch2/catch.hpp>

#include "runtime/base/digest.h"
#include "runtime/store/queue_schema.h"
#include "runtime/store/receipt_handle.h"
#include "tests/unit/runtime/store/queue_fixture.h"
#include "tests/unit/runtime/store/store_drivers.h"

// queues.db as version 1 of its schema left it (Hearth of before FIFO queues), opened by this one.

namespace hearth {
namespace {

using Bodies = std::vector<std::string>;
constexpr int64_t kQueue = 2;  // "orders"; 1 is "dead"
constexpr int64_t kOrdersHeap = 3;

class OldFileFixture : public QueueCaller {
 public:
  OldFileFixture() {
    const SqliteSchema version1{QueueSchema().application_id, {QueueSchema().steps.front()}};
    old = std::move(SqliteDatabase::Open(path, version1, {})).value();
    Run("INSERT INTO heap(id,abandoned) VALUES(1,0),(2,1),(3,0)");
    Run("INSERT INTO queue VALUES(1,'dead',1,30,0,345600,0,1048576,0,'',7,7,1,0,0)");
    Run("INSERT INTO queue VALUES(2,'orders',3,30,0,345600,5,1048576,3,'dead',7,8,2,1,1)");
  }
  void Run(std::string_view sql) { CHECK_TRUE(old->Run(sql).ok()); }
  // As version 1 wrote a message; returns its row.
  int64_t Message(int64_t heap, MessageState state, int64_t due_us, const std::string& id,
                  const std::string& body, int64_t receives, const std::string& source = "") {
    const bool in_file = body.size() > kInlineBodyBytesMax;
    if (in_file) {
      std::filesystem::create_directories(path + ".bodies");
      CHECK_TRUE(WriteFileAtomically(path + ".bodies/" + id, body).ok());
    }
    const int64_t crc = Crc32(body, Crc32("", Crc32(id)));
    CHECK_TRUE(old->Run("INSERT INTO body(content,attributes,file,bytes,crc) VALUES(?1,x'',?2,?3,?4)",
                        SqlBlob{in_file ? "" : body},
                        in_file ? std::optional(std::string_view(id)) : std::nullopt, body.size(), crc)
                   .ok());
    CHECK_TRUE(old->Run("INSERT INTO message(heap,state,due_us,enqueued_us,generation,receives,message_id,"
                        "sent_us,first_received_us,source,body) VALUES(?1,?2,?3,?4,?5,?5,?6,?4,0,?7,?8)",
                        heap, static_cast<int64_t>(state), due_us, NowUs(), receives, id, source,
                        old->last_insert_id())
                   .ok());
    return old->last_insert_id();
  }
  int64_t NowUs() const {
    return std::chrono::duration_cast<microseconds>(executor.clock().WallNow().time_since_epoch()).count();
  }
  void Open() {
    old.reset();
    store = SqliteDriver::OpenQueues(folder.path(), executor);
    Use(*store, executor);
  }

  TemporaryFolder folder;
  const std::string path = folder.path() + "/queues.db";
  TestExecutor executor;
  std::unique_ptr<SqliteDatabase> old;
  std::unique_ptr<QueueStore> store;
};

const std::string kLargeBody(kInlineBodyBytesMax + 1, 'x');

}  // namespace

TEST_CASE_METHOD(OldFileFixture, "queue file of version 1: messages, leases, handles, counts, keys",
                 "[store][queue]") {
  Message(kOrdersHeap, MessageState::kReady, 0, "11111111-0000-4000-8000-000000000001", "first", 2);
  const int64_t leased = Message(kOrdersHeap, MessageState::kInFlight, NowUs() + 20'000'000,
                                 "11111111-0000-4000-8000-000000000002", "leased", 1);
  Message(kOrdersHeap, MessageState::kDelayed, NowUs() + 10'000'000, "11111111-0000-4000-8000-000000000003",
          "delayed", 0);
  Message(2, MessageState::kReady, 0, "11111111-0000-4000-8000-000000000004", "purged", 0);
  Message(kOrdersHeap, MessageState::kReady, 0, "11111111-0000-4000-8000-000000000005", kLargeBody, 0);
  Message(1, MessageState::kReady, 0, "11111111-0000-4000-8000-000000000006", "letter", 0, "orders");
  CHECK_TRUE(
      old->Run("INSERT INTO sent VALUES(2,?1,'first sent',?2)", SqlBlob{"key"}, NowUs() + 60'000'000).ok());
  Open();
  const auto settings = Describe("orders").value().settings;
  CHECK(settings.receives_max == 3);
  CHECK(settings.receive_wait == 5s);
  CHECK(settings.kind == QueueKind::kStandard);
  CHECK(Statistics("orders").visible == 2);
  CHECK(Statistics("orders").in_flight == 1);
  CHECK(Statistics("orders").delayed == 1);
  CHECK(Send("orders", NewMessage{.body = "again", .idempotency_key = "key"}) == "first sent");
  Send("orders", "new");
  const auto received = Receive("orders");
  CHECK(BodiesOf(received) == Bodies{"first", kLargeBody, "new"});
  CHECK(received[0].receive_count == 3);
  CHECK(received[0].message_id == "11111111-0000-4000-8000-000000000001");
  const std::string handle = ReceiptHandle{leased, 1}.Encode(kQueue);
  CHECK(ChangeVisibility("orders", handle, 60s).ok());
  CHECK(Delete("orders", handle).ok());
  executor.Advance(10s);
  CHECK(ReceiveOne("orders").body == "delayed");
  CHECK(ReceiveOne("dead").dead_letter_source == "orders");
  for (const auto& message : received) CHECK(Delete("orders", message.receipt_handle).ok());
  (void)TakeTold();
  CHECK(std::filesystem::is_empty(path + ".bodies"));
  CHECK(Statistics("orders").in_flight == 1);
}

TEST_CASE_METHOD(OldFileFixture, "queue file of version 1 of five thousand messages gives its space back too",
                 "[store][queue]") {
  Run("BEGIN");
  for (int i = 0; i < 5'000; ++i) {
    Message(kOrdersHeap, MessageState::kReady, 0, "id" + std::to_string(i), std::string(500, 'b'), 0);
  }
  Run("UPDATE queue SET ready=5000,delayed=0,in_flight=0 WHERE id=2");
  Run("COMMIT");
  Open();
  for (auto messages = Receive("orders", 1'000); !messages.empty(); messages = Receive("orders", 1'000)) {
    for (const auto& message : messages)
      store->Delete("orders", {message.receipt_handle}, [](const auto&) {});
  }
  CHECK(Statistics("orders").in_flight == 0);
  executor.Advance(3s);
  executor.RunUntil([&] { return std::filesystem::file_size(path) < 300'000; });
}

TEST_CASE_METHOD(OldFileFixture, "queue file of a newer version is refused, naming both", "[store][queue]") {
  Open();
  store.reset();
  {
    const auto database = std::move(SqliteDatabase::Open(path, QueueSchema(), {})).value();
    REQUIRE(database->Run("PRAGMA user_version=3").ok());
  }
  const Error error = SqliteQueueStore::Open(path, executor, {}).error();
  CHECK(error.code == ErrorCode::kMisconfigured);
  CHECK_THAT(error.message, Catch::Contains("version 3") && Catch::Contains("up to 2"));
}

}  // namespace hearth
