#include "runtime/store/sqlite_database.h"

#include <catch2/catch.hpp>

#include "tests/unit/runtime/store/temporary_folder.h"

namespace hearth {
namespace {

const SqliteSchema kFirst{0x54455354, {"CREATE TABLE a(x BLOB)"}};
const SqliteSchema kSecond{0x54455354,
                           {"CREATE TABLE a(x BLOB)", "ALTER TABLE a ADD COLUMN y INTEGER DEFAULT 7"}};

class DatabaseFixture {
 public:
  Result<std::unique_ptr<SqliteDatabase>> Open(const SqliteSchema& schema, SqliteOptions options = {}) {
    return SqliteDatabase::Open(path, schema, options);
  }
  TemporaryFolder folder;
  const std::string path = folder.path() + "/test.db";
};

}  // namespace

TEST_CASE_METHOD(DatabaseFixture, "database of an older schema is brought up to date", "[store]") {
  REQUIRE(Open(kFirst).value()->Run("INSERT INTO a VALUES(?1)", SqlBlob{"kept"}).ok());
  const auto database = std::move(Open(kSecond)).value();
  auto row = database->Query("SELECT x,y FROM a");
  REQUIRE(row.Step().value());
  CHECK(row.Bytes(0) == "kept");
  CHECK(row.Int(1) == 7);
}

TEST_CASE_METHOD(DatabaseFixture, "database of a newer schema is refused, naming both versions", "[store]") {
  REQUIRE(Open(kSecond).ok());
  const Error error = Open(kFirst).error();
  CHECK(error.code == ErrorCode::kMisconfigured);
  CHECK_THAT(error.message, Catch::Contains("version 2") && Catch::Contains("up to 1"));
}

TEST_CASE_METHOD(DatabaseFixture, "database of another kind", "[store]") {
  REQUIRE(Open(kFirst).ok());
  const SqliteSchema other{0x4f544852, kFirst.steps};
  CHECK(Open(other).error().code == ErrorCode::kMisconfigured);
}

TEST_CASE_METHOD(DatabaseFixture, "file that is no database", "[store]") {
  REQUIRE(WriteFileAtomically(path, std::string(8192, 'x')).ok());
  const Error error = Open(kFirst).error();
  CHECK(error.code == ErrorCode::kCorrupt);
  CHECK_THAT(error.message, Catch::Contains(path));
}

TEST_CASE_METHOD(DatabaseFixture, "folder that does not exist", "[store]") {
  CHECK(SqliteDatabase::Open(folder.path() + "/none/test.db", kFirst, {}).error().code ==
        ErrorCode::kMisconfigured);
}

TEST_CASE_METHOD(DatabaseFixture, "lock that another connection keeps", "[store]") {
  const auto holder = std::move(Open(kFirst)).value();
  const auto database = std::move(Open(kFirst, {.busy_timeout = milliseconds(1)})).value();
  REQUIRE(holder->Run("BEGIN IMMEDIATE").ok());
  CHECK(database->Run("BEGIN IMMEDIATE").error().code == ErrorCode::kUnavailable);
  REQUIRE(holder->Run("COMMIT").ok());
  CHECK(database->Run("BEGIN IMMEDIATE").ok());
}

TEST_CASE_METHOD(DatabaseFixture, "one statement run inside its own loop", "[store]") {
  const auto database = std::move(Open(kFirst)).value();
  for (const char* x : {"1", "2"}) REQUIRE(database->Run("INSERT INTO a VALUES(?1)", SqlBlob{x}).ok());
  int rows = 0;
  auto outer = database->Query("SELECT x FROM a");
  while (outer.Step().value()) {
    auto inner = database->Query("SELECT x FROM a");
    while (inner.Step().value()) ++rows;
  }
  CHECK(rows == 4);
}

TEST_CASE_METHOD(DatabaseFixture, "statement that cannot be prepared", "[store]") {
  const auto database = std::move(Open(kFirst)).value();
  CHECK_FALSE(database->Run("SELECT nothing FROM nowhere", int64_t{1}).ok());
}

}  // namespace hearth
