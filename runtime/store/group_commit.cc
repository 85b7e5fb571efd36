#include "runtime/store/group_commit.h"

#include <algorithm>

namespace hearth {

GroupCommit::GroupCommit(SqliteDatabase& database, Executor& executor, const char* thread_name,
                         GroupCommitOptions options, Hooks hooks)
    : database_(database),
      executor_(executor),
      options_{std::clamp(options.linger, milliseconds(0), kGroupCommitLingerMax),
               std::max(1u, options.operations_max)},
      hooks_(std::move(hooks)),
      thread_(std::make_unique<WorkThread>(executor, thread_name)) {}

GroupCommit::~GroupCommit() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  arrived_.notify_one();
  thread_.reset();
}

void GroupCommit::Submit(Operation operation) {
  bool schedule;
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(operation));
    schedule = !std::exchange(scheduled_, true);
  }
  arrived_.notify_one();
  // The thread takes all that waits, group by group, in one piece of work.
  if (schedule) thread_->Submit([this] { RunGroup(); });
}

void GroupCommit::RunGroup() {
  for (;;) {
    Group group = TakeGroup();
    if (group.empty()) return;
    std::vector<Status> statuses(group.size());
    const MonotonicTime began = executor_.clock().Now();
    const Status committed = Commit(group, statuses);
    if (!committed.ok()) {
      RolledBack();
      statuses.assign(group.size(), committed);
    }
    const Verdict verdict = committed.ok() ? Verdict::kCommitted : Verdict::kFailed;
    auto after = hooks_.after_group ? hooks_.after_group(verdict) : nullptr;
    Report(std::move(group), std::move(statuses), std::move(after), committed.ok(),
           executor_.clock().Now() - began);
    if (hooks_.after_answers) hooks_.after_answers();
  }
}

GroupCommit::Group GroupCommit::TakeGroup() {
  std::unique_lock lock(mutex_);
  if (options_.linger.count() > 0 && !waiting_.empty()) {
    arrived_.wait_for(lock, options_.linger,
                      [this] { return stopping_ || waiting_.size() >= options_.operations_max; });
  }
  Group group;
  while (!waiting_.empty() && group.size() < options_.operations_max) {
    group.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  if (group.empty()) scheduled_ = false;
  return group;
}

// The group's fate; each operation's own goes to `statuses`.
Status GroupCommit::Commit(Group& group, std::vector<Status>& statuses) {
  HEARTH_TRY(database_.Run("BEGIN IMMEDIATE"));
  HEARTH_ASSIGN(const bool ran, RunPlainly(group, statuses));
  if (!ran) {
    RolledBack();
    HEARTH_TRY(database_.Run("BEGIN IMMEDIATE"));
    HEARTH_TRY(RunCarefully(group, statuses));
  }
  HEARTH_TRY(BeforeCommit());
  return database_.Run("COMMIT");
}

// False: an operation has failed half-way.
Result<bool> GroupCommit::RunPlainly(Group& group, std::vector<Status>& statuses) {
  for (size_t i = 0; i < group.size(); ++i) {
    const int64_t changed = database_.rows_changed_ever();
    statuses[i] = group[i].run(database_);
    if (statuses[i].ok()) continue;
    // After a full disk or an I/O error SQLite may have rolled back the neighbours too.
    if (!database_.in_transaction()) return statuses[i].error();
    if (database_.rows_changed_ever() != changed) return false;
  }
  return true;
}

Status GroupCommit::RunCarefully(Group& group, std::vector<Status>& statuses) {
  for (size_t i = 0; i < group.size(); ++i) HEARTH_TRY(RunOne(group[i], statuses[i]));
  return Ok();
}

Status GroupCommit::RunOne(Operation& operation, Status& status) {
  HEARTH_TRY(database_.Run("SAVEPOINT operation"));
  status = operation.run(database_);
  if (!status.ok()) {
    if (!database_.in_transaction()) return status;
    HEARTH_TRY(database_.Run("ROLLBACK TO operation"));
    if (hooks_.rolled_back) hooks_.rolled_back(Undone::kOperation);
  } else {
    HEARTH_TRY(BeforeCommit());
  }
  return database_.Run("RELEASE operation");
}

void GroupCommit::RolledBack() {
  if (database_.in_transaction()) (void)database_.Run("ROLLBACK");
  if (hooks_.rolled_back) hooks_.rolled_back(Undone::kGroup);
}

void GroupCommit::Report(Group group, std::vector<Status> statuses, std::function<void()> after,
                         bool committed, nanoseconds took) {
  struct Finished {
    Group group;
    std::vector<Status> statuses;
    std::function<void()> after;
  };
  auto finished =
      std::make_shared<Finished>(Finished{std::move(group), std::move(statuses), std::move(after)});
  executor_.Post([weak = weak_factory_.Get(), finished, committed, took] {
    if (weak) {
      weak->stats_.failed += !committed;
      weak->stats_.operations.Observe(finished->group.size());
      weak->stats_.time_ns.Observe(static_cast<uint64_t>(took.count()));
    }
    for (size_t i = 0; i < finished->group.size(); ++i) {
      if (!weak) return;  // a completion may destroy the store
      finished->group[i].done(std::move(finished->statuses[i]));
    }
    if (weak && finished->after) finished->after();
  });
}

}  // namespace hearth
