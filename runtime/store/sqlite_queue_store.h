#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/weak_ptr.h"
#include "runtime/loop/executor.h"
#include "runtime/store/body_files.h"
#include "runtime/store/group_commit.h"
#include "runtime/store/lease_clock.h"
#include "runtime/store/message_table.h"
#include "runtime/store/move_table.h"
#include "runtime/store/queue_catalog.h"
#include "runtime/store/queue_store.h"
#include "runtime/store/sequence_source.h"
#include "runtime/store/space_keeper.h"
#include "runtime/store/sqlite_database.h"

namespace hearth {

// The embedded driver of QueueStore: one SQLite file for all queues, a folder beside it for bodies over 64
// KiB. docs/store.md has the files and what each promise rests on.
//
// Owns:    the database, the folder, the writer thread. Owned by main.
// Borrows: Executor&, outlives it.
// Thread:  loop thread; the SQL runs on the writer thread, in groups (GroupCommit). Timers: one for the
//          earliest deadline of all delays and leases, one for upkeep each minute, one that notices idleness,
//          one for each move task that runs.
// Failure: a damaged message is reported to on_damage and not delivered; it counts as received, so it ends in
//          the dead-letter queue or at its retention.
// Promise: everything submitted is finished before the destructor returns; no callback runs after.
class SqliteQueueStore final : public QueueStore {
 public:
  struct Options {
    GroupCommitOptions commit{};
    SqliteOptions sqlite{.cache = 32_MiB};          // vacuum and checkpoints are the store's own
    Bytes message_bytes_max = kMessageBytesMax;     // what a queue may allow at most
    std::function<void(const Error&)> on_damage{};  // on the loop
  };
  // Blocks; at start-up. `path` is the database file ("<data-dir>/queues.db"); its folder exists.
  static Result<std::unique_ptr<SqliteQueueStore>> Open(const std::string& path, Executor& executor,
                                                        Options options);

  void Create(std::string queue, QueueSettings settings, Done done) override;
  void Configure(std::string queue, QueueSettings settings, Done done) override;
  void Remove(std::string queue, Done done) override;
  void List(Reply<std::vector<QueueDescription>> reply) override;
  void Describe(std::string queue, Reply<QueueDescription> reply) override;
  void Statistics(std::string queue, Reply<QueueStatistics> reply) override;
  void AllStatistics(Reply<std::vector<std::pair<std::string, QueueStatistics>>> reply) override;
  void Send(std::string queue, std::vector<NewMessage> messages,
            Reply<std::vector<SentMessage>> reply) override;
  void Receive(std::string queue, ReceiveRequest request, Reply<std::vector<QueueMessage>> reply) override;
  void Peek(std::string queue, uint32_t count, Reply<std::vector<QueueMessage>> reply) override;
  void Discard(std::string queue, std::vector<std::string> message_ids, Reply<uint64_t> reply) override;
  void Delete(std::string queue, std::vector<std::string> handles, Reply<std::vector<Status>> reply) override;
  void ChangeVisibility(std::string queue, std::vector<std::string> handles, seconds visibility,
                        Reply<std::vector<Status>> reply) override;
  void Return(std::string queue, std::vector<std::string> handles, Reply<std::vector<Status>> reply) override;
  void Purge(std::string queue, Done done) override;
  void Tag(std::string queue, std::map<std::string, std::string> tags, std::vector<std::string> keys,
           Done done) override;
  void StartMove(std::string source, std::string destination, uint32_t per_second_max,
                 Reply<std::string> handle) override;
  void CancelMove(std::string handle, Reply<uint64_t> reply) override;
  void ListMoves(std::string source, Reply<std::vector<MoveTask>> reply) override;
  const CommitStats& commit_stats() const { return commit_->stats(); }
  void SetOnVisible(OnVisible on_visible) override { on_visible_ = std::move(on_visible); }

 private:
  // What a group of operations means for the loop.
  struct News {
    std::set<std::string> visible;
    std::vector<Error> damage;
    std::optional<int64_t> earliest_due_us;
  };

  SqliteQueueStore(std::unique_ptr<SqliteDatabase> database, const std::string& path, Executor& executor,
                   Options options);
  Status Start();
  void Run(std::function<Status(StoreTime)> work, Done done);
  template <class T>
  void Ask(std::function<Result<T>(StoreTime)> work, Reply<T> reply);
  std::function<void()> AfterGroup(GroupCommit::Verdict verdict);
  void OnNews(const News& news);
  void ArmDueTimer(std::optional<int64_t> due_us);
  void CleanUp();
  // Move tasks, paced by the loop.
  void DriveMove(const std::string& handle, uint32_t per_second_max);
  void StepMove(const std::string& handle);
  // Off the path: the log into the file, free pages off the file.
  void WatchForIdleness();
  void Tidy();

  // Constant after construction.
  Executor& executor_;
  const Options options_;
  // The writer thread's.
  const std::unique_ptr<SqliteDatabase> database_;
  BodyFiles bodies_;
  QueueCatalog catalog_{*database_, options_.message_bytes_max};
  SequenceSource sequence_{*database_};
  MessageTable messages_{*database_, catalog_, sequence_, bodies_};
  MoveTable moves_{*database_, catalog_, messages_, sequence_};
  SpaceKeeper space_{*database_};
  // The loop's.
  std::optional<LeaseClock> clock_;  // from Start()
  OnVisible on_visible_;
  Timer due_timer_;
  std::optional<int64_t> due_armed_us_;
  Timer clean_up_timer_;
  Timer idle_timer_;
  MonotonicTime last_group_{};
  struct Move {
    MovePace pace;
    Timer timer;
  };
  std::map<std::string, Move> moving_;
  std::unique_ptr<GroupCommit> commit_;
  WeakPtrFactory<SqliteQueueStore> weak_factory_{this};
};

}  // namespace hearth
