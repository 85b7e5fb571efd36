#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/base/histogram.h"
#include "runtime/base/result.h"
#include "runtime/base/units.h"
#include "runtime/base/weak_ptr.h"
#include "runtime/loop/executor.h"
#include "runtime/loop/work_thread.h"
#include "runtime/store/sqlite_database.h"

namespace hearth {

struct GroupCommitOptions {
  // How long a commit waits for company when fewer than operations_max wait: 0..5 ms. A sync costs 0.3 to 4
  // ms, and what arrives during one shares the next, so 0 already groups under load; more trades latency for
  // fewer syncs.
  milliseconds linger{0};
  // A group's completions run together on the loop: 256 keep that below a millisecond or two.
  uint32_t operations_max = 256;
};

inline constexpr milliseconds kGroupCommitLingerMax{5};

struct CommitStats {
  uint64_t failed = 0;            // groups of which nothing was stored
  GroupSizeHistogram operations;  // of each group
  CoarseHistogram time_ns;        // of each group, its operations and its sync
};

// Runs operations on the store's one writer thread, many to a transaction: what arrives while one transaction
// runs shares the next, and one sync.
//
// Owns:    the writer thread. Owned by its store.
// Borrows: SqliteDatabase& (used on the thread only), Executor&; both outlive it.
// Thread:  Submit() on the loop; Operation::run on the writer thread; Operation::done on the loop, in order
//          of submission.
// Failure: an operation that fails is undone alone, its neighbours are not; a commit that fails fails its
//          whole group. Operations are run in the hope that those that fail have changed nothing, without a
//          savepoint each; when one has, its group is rolled back and run again with savepoints. So an
//          operation may be run twice.
// Promise: everything submitted is run before the destructor returns; no callback runs after.
class GroupCommit final {
 public:
  struct Operation {
    std::function<Status(SqliteDatabase&)> run;
    std::function<void(Status)> done;
  };
  enum class Verdict { kCommitted, kFailed };
  enum class Undone { kOperation, kGroup };
  // For an owner that keeps in memory what the database has. All on the writer thread.
  struct Hooks {
    // In the transaction, before its commit and before each savepoint ends: write what is kept in memory.
    std::function<Status()> before_commit{};
    // The database has gone back to where the group, or one operation of it, began: forget what is kept.
    std::function<void(Undone)> rolled_back{};
    // What it returns runs on the loop after the group's completions.
    std::function<std::function<void()>(Verdict)> after_group{};
    // The answers are on their way: work that nobody waits for.
    std::function<void()> after_answers{};
  };

  GroupCommit(SqliteDatabase& database, Executor& executor, const char* thread_name,
              GroupCommitOptions options, Hooks hooks);
  ~GroupCommit();
  void Submit(Operation operation);
  // Of the groups that the loop has heard of.
  const CommitStats& stats() const { return stats_; }
  // Runs `work` on the writer thread between two groups, outside any transaction.
  void SubmitBetween(std::function<void()> work) { thread_->Submit(std::move(work)); }

 private:
  using Group = std::vector<Operation>;
  void RunGroup();
  Group TakeGroup();
  Status Commit(Group& group, std::vector<Status>& statuses);
  Result<bool> RunPlainly(Group& group, std::vector<Status>& statuses);
  Status RunCarefully(Group& group, std::vector<Status>& statuses);
  Status RunOne(Operation& operation, Status& status);
  Status BeforeCommit() { return hooks_.before_commit ? hooks_.before_commit() : Ok(); }
  void RolledBack();
  void Report(Group group, std::vector<Status> statuses, std::function<void()> after, bool committed,
              nanoseconds took);

  // Constant after construction.
  SqliteDatabase& database_;
  Executor& executor_;
  const GroupCommitOptions options_;
  const Hooks hooks_;

  CommitStats stats_;  // the loop's

  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Operation> waiting_;  // guarded by mutex_
  bool scheduled_ = false;         // guarded by mutex_: the thread has been asked to run a group
  bool stopping_ = false;          // guarded by mutex_
  std::unique_ptr<WorkThread> thread_;
  WeakPtrFactory<GroupCommit> weak_factory_{this};
};

}  // namespace hearth
