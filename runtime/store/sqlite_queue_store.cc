#include "runtime/store/sqlite_queue_store.h"

namespace hearth {
namespace {

// Nobody waits for what upkeep deletes; a minute keeps an idle disk asleep.
constexpr seconds kCleanUpPeriod{60};

Error NoMovesYet() { return {ErrorCode::kUnsupported, "moving messages back is not there yet"}; }

}  // namespace

Result<std::unique_ptr<SqliteQueueStore>> SqliteQueueStore::Open(const std::string& path, Executor& executor,
                                                                 Options options) {
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
  HEARTH_TRY(bodies_.CollectOrphans([this](const std::string& file) -> Result<bool> {
    auto row = database_->Query("SELECT 1 FROM body INDEXED BY body_file WHERE file=?1", file);
    return row.Step();
  }));
  HEARTH_ASSIGN(const int64_t last_seen_us, StoredClock());
  clock_.emplace(executor_.clock(), last_seen_us);
  HEARTH_ASSIGN(const auto due_us, messages_.EarliestDue());
  commit_ =
      std::make_unique<GroupCommit>(*database_, executor_, "queues", options_.commit,
                                    [this](GroupCommit::Verdict verdict) { return AfterGroup(verdict); });
  ArmDueTimer(due_us);
  CleanUp();
  return Ok();
}

Result<int64_t> SqliteQueueStore::StoredClock() {
  auto row = database_->Query("SELECT now_us FROM clock");
  HEARTH_ASSIGN(const bool found, row.Step());
  return found ? row.Int(0) : 0;
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
  } else {
    bodies_.GroupFailed();
  }
  auto news = std::make_shared<News>();
  news->visible = messages_.TakeVisible();
  news->damage = messages_.TakeDamage();
  if (auto due = messages_.EarliestDue(); due.ok()) news->earliest_due_us = *due;
  return [this, news] { OnNews(*news); };
}

// GroupCommit runs this only while the store lives; each callback may end that.
void SqliteQueueStore::OnNews(const News& news) {
  ArmDueTimer(news.earliest_due_us);
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

void SqliteQueueStore::Create(std::string queue, QueueSettings settings, Done done) {
  Run([this, queue = std::move(queue),
       settings = std::move(settings)](StoreTime now) { return catalog_.Create(now, queue, settings); },
      std::move(done));
}

void SqliteQueueStore::Configure(std::string queue, QueueSettings settings, Done done) {
  Run([this, queue = std::move(queue),
       settings = std::move(settings)](StoreTime now) { return catalog_.Configure(now, queue, settings); },
      std::move(done));
}

void SqliteQueueStore::Remove(std::string queue, Done done) {
  Run([this, queue = std::move(queue)](StoreTime) { return catalog_.Remove(queue); },
      [this, done = std::move(done)](Status status) {
        if (status.ok()) CleanUp();
        done(std::move(status));
      });
}

void SqliteQueueStore::List(Reply<std::vector<QueueDescription>> reply) {
  Ask<std::vector<QueueDescription>>(
      [this](StoreTime) -> Result<std::vector<QueueDescription>> {
        HEARTH_ASSIGN(auto rows, catalog_.List());
        std::vector<QueueDescription> queues;
        for (QueueRow& row : rows) queues.push_back(std::move(row.description));
        return queues;
      },
      std::move(reply));
}

void SqliteQueueStore::Describe(std::string queue, Reply<QueueDescription> reply) {
  Ask<QueueDescription>(
      [this, queue = std::move(queue)](StoreTime) -> Result<QueueDescription> {
        HEARTH_ASSIGN(QueueRow row, catalog_.Find(queue));
        return std::move(row.description);
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
        HEARTH_ASSIGN(const auto rows, catalog_.List());
        All all;
        for (const QueueRow& row : rows) {
          HEARTH_ASSIGN(auto statistics, messages_.Statistics(now, row.description.name));
          all.emplace_back(row.description.name, statistics);
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

void SqliteQueueStore::StartMove(std::string, std::string, uint32_t, Reply<std::string> handle) {
  Ask<std::string>([](StoreTime) -> Result<std::string> { return NoMovesYet(); }, std::move(handle));
}

void SqliteQueueStore::CancelMove(std::string, Reply<uint64_t> reply) {
  Ask<uint64_t>([](StoreTime) -> Result<uint64_t> { return NoMovesYet(); }, std::move(reply));
}

void SqliteQueueStore::ListMoves(std::string, Reply<std::vector<MoveTask>> reply) {
  Ask<std::vector<MoveTask>>([](StoreTime) -> Result<std::vector<MoveTask>> { return NoMovesYet(); },
                             std::move(reply));
}

}  // namespace hearth
