#include "runtime/store/group_commit.h"

#include <future>

#include <catch2/catch.hpp>

#include "tests/unit/runtime/store/temporary_folder.h"
#include "tests/unit/runtime/store/test_executor.h"

namespace hearth {
namespace {

const SqliteSchema kSchema{0x54455354, {"CREATE TABLE number(value INTEGER UNIQUE)"}};

class GroupFixture {
 public:
  GroupFixture() { Start({}); }
  void Start(GroupCommitOptions options) {
    groups = std::make_unique<GroupCommit>(*database, executor, "test", options,
                                           GroupCommit::Hooks{.after_group = [this](GroupCommit::Verdict) {
                                             ++groups_run;
                                             return nullptr;
                                           }});
  }
  void Submit(std::function<Status(SqliteDatabase&)> run) {
    groups->Submit({std::move(run), [this](Status status) { statuses.push_back(std::move(status)); }});
  }
  void Insert(int64_t value) {
    Submit([value](SqliteDatabase& db) { return db.Run("INSERT INTO number VALUES(?1)", value); });
  }
  // The writer stays in this operation until Release().
  void Hold() {
    Submit([held = released.get_future().share()](SqliteDatabase&) {
      held.wait();
      return Ok();
    });
  }
  void Release() { released.set_value(); }
  void AwaitAnswers(size_t count) {
    executor.RunUntil([&] { return statuses.size() == count; });
  }
  std::vector<int64_t> Stored() {
    groups.reset();
    std::vector<int64_t> values;
    auto row = database->Query("SELECT value FROM number ORDER BY value");
    while (row.Step().value()) values.push_back(row.Int(0));
    return values;
  }

  TemporaryFolder folder;
  TestExecutor executor;
  std::unique_ptr<SqliteDatabase> database =
      std::move(SqliteDatabase::Open(folder.path() + "/test.db", kSchema, {})).value();
  std::promise<void> released;
  std::vector<Status> statuses;
  int groups_run = 0;  // written by the writer thread, read after an answer
  std::unique_ptr<GroupCommit> groups;
};

}  // namespace

TEST_CASE_METHOD(GroupFixture, "what arrives during a transaction shares the next", "[store]") {
  Hold();
  executor.RunUntil([&] { return true; });
  for (int i = 0; i < 300; ++i) Insert(i);
  Release();
  AwaitAnswers(301);
  // The held one may have taken company; the rest is two groups, of 256 and what is left.
  CHECK(groups_run <= 3);
  CHECK(groups_run >= 2);
  CHECK(Stored().size() == 300);
}

TEST_CASE_METHOD(GroupFixture, "operation that fails between two that do not", "[store]") {
  Hold();
  Insert(1);
  Submit([](SqliteDatabase& db) -> Status {
    HEARTH_TRY(db.Run("INSERT INTO number VALUES(2)"));
    return Error{ErrorCode::kConflict, "changed my mind"};
  });
  Insert(3);
  Release();
  AwaitAnswers(4);
  CHECK(statuses[1].ok());
  CHECK(statuses[2].error().code == ErrorCode::kConflict);
  CHECK(statuses[3].ok());
  CHECK(Stored() == std::vector<int64_t>{1, 3});
}

TEST_CASE_METHOD(GroupFixture, "transaction lost under an operation fails its whole group", "[store]") {
  Insert(1);
  AwaitAnswers(1);
  Hold();
  Insert(2);
  Submit([](SqliteDatabase& db) -> Status {
    HEARTH_TRY(db.Run("ROLLBACK"));  // as SQLite does by itself on a full disk
    return Error{ErrorCode::kUnavailable, "disk full"};
  });
  Insert(3);
  Release();
  AwaitAnswers(5);
  // Whatever group each was in: what was answered Ok is stored, the rest is not.
  std::vector<int64_t> promised{1};
  if (statuses[2].ok()) promised.push_back(2);
  if (statuses[4].ok()) promised.push_back(3);
  CHECK(statuses[3].error().code == ErrorCode::kUnavailable);
  CHECK(Stored() == promised);
}

TEST_CASE_METHOD(GroupFixture, "linger and a group of one at a time", "[store]") {
  groups.reset();
  Start({.linger = milliseconds(5), .operations_max = 1});
  for (int i = 0; i < 3; ++i) Insert(i);
  AwaitAnswers(3);
  CHECK(groups_run == 3);
}

TEST_CASE_METHOD(GroupFixture, "destroyed with work waiting: the work is done, nobody is called", "[store]") {
  for (int i = 0; i < 20; ++i) Insert(i);
  CHECK(Stored().size() == 20);
  CHECK(statuses.empty());
}

}  // namespace hearth
