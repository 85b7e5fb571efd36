#pragma once

#include <cstdint>
#include <memory>
#include <optional>
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

// A statement prepared before, kept by its database.
struct SqlitePrepared {
  sqlite3_stmt* statement = nullptr;
  bool running = false;
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
  std::string_view View(int column) const;  // until the next Step()
  bool IsNull(int column) const;

 private:
  friend class SqliteDatabase;
  // kBorrowed: what is bound outlives the run.
  enum class Arguments { kCopied, kBorrowed };
  SqliteStatement(SqliteDatabase& database, std::string_view sql, Arguments arguments);
  void Bind(int index, int64_t value);
  void Bind(int index, std::string_view text);
  void Bind(int index, SqlBlob blob);
  void Bind(int index, std::nullptr_t null);
  template <class T>
  void Bind(int index, const std::optional<T>& value) {
    value ? Bind(index, *value) : Bind(index, nullptr);
  }

  SqliteDatabase* database_;
  SqlitePrepared* prepared_ = nullptr;  // in the cache; null: `statement_` is this run's own
  sqlite3_stmt* statement_ = nullptr;
  bool borrowed_;
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
  // Of pages kept in memory. SQLite's own 2 MiB hold the hot ends of a handful of tables.
  Bytes cache = 2_MiB;
  // Incremental keeps a map of pages, so that GiveBackPages() can cut the file: for what grows and drains.
  enum class Vacuum { kNone, kIncremental } vacuum = Vacuum::kNone;
  // kByOwner: Checkpoint() is called by the owner, when its callers have their answers.
  enum class Checkpoints { kAtCommit, kByOwner } checkpoints = Checkpoints::kAtCommit;
  const char* vfs = nullptr;  // for tests: a disk that forgets
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

  // `sql` is a literal: a statement is known by its address. Arguments fill ?1, ?2, ...
  template <class... Arguments>
  SqliteStatement Query(std::string_view sql, const Arguments&... arguments) {
    SqliteStatement statement(*this, sql, SqliteStatement::Arguments::kCopied);
    int index = 0;
    (statement.Bind(++index, arguments), ...);
    return statement;
  }
  template <class... Arguments>
  Status Run(std::string_view sql, const Arguments&... arguments) {
    SqliteStatement statement(*this, sql, SqliteStatement::Arguments::kBorrowed);
    int index = 0;
    (statement.Bind(++index, arguments), ...);
    for (;;) {
      HEARTH_ASSIGN(const bool row, statement.Step());
      if (!row) return Ok();
    }
  }
  // The one number that `sql` selects; 0 without a row.
  template <class... Arguments>
  Result<int64_t> Number(std::string_view sql, const Arguments&... arguments) {
    auto number = Query(sql, arguments...);
    HEARTH_ASSIGN(const bool row, number.Step());
    return row ? number.Int(0) : 0;
  }
  int64_t last_insert_id() const;
  int64_t rows_changed() const;  // by the last Run()
  int64_t rows_changed_ever() const;
  // Pages that the write-ahead log held after the last commit, since the last Checkpoint() that emptied it.
  int64_t wal_pages() const { return wal_pages_; }
  // Moves the log into the file: what no reader needs, or all of it and cuts the log to nothing.
  enum class CheckpointKind { kPassive, kTruncate };
  Status Checkpoint(CheckpointKind kind);
  // Cuts up to `pages` free pages off the file, in a transaction of its own (or the one that is open).
  Status GiveBackPages(uint32_t pages);
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
  Status EnableVacuum();
  Status Script(const std::string& sql);
  Error Failure(int code) const;

  const std::string path_;
  sqlite3* connection_ = nullptr;
  int64_t wal_pages_ = 0;
  std::unordered_map<const char*, SqlitePrepared> prepared_;  // by the address of the text: a literal's
};

}  // namespace hearth
