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
// Failure: an operation that fails is rolled back alone, its neighbours are not; a commit that fails fails
//          its whole group.
// Promise: everything submitted is run before the destructor returns; no callback runs after.
class GroupCommit final {
 public:
  struct Operation {
    std::function<Status(SqliteDatabase&)> run;
    std::function<void(Status)> done;
  };
  // On the writer thread after each group; what it returns runs on the loop after the group's completions.
  enum class Verdict { kCommitted, kFailed };
  using AfterGroup = std::function<std::function<void()>(Verdict)>;

  GroupCommit(SqliteDatabase& database, Executor& executor, const char* thread_name,
              GroupCommitOptions options, AfterGroup after_group = nullptr);
  ~GroupCommit();
  void Submit(Operation operation);
  // Of the groups that the loop has heard of.
  const CommitStats& stats() const { return stats_; }

 private:
  using Group = std::vector<Operation>;
  void RunGroup();
  Group TakeGroup();
  Status Commit(Group& group, std::vector<Status>& statuses);
  Status RunOne(Operation& operation, Status& status);
  void Report(Group group, std::vector<Status> statuses, std::function<void()> after, bool committed,
              nanoseconds took);

  // Constant after construction.
  SqliteDatabase& database_;
  Executor& executor_;
  const GroupCommitOptions options_;
  const AfterGroup after_group_;

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
