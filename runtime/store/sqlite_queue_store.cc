#include "runtime/store/sqlite_queue_store.h"

namespace hearth {
namespace {

// Nobody waits for what upkeep deletes; a minute keeps an idle disk asleep.
constexpr seconds kCleanUpPeriod{60};
// Without a call for so long, the log is cut and free space given back.
constexpr seconds kIdle{2};
constexpr seconds kMoveRetry{1};

}  // namespace

Result<std::unique_ptr<SqliteQueueStore>> SqliteQueueStore::Open(const std::string& path, Executor& executor,
                                                                 Options options) {
  options.sqlite.vacuum = SqliteOptions::Vacuum::kIncremental;
  options.sqlite.checkpoints = SqliteOptions::Checkpoints::kByOwner;
  HEARTH_ASSIGN(auto database, SqliteDatabase::Open(path, QueueSchema(), options.sqlite));
  std::unique_ptr<SqliteQueueStore> store(
      new SqliteQueueStore(std::move(database), path, executor, std::move(options)));
  HEARTH_TRY(store->Start());
  return store;
}

SqliteQueueStore::SqliteQueueStore(std::unique_ptr<SqliteDatabase> database, const std::string& path,
                                   Executor& executor, Options options)
    : executor_(executor),
      options_(std::move(options)),
      database_(std::move(database)),
      bodies_(path + ".bodies") {}

Status SqliteQueueStore::Start() {
  HEARTH_TRY(bodies_.Open());
  HEARTH_TRY(sequence_.Load());
  HEARTH_TRY(catalog_.Load());
  HEARTH_TRY(bodies_.CollectOrphans([this](const std::string& file) { return messages_.NamesFile(file); }));
  clock_.emplace(executor_.clock(), sequence_.last_seen_us());
  HEARTH_TRY(messages_.FindEarliestDue());
  HEARTH_ASSIGN(const auto moving, moves_.AllRunning());
  GroupCommit::Hooks hooks;
  hooks.before_commit = [this]() -> Status {
    HEARTH_TRY(sequence_.Flush());
    return catalog_.Flush();
  };
  hooks.rolled_back = [this](GroupCommit::Undone undone) {
    catalog_.RolledBack();
    sequence_.RolledBack();
    messages_.RolledBack();
    if (undone == GroupCommit::Undone::kGroup) bodies_.GroupFailed();
  };
  hooks.after_group = [this](GroupCommit::Verdict verdict) { return AfterGroup(verdict); };
  hooks.after_answers = [this] { space_.AfterGroup(); };
  commit_ = std::make_unique<GroupCommit>(*database_, executor_, "queues", options_.commit, std::move(hooks));
  ArmDueTimer(messages_.EarliestDue());
  for (const MoveTable::Running& task : moving) DriveMove(task.handle, task.per_second_max);
  CleanUp();
  return Ok();
}

// The time of an operation is the time of its call. Calls are run in order, so it never goes back.
void SqliteQueueStore::Run(std::function<Status(StoreTime)> work, Done done) {
  commit_->Submit({.run = [this, now = clock_->Now(), work = std::move(work)](SqliteDatabase&) -> Status {
                     bodies_.OperationBegins();
                     Status status = work(now);
                     if (!status.ok()) bodies_.OperationFailed();
                     return status;
                   },
                   .done = std::move(done)});
}

template <class T>
void SqliteQueueStore::Ask(std::function<Result<T>(StoreTime)> work, Reply<T> reply) {
  auto answer = std::make_shared<T>();
  Run(
      [answer, work = std::move(work)](StoreTime now) -> Status {
        HEARTH_ASSIGN(*answer, work(now));
        return Ok();
      },
      [answer, reply = std::move(reply)](Status status) {
        if (!status.ok()) return reply(std::move(status).error());
        reply(std::move(*answer));
      });
}

std::function<void()> SqliteQueueStore::AfterGroup(GroupCommit::Verdict verdict) {
  if (verdict == GroupCommit::Verdict::kCommitted) {
    bodies_.GroupCommitted();
    catalog_.GroupCommitted();
  }
  auto news = std::make_shared<News>();
  news->visible = messages_.TakeVisible();
  news->damage = messages_.TakeDamage();
  news->earliest_due_us = messages_.EarliestDue();
  return [this, news] { OnNews(*news); };
}

// GroupCommit runs this only while the store lives; each callback may end that.
void SqliteQueueStore::OnNews(const News& news) {
  ArmDueTimer(news.earliest_due_us);
  WatchForIdleness();
  const auto weak = weak_factory_.Get();
  for (const Error& error : news.damage) {
    if (weak && options_.on_damage) options_.on_damage(error);
  }
  for (const std::string& queue : news.visible) {
    if (weak && on_visible_) on_visible_(queue);
  }
}

void SqliteQueueStore::ArmDueTimer(std::optional<int64_t> due_us) {
  if (due_us == due_armed_us_) return;
  due_armed_us_ = due_us;
  due_timer_.Cancel();
  if (!due_us) return;
  const microseconds wait(std::max<int64_t>(0, *due_us - clock_->Now().lease_us));
  due_timer_ = executor_.After(wait, [this] {
    due_armed_us_.reset();
    Run([this](StoreTime now) { return messages_.MakeDueVisible(now); }, [](Status) {});
  });
}

void SqliteQueueStore::CleanUp() {
  clean_up_timer_ = executor_.After(kCleanUpPeriod, [this] { CleanUp(); });
  Ask<bool>([this](StoreTime now) { return messages_.CleanUp(now); },
            [this](Result<bool> more) {
              if (more.ok() && *more) CleanUp();
            });
}

void SqliteQueueStore::DriveMove(const std::string& handle, uint32_t per_second_max) {
  Move& move = moving_[handle];
  move.pace = PaceOf(per_second_max);
  move.timer = executor_.After(move.pace.wait, [this, handle] { StepMove(handle); });
}

void SqliteQueueStore::StepMove(const std::string& handle) {
  const uint32_t count = moving_[handle].pace.count;
  Ask<bool>([this, handle, count](StoreTime now) { return moves_.Step(now, handle, count); },
            [this, handle](const Result<bool>& more) {
              const auto move = moving_.find(handle);
              if (move == moving_.end()) return;
              if (more.ok() && !*more) {
                moving_.erase(move);
                return;
              }
              // A step that failed (a full disk, for one) has moved nothing.
              const microseconds wait = more.ok() ? move->second.pace.wait : microseconds(kMoveRetry);
              move->second.timer = executor_.After(wait, [this, handle] { StepMove(handle); });
            });
}

// One timer that is looked at when it ends, so that a group costs no timer.
void SqliteQueueStore::WatchForIdleness() {
  last_group_ = executor_.clock().Now();
  if (idle_timer_.armed()) return;
  idle_timer_ = executor_.After(kIdle, [this] {
    idle_timer_.Cancel();
    if (executor_.clock().Now() - last_group_ >= kIdle) return Tidy();
    const MonotonicTime last = last_group_;
    WatchForIdleness();
    last_group_ = last;
  });
}

// In steps, so that a call that comes meanwhile waits for one of them at most; then it is idle no more.
void SqliteQueueStore::Tidy() {
  commit_->SubmitBetween([this, weak = weak_factory_.Get()] {
    const bool more = space_.WhenIdle();
    executor_.Post([weak, more] {
      if (weak && more && !weak->idle_timer_.armed()) weak->Tidy();
    });
  });
}

void SqliteQueueStore::Create(std::string queue, QueueSettings settings, Done done) {
  Run([this, queue = std::move(queue),
       settings = std::move(settings)](StoreTime now) { return catalog_.Create(now, queue, settings); },
      std::move(done));
}

void SqliteQueueStore::Configure(std::string queue, QueueSettings settings, Done done) {
  Run(
      [this, queue = std::move(queue), settings = std::move(settings)](StoreTime now) -> Status {
        HEARTH_TRY(catalog_.Configure(now, queue, settings));
        return messages_.ApplyDelay(queue);
      },
      std::move(done));
}

void SqliteQueueStore::Remove(std::string queue, Done done) {
  Run(
      [this, queue = std::move(queue)](StoreTime) -> Status {
        HEARTH_TRY(catalog_.Remove(queue));
        return moves_.Forget(queue);
      },
      [this, done = std::move(done)](Status status) {
        if (status.ok()) CleanUp();
        done(std::move(status));
      });
}

void SqliteQueueStore::List(Reply<std::vector<QueueDescription>> reply) {
  Ask<std::vector<QueueDescription>>(
      [this](StoreTime) -> Result<std::vector<QueueDescription>> {
        HEARTH_TRY(catalog_.Load());
        std::vector<QueueDescription> queues;
        for (const auto& [name, queue] : catalog_.queues()) queues.push_back(queue->description);
        return queues;
      },
      std::move(reply));
}

void SqliteQueueStore::Describe(std::string queue, Reply<QueueDescription> reply) {
  Ask<QueueDescription>(
      [this, queue = std::move(queue)](StoreTime) -> Result<QueueDescription> {
        HEARTH_ASSIGN(const QueueRow* const row, catalog_.Find(queue));
        return row->description;
      },
      std::move(reply));
}

void SqliteQueueStore::Statistics(std::string queue, Reply<QueueStatistics> reply) {
  Ask<QueueStatistics>(
      [this, queue = std::move(queue)](StoreTime now) { return messages_.Statistics(now, queue); },
      std::move(reply));
}

void SqliteQueueStore::AllStatistics(Reply<std::vector<std::pair<std::string, QueueStatistics>>> reply) {
  using All = std::vector<std::pair<std::string, QueueStatistics>>;
  Ask<All>(
      [this](StoreTime now) -> Result<All> {
        HEARTH_TRY(catalog_.Load());
        All all;
        for (const auto& [name, queue] : catalog_.queues()) {
          HEARTH_ASSIGN(auto statistics, messages_.Statistics(now, name));
          all.emplace_back(name, statistics);
        }
        return all;
      },
      std::move(reply));
}

void SqliteQueueStore::Send(std::string queue, std::vector<NewMessage> messages,
                            Reply<std::vector<SentMessage>> reply) {
  Ask<std::vector<SentMessage>>([this, queue = std::move(queue), messages = std::move(messages)](
                                    StoreTime now) { return messages_.Send(now, queue, messages); },
                                std::move(reply));
}

void SqliteQueueStore::Receive(std::string queue, ReceiveRequest request,
                               Reply<std::vector<QueueMessage>> reply) {
  Ask<std::vector<QueueMessage>>([this, queue = std::move(queue), request = std::move(request)](
                                     StoreTime now) { return messages_.Receive(now, queue, request); },
                                 std::move(reply));
}

void SqliteQueueStore::Peek(std::string queue, uint32_t count, Reply<std::vector<QueueMessage>> reply) {
  Ask<std::vector<QueueMessage>>(
      [this, queue = std::move(queue), count](StoreTime now) { return messages_.Peek(now, queue, count); },
      std::move(reply));
}

void SqliteQueueStore::Discard(std::string queue, std::vector<std::string> message_ids,
                               Reply<uint64_t> reply) {
  Ask<uint64_t>([this, queue = std::move(queue), message_ids = std::move(message_ids)](
                    StoreTime now) { return messages_.Discard(now, queue, message_ids); },
                std::move(reply));
}

void SqliteQueueStore::Delete(std::string queue, std::vector<std::string> handles,
                              Reply<std::vector<Status>> reply) {
  Ask<std::vector<Status>>([this, queue = std::move(queue), handles = std::move(handles)](
                               StoreTime now) { return messages_.Delete(now, queue, handles); },
                           std::move(reply));
}

void SqliteQueueStore::ChangeVisibility(std::string queue, std::vector<std::string> handles,
                                        seconds visibility, Reply<std::vector<Status>> reply) {
  Ask<std::vector<Status>>(
      [this, queue = std::move(queue), handles = std::move(handles), visibility](StoreTime now) {
        return messages_.ChangeVisibility(now, queue, handles, visibility);
      },
      std::move(reply));
}

void SqliteQueueStore::Return(std::string queue, std::vector<std::string> handles,
                              Reply<std::vector<Status>> reply) {
  Ask<std::vector<Status>>([this, queue = std::move(queue), handles = std::move(handles)](
                               StoreTime now) { return messages_.Return(now, queue, handles); },
                           std::move(reply));
}

void SqliteQueueStore::Purge(std::string queue, Done done) {
  Run([this, queue = std::move(queue)](StoreTime) { return catalog_.Purge(queue); },
      [this, done = std::move(done)](Status status) {
        if (status.ok()) CleanUp();
        done(std::move(status));
      });
}

void SqliteQueueStore::Tag(std::string queue, std::map<std::string, std::string> tags,
                           std::vector<std::string> keys, Done done) {
  Run([this, queue = std::move(queue), tags = std::move(tags),
       keys = std::move(keys)](StoreTime) { return catalog_.Tag(queue, tags, keys); },
      std::move(done));
}

void SqliteQueueStore::StartMove(std::string source, std::string destination, uint32_t per_second_max,
                                 Reply<std::string> handle) {
  Ask<std::string>(
      [this, source = std::move(source), destination = std::move(destination),
       per_second_max](StoreTime now) -> Result<std::string> {
        HEARTH_ASSIGN(auto task, moves_.Start(now, source, destination, per_second_max));
        return std::move(task.handle);
      },
      [this, per_second_max, handle = std::move(handle)](Result<std::string> started) {
        if (started.ok()) DriveMove(*started, per_second_max);
        handle(std::move(started));
      });
}

void SqliteQueueStore::CancelMove(std::string handle, Reply<uint64_t> reply) {
  Ask<uint64_t>([this, handle = std::move(handle)](StoreTime) { return moves_.Cancel(handle); },
                std::move(reply));
}

void SqliteQueueStore::ListMoves(std::string source, Reply<std::vector<MoveTask>> reply) {
  Ask<std::vector<MoveTask>>([this, source = std::move(source)](StoreTime) { return moves_.List(source); },
                             std::move(reply));
}

}  // namespace hearth
