#include "runtime/store/sqlite_database.h"

#include <filesystem>

#include <sqlite3.h>

#include "runtime/base/files.h"

namespace hearth {
namespace {

ErrorCode CodeOf(int sqlite_code) {
  switch (sqlite_code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ErrorCode::kCorrupt;
    case SQLITE_FULL:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return ErrorCode::kUnavailable;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
    case SQLITE_AUTH:
      return ErrorCode::kMisconfigured;
    case SQLITE_TOOBIG:
      return ErrorCode::kTooLarge;
    case SQLITE_MISUSE:
    case SQLITE_RANGE:
    case SQLITE_CONSTRAINT:
      return ErrorCode::kInternal;
    default:
      return ErrorCode::kIo;
  }
}

std::string_view AdviceFor(ErrorCode code) {
  switch (code) {
    case ErrorCode::kCorrupt:
      return "; the file is damaged: move it aside and restore a backup (docs/store.md)";
    case ErrorCode::kUnavailable:
      return "; free the disk or stop the other process, then try again";
    case ErrorCode::kMisconfigured:
      return "; check the folder's owner and permissions";
    default:
      return "";
  }
}

}  // namespace

SqliteStatement::SqliteStatement(SqliteDatabase& database, std::string_view sql, Arguments arguments)
    : database_(&database), borrowed_(arguments == Arguments::kBorrowed) {
  SqlitePrepared& prepared = database.prepared_[sql.data()];
  // Two runs of one text can overlap; the cache keeps one of them.
  if (!prepared.running) prepared_ = &prepared;
  if (prepared_ && prepared.statement) {
    statement_ = prepared.statement;
  } else {
    failure_ = sqlite3_prepare_v3(database.connection_, sql.data(), static_cast<int>(sql.size()),
                                  SQLITE_PREPARE_PERSISTENT, &statement_, nullptr);
    if (prepared_) prepared.statement = statement_;
  }
  if (prepared_) prepared.running = true;
}

SqliteStatement::SqliteStatement(SqliteStatement&& other) noexcept
    : database_(other.database_),
      prepared_(std::exchange(other.prepared_, nullptr)),
      statement_(std::exchange(other.statement_, nullptr)),
      borrowed_(other.borrowed_),
      failure_(other.failure_) {}

SqliteStatement::~SqliteStatement() {
  if (!prepared_) {
    sqlite3_finalize(statement_);
    return;
  }
  prepared_->running = false;
  if (!statement_) return;  // it could not be prepared
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

void SqliteStatement::Bind(int index, int64_t value) {
  if (!failure_) failure_ = sqlite3_bind_int64(statement_, index, value);
}

void SqliteStatement::Bind(int index, std::string_view text) {
  if (failure_) return;
  failure_ = sqlite3_bind_text64(statement_, index, text.empty() ? "" : text.data(), text.size(),
                                 borrowed_ ? SQLITE_STATIC : SQLITE_TRANSIENT, SQLITE_UTF8);
}

void SqliteStatement::Bind(int index, SqlBlob blob) {
  if (failure_) return;
  failure_ = sqlite3_bind_blob64(statement_, index, blob.bytes.empty() ? "" : blob.bytes.data(),
                                 blob.bytes.size(), borrowed_ ? SQLITE_STATIC : SQLITE_TRANSIENT);
}

void SqliteStatement::Bind(int index, std::nullptr_t) {
  if (!failure_) failure_ = sqlite3_bind_null(statement_, index);
}

Result<bool> SqliteStatement::Step() {
  if (failure_) return database_->Failure(failure_);
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return database_->Failure(code);
}

int64_t SqliteStatement::Int(int column) const { return sqlite3_column_int64(statement_, column); }

std::string SqliteStatement::Bytes(int column) const { return std::string(View(column)); }

std::string_view SqliteStatement::View(int column) const {
  const void* bytes = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  return bytes ? std::string_view(static_cast<const char*>(bytes), size) : std::string_view();
}

bool SqliteStatement::IsNull(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

Result<std::unique_ptr<SqliteDatabase>> SqliteDatabase::Open(const std::string& path,
                                                             const SqliteSchema& schema,
                                                             const SqliteOptions& options) {
  std::unique_ptr<SqliteDatabase> database(new SqliteDatabase(path));
  HEARTH_TRY(database->Connect(options));
  HEARTH_TRY(database->CheckKind(schema));
  if (options.check == SqliteOptions::Check::kQuick) HEARTH_TRY(database->QuickCheck());
  HEARTH_TRY(database->Migrate(schema));
  if (options.vacuum == SqliteOptions::Vacuum::kIncremental) HEARTH_TRY(database->EnableVacuum());
  // SQLite syncs the folder for its journals, not for a database file that it has just made.
  HEARTH_TRY(SyncFolder(std::filesystem::path(path).parent_path().string()));
  return database;
}

SqliteDatabase::~SqliteDatabase() {
  for (const auto& [sql, prepared] : prepared_) sqlite3_finalize(prepared.statement);
  sqlite3_close_v2(connection_);
}

Status SqliteDatabase::Connect(const SqliteOptions& options) {
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
  const std::string absolute = std::filesystem::absolute(path_).string();
  if (const int code = sqlite3_open_v2(absolute.c_str(), &connection_, flags, options.vfs);
      code != SQLITE_OK) {
    return Failure(code).WithContext("open");
  }
  sqlite3_extended_result_codes(connection_, 1);
  sqlite3_busy_timeout(connection_, static_cast<int>(options.busy_timeout.count()));
  if (options.checkpoints == SqliteOptions::Checkpoints::kByOwner) {
    sqlite3_wal_hook(
        connection_,
        [](void* self, sqlite3*, const char*, int pages) {
          static_cast<SqliteDatabase*>(self)->wal_pages_ = pages;
          return SQLITE_OK;
        },
        this);
  }
  // A damaged or foreign file must not run code of its own, and must be noticed early.
  sqlite3_db_config(connection_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  HEARTH_TRY(Script("PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;"));
  // Debian's SQLite overwrites what is deleted: twice the writing, for bytes that the folder's 0700 guards.
  HEARTH_TRY(Script("PRAGMA secure_delete=OFF; PRAGMA cache_size=-" +
                    std::to_string(options.cache.count / 1024) + ";"));
  // Takes effect in an empty file only; before the first page is written.
  if (options.vacuum == SqliteOptions::Vacuum::kIncremental) {
    HEARTH_TRY(Script("PRAGMA auto_vacuum=INCREMENTAL;"));
  }
  // journal_size_limit: a burst's WAL does not keep its size for ever.
  return Script("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA journal_size_limit=67108864;");
}

Status SqliteDatabase::CheckKind(const SqliteSchema& schema) {
  HEARTH_ASSIGN(const int64_t version, Number("PRAGMA user_version"));
  HEARTH_ASSIGN(const int64_t kind, Number("PRAGMA application_id"));
  HEARTH_ASSIGN(const int64_t tables, Number("SELECT count(*) FROM sqlite_schema"));
  const bool empty = version == 0 && kind == 0 && tables == 0;
  if (!empty && kind != static_cast<int64_t>(schema.application_id)) {
    return Error{ErrorCode::kMisconfigured,
                 "open " + path_ + ": a database of another kind (application_id " + std::to_string(kind) +
                     ", expected " + std::to_string(schema.application_id) + "); check the data folder"};
  }
  const auto known = static_cast<int64_t>(schema.steps.size());
  if (version < 0 || version > known) {
    return Error{ErrorCode::kMisconfigured,
                 "open " + path_ + ": its schema is version " + std::to_string(version) +
                     ", this Hearth knows versions up to " + std::to_string(known) +
                     "; start the newer Hearth that wrote it, or restore a backup"};
  }
  return Ok();
}

Status SqliteDatabase::QuickCheck() {
  auto check = Query("PRAGMA quick_check(1)");
  HEARTH_ASSIGN(const bool row, check.Step());
  const std::string verdict = row ? check.Bytes(0) : "no answer";
  if (verdict == "ok") return Ok();
  return Error{ErrorCode::kCorrupt, "open " + path_ + ": integrity check: " + verdict +
                                        std::string(AdviceFor(ErrorCode::kCorrupt))};
}

Status SqliteDatabase::Migrate(const SqliteSchema& schema) {
  HEARTH_ASSIGN(const int64_t version, Number("PRAGMA user_version"));
  for (size_t step = version; step < schema.steps.size(); ++step) {
    HEARTH_TRY(Script("BEGIN IMMEDIATE; " + std::string(schema.steps[step]) +
                      "; PRAGMA application_id=" + std::to_string(schema.application_id) +
                      "; PRAGMA user_version=" + std::to_string(step + 1) + "; COMMIT;"));
  }
  return Ok();
}

// A file of before Vacuum::kIncremental is copied once. Without room for the copy it serves as it is: the
// next start tries again.
Status SqliteDatabase::EnableVacuum() {
  constexpr int64_t kIncremental = 2;
  HEARTH_ASSIGN(const int64_t mode, Number("PRAGMA auto_vacuum"));
  if (mode == kIncremental) return Ok();
  const Status copied = Script("PRAGMA auto_vacuum=INCREMENTAL; VACUUM;");
  if (!copied.ok() && copied.error().code != ErrorCode::kUnavailable) return copied;
  return Ok();
}

Status SqliteDatabase::Script(const std::string& sql) {
  const int code = sqlite3_exec(connection_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return Failure(code);
  return Ok();
}

Status SqliteDatabase::Checkpoint(CheckpointKind kind) {
  const int mode = kind == CheckpointKind::kTruncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
  int log = 0;
  int moved = 0;
  const int code = sqlite3_wal_checkpoint_v2(connection_, nullptr, mode, &log, &moved);
  // A reader (a backup, for one) in the way: the rest is moved next time.
  if (code == SQLITE_BUSY) return Ok();
  if (code != SQLITE_OK) return Failure(code);
  if (log == moved) wal_pages_ = 0;
  return Ok();
}

Status SqliteDatabase::GiveBackPages(uint32_t pages) {
  // The number is part of the text, so it is not kept: a bound parameter is not allowed here.
  return Script("PRAGMA incremental_vacuum(" + std::to_string(pages) + ")");
}

int64_t SqliteDatabase::last_insert_id() const { return sqlite3_last_insert_rowid(connection_); }
int64_t SqliteDatabase::rows_changed() const { return sqlite3_changes64(connection_); }
int64_t SqliteDatabase::rows_changed_ever() const { return sqlite3_total_changes64(connection_); }
bool SqliteDatabase::in_transaction() const { return sqlite3_get_autocommit(connection_) == 0; }

Error SqliteDatabase::Failure(int code) const {
  const ErrorCode ours = CodeOf(code);
  const char* text = connection_ ? sqlite3_errmsg(connection_) : sqlite3_errstr(code);
  return Error{ours,
               path_ + ": " + text + " (SQLite " + std::to_string(code) + ")" + std::string(AdviceFor(ours))};
}

}  // namespace hearth
