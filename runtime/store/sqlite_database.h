#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/base/units.h"

struct sqlite3;
struct sqlite3_stmt;

namespace hearth {

class SqliteDatabase;

// Bytes that are compared as bytes (a BLOB); a plain string_view is bound as TEXT.
struct SqlBlob {
  std::string_view bytes;
};

// One run of a prepared statement; it goes back to its database's cache when it goes.
// Failure: a statement that could not be prepared or bound says so at the first Step().
class SqliteStatement final {
 public:
  SqliteStatement(SqliteStatement&& other) noexcept;
  SqliteStatement(const SqliteStatement&) = delete;
  ~SqliteStatement();

  // True: a row is there. False: the statement is done.
  Result<bool> Step();
  // Of the row that Step() found; columns count from 0. NULL reads as 0 or "".
  int64_t Int(int column) const;
  std::string Bytes(int column) const;
  bool IsNull(int column) const;

 private:
  friend class SqliteDatabase;
  SqliteStatement(SqliteDatabase& database, std::string_view sql);
  void Bind(int index, int64_t value);
  void Bind(int index, std::string_view text);
  void Bind(int index, SqlBlob blob);

  SqliteDatabase* database_;
  std::string_view sql_;
  sqlite3_stmt* statement_ = nullptr;
  int failure_ = 0;
};

// What a database file is: its kind, and the steps that bring an empty file to the newest schema. A file's
// user_version is the number of steps that it has had.
struct SqliteSchema {
  uint32_t application_id;
  std::vector<const char*> steps;
};

struct SqliteOptions {
  // Reads the whole file at open, so that a damaged one is refused instead of served: about 1 s a GiB.
  enum class Check { kQuick, kNone } check = Check::kQuick;
  milliseconds busy_timeout{5'000};  // for a lock that another process holds: a backup, the sqlite3 shell
};

// The door to SQLite: one connection to one file, WAL, synchronous=FULL (a commit that returned survives
// power loss).
//
// Owns:    the connection and its prepared statements, one for each SQL text.
// Thread:  one at a time; Open() at start-up, then the store's WorkThread.
// Failure: kCorrupt for a damaged file, kMisconfigured for one of another kind or a newer Hearth,
//          kUnavailable when the disk is full or another process keeps the lock, kIo for the rest.
class SqliteDatabase final {
 public:
  static Result<std::unique_ptr<SqliteDatabase>> Open(const std::string& path, const SqliteSchema& schema,
                                                      const SqliteOptions& options);
  ~SqliteDatabase();

  // `sql` lives as long as the database: a literal. Arguments fill ?1, ?2, ...
  template <class... Arguments>
  SqliteStatement Query(std::string_view sql, const Arguments&... arguments) {
    SqliteStatement statement(*this, sql);
    int index = 0;
    (statement.Bind(++index, arguments), ...);
    return statement;
  }
  template <class... Arguments>
  Status Run(std::string_view sql, const Arguments&... arguments) {
    auto statement = Query(sql, arguments...);
    for (;;) {
      HEARTH_ASSIGN(const bool row, statement.Step());
      if (!row) return Ok();
    }
  }
  int64_t last_insert_id() const;
  int64_t rows_changed() const;  // by the last Run()
  // False once SQLite has rolled the transaction back by itself (disk full, for one).
  bool in_transaction() const;
  const std::string& path() const { return path_; }

 private:
  friend class SqliteStatement;
  explicit SqliteDatabase(std::string path) : path_(std::move(path)) {}
  Status Connect(const SqliteOptions& options);
  Status CheckKind(const SqliteSchema& schema);
  Status QuickCheck();
  Status Migrate(const SqliteSchema& schema);
  Status Script(const std::string& sql);
  Result<int64_t> Pragma(std::string_view sql);
  Error Failure(int code) const;

  const std::string path_;
  sqlite3* connection_ = nullptr;
  std::unordered_map<std::string_view, sqlite3_stmt*> idle_statements_;
};

}  // namespace hearth
