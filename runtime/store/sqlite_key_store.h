#pragma once

#include <memory>

#include "runtime/loop/executor.h"
#include "runtime/store/group_commit.h"
#include "runtime/store/key_store.h"
#include "runtime/store/sqlite_database.h"

namespace hearth {

// The embedded driver of KeyStore: one SQLite file, a checksum on each row.
//
// Owns:    the database and its writer thread. Owned by main.
// Borrows: Executor&, outlives it.
// Failure: a damaged row is kCorrupt and names its key; the rest stays readable by Get().
// Promise: every submitted write is finished before the destructor returns; no callback runs after.
class SqliteKeyStore final : public KeyStore {
 public:
  struct Options {
    GroupCommitOptions commit{};
    SqliteOptions sqlite{};
  };
  // Blocks; at start-up. `path` is the database file ("<data-dir>/keys.db"); its folder exists.
  static Result<std::unique_ptr<SqliteKeyStore>> Open(const std::string& path, Executor& executor,
                                                      const Options& options);

  void Apply(std::vector<Write> writes, Done done) override;
  void Get(std::string key, std::function<void(Result<std::optional<std::string>>)> done) override;
  void List(std::string prefix, std::function<void(Result<std::vector<Entry>>)> done) override;

  const CommitStats& commit_stats() const { return commit_.stats(); }

 private:
  SqliteKeyStore(std::unique_ptr<SqliteDatabase> database, Executor& executor,
                 const GroupCommitOptions& commit);
  template <class T>
  void Read(std::function<Result<T>(SqliteDatabase&)> read, std::function<void(Result<T>)> done);

  const std::unique_ptr<SqliteDatabase> database_;  // used on the writer thread only
  GroupCommit commit_;
};

}  // namespace hearth
