#include "runtime/store/sqlite_key_store.h"

#include "runtime/base/digest.h"

namespace hearth {
namespace {

// SQLite checks the shape of its file, not the bytes of a value: the row's CRC-32 does, over key and value.
const SqliteSchema kSchema{0x484b4559,  // "HKEY"
                           {"CREATE TABLE entry("
                            "  key BLOB NOT NULL UNIQUE,"
                            "  value BLOB NOT NULL,"
                            "  crc INTEGER NOT NULL)"}};

int64_t Checksum(std::string_view key, std::string_view value) { return Crc32(value, Crc32(key)); }

Status WriteOne(SqliteDatabase& database, const KeyStore::Write& write) {
  if (!write.value) return database.Run("DELETE FROM entry WHERE key=?1", SqlBlob{write.key});
  return database.Run(
      "INSERT INTO entry(key,value,crc) VALUES(?1,?2,?3)"
      " ON CONFLICT(key) DO UPDATE SET value=excluded.value, crc=excluded.crc",
      SqlBlob{write.key}, SqlBlob{*write.value}, Checksum(write.key, *write.value));
}

Result<KeyStore::Entry> EntryOf(const SqliteStatement& row, const SqliteDatabase& database) {
  KeyStore::Entry entry{row.Bytes(0), row.Bytes(1)};
  if (row.Int(2) == Checksum(entry.key, entry.value)) return entry;
  return Error{ErrorCode::kCorrupt,
               "read key " + entry.key + " from " + database.path() +
                   ": its checksum does not match; write the key again or restore a backup"};
}

Result<std::optional<std::string>> ReadOne(SqliteDatabase& database, const std::string& key) {
  auto row = database.Query("SELECT key,value,crc FROM entry WHERE key=?1", SqlBlob{key});
  HEARTH_ASSIGN(const bool found, row.Step());
  if (!found) return std::optional<std::string>();
  HEARTH_ASSIGN(KeyStore::Entry entry, EntryOf(row, database));
  return std::optional<std::string>(std::move(entry.value));
}

Result<std::vector<KeyStore::Entry>> ReadPrefix(SqliteDatabase& database, const std::string& prefix) {
  std::vector<KeyStore::Entry> entries;
  auto row = database.Query("SELECT key,value,crc FROM entry WHERE key>=?1 ORDER BY key", SqlBlob{prefix});
  for (;;) {
    HEARTH_ASSIGN(const bool found, row.Step());
    if (!found) return entries;
    HEARTH_ASSIGN(KeyStore::Entry entry, EntryOf(row, database));
    if (!entry.key.starts_with(prefix)) return entries;
    entries.push_back(std::move(entry));
  }
}

}  // namespace

Result<std::unique_ptr<SqliteKeyStore>> SqliteKeyStore::Open(const std::string& path, Executor& executor,
                                                             const Options& options) {
  HEARTH_ASSIGN(auto database, SqliteDatabase::Open(path, kSchema, options.sqlite));
  return std::unique_ptr<SqliteKeyStore>(new SqliteKeyStore(std::move(database), executor, options.commit));
}

SqliteKeyStore::SqliteKeyStore(std::unique_ptr<SqliteDatabase> database, Executor& executor,
                               const GroupCommitOptions& commit)
    : database_(std::move(database)), commit_(*database_, executor, "keys", commit, {}) {}

void SqliteKeyStore::Apply(std::vector<Write> writes, Done done) {
  commit_.Submit({.run = [writes = std::move(writes)](SqliteDatabase& database) -> Status {
                    HEARTH_TRY(ValidateWrites(writes));
                    for (const Write& write : writes) HEARTH_TRY(WriteOne(database, write));
                    return Ok();
                  },
                  .done = std::move(done)});
}

// Reads take their turn among the writes, so that a read sees every write submitted before it.
template <class T>
void SqliteKeyStore::Read(std::function<Result<T>(SqliteDatabase&)> read,
                          std::function<void(Result<T>)> done) {
  auto found = std::make_shared<T>();
  commit_.Submit({.run = [found, read = std::move(read)](SqliteDatabase& database) -> Status {
                    HEARTH_ASSIGN(*found, read(database));
                    return Ok();
                  },
                  .done =
                      [found, done = std::move(done)](Status status) {
                        if (!status.ok()) return done(std::move(status).error());
                        done(std::move(*found));
                      }});
}

void SqliteKeyStore::Get(std::string key, std::function<void(Result<std::optional<std::string>>)> done) {
  Read<std::optional<std::string>>(
      [key = std::move(key)](SqliteDatabase& database) { return ReadOne(database, key); }, std::move(done));
}

void SqliteKeyStore::List(std::string prefix, std::function<void(Result<std::vector<Entry>>)> done) {
  Read<std::vector<Entry>>(
      [prefix = std::move(prefix)](SqliteDatabase& database) { return ReadPrefix(database, prefix); },
      std::move(done));
}

}  // namespace hearth
