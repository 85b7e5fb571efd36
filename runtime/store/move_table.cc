#include "runtime/store/move_table.h"

#include "runtime/base/ids.h"

namespace hearth {

Status MoveTable::Forget(const std::string& source) {
  return database_.Run("DELETE FROM move_task WHERE source=?1", source);
}

MoveTable::Task MoveTable::TaskOf(const SqliteStatement& row) {
  Task task;
  task.number = row.Int(0);
  task.until_sequence = row.Int(9);
  task.task = {.handle = row.Bytes(1),
               .source = row.Bytes(2),
               .destination = row.Bytes(3),
               .per_second_max = static_cast<uint32_t>(row.Int(4)),
               .state = static_cast<MoveTask::State>(row.Int(5)),
               .moved = static_cast<uint64_t>(row.Int(6)),
               .to_move = static_cast<uint64_t>(row.Int(7)),
               .failure = row.Bytes(8),
               .started = WallTime(microseconds(row.Int(10)))};
  return task;
}

Result<std::optional<MoveTable::Task>> MoveTable::Find(const std::string& handle) {
  auto row = database_.Query(
      "SELECT number,handle,source,destination,per_second_max,state,moved,to_move,failure,until_sequence,"
      "started_us FROM move_task WHERE handle=?1",
      handle);
  HEARTH_ASSIGN(const bool found, row.Step());
  return found ? std::optional(TaskOf(row)) : std::nullopt;
}

Result<std::vector<MoveTask>> MoveTable::List(const std::string& source) {
  HEARTH_ASSIGN(const QueueRow* const queue, catalog_.Find(source));
  std::vector<MoveTask> tasks;
  auto row = database_.Query(
      "SELECT number,handle,source,destination,per_second_max,state,moved,to_move,failure,until_sequence,"
      "started_us FROM move_task WHERE source=?1 ORDER BY number DESC LIMIT ?2",
      queue->name(), kMovesListedMax);
  for (;;) {
    HEARTH_ASSIGN(const bool found, row.Step());
    if (!found) return tasks;
    tasks.push_back(TaskOf(row).task);
  }
}

Result<std::vector<MoveTable::Running>> MoveTable::AllRunning() {
  std::vector<Running> running;
  auto row = database_.Query(
      "SELECT handle,per_second_max FROM move_task INDEXED BY move_task_running WHERE state=0 ORDER BY "
      "number");
  for (;;) {
    HEARTH_ASSIGN(const bool found, row.Step());
    if (!found) return running;
    running.push_back({row.Bytes(0), static_cast<uint32_t>(row.Int(1))});
  }
}

Result<MoveTable::Running> MoveTable::Start(StoreTime now, const std::string& source,
                                            const std::string& destination, uint32_t per_second_max) {
  HEARTH_ASSIGN(QueueRow* const from, catalog_.Find(source));
  const QueueRow* const to = catalog_.Lookup(destination);
  HEARTH_TRY(CheckMove(source, from->settings(), catalog_.IsDeadLetterQueue(source), destination,
                       to ? &to->settings() : nullptr));
  HEARTH_ASSIGN(const int64_t running,
                database_.Number("SELECT count(*) FROM move_task WHERE source=?1 AND state=0", source));
  if (running > 0) return MoveIsRunning(source);
  HEARTH_TRY(
      database_.Run("DELETE FROM move_task WHERE source=?1 AND number NOT IN"
                    "(SELECT number FROM move_task WHERE source=?1 ORDER BY number DESC LIMIT ?2)",
                    source, kMovesListedMax - 1));
  const Running task{MakeUuid(random_), per_second_max};
  HEARTH_TRY(database_.Run(
      "INSERT INTO move_task(handle,source,destination,per_second_max,state,moved,to_move,failure,started_us,"
      "until_sequence) VALUES(?1,?2,?3,?4,0,0,?5,'',?6,?7)",
      task.handle, source, destination, per_second_max, from->ready, now.wall.time_since_epoch().count(),
      sequence_.next()));
  return task;
}

Result<uint64_t> MoveTable::Cancel(const std::string& handle) {
  HEARTH_ASSIGN(const auto task, Find(handle));
  if (!task || task->task.state != MoveTask::State::kRunning) return NoSuchMove(handle);
  HEARTH_TRY(End(task->number, MoveTask::State::kCancelled, ""));
  return task->task.moved;
}

Status MoveTable::End(int64_t number, MoveTask::State state, const std::string& failure) {
  return database_.Run("UPDATE move_task SET state=?2,failure=?3 WHERE number=?1", number,
                       static_cast<int64_t>(state), failure);
}

Result<bool> MoveTable::Step(StoreTime now, const std::string& handle, uint32_t count) {
  HEARTH_TRY(messages_.MakeDueVisible(now));
  HEARTH_TRY(catalog_.Load());
  HEARTH_ASSIGN(const auto found, Find(handle));
  if (!found || found->task.state != MoveTask::State::kRunning) return false;
  QueueRow* const from = catalog_.Lookup(found->task.source);
  if (!from) return false;  // and its tasks are gone with it
  const MoveTask& task = found->task;
  HEARTH_ASSIGN(const auto moved,
                messages_.Move(now, *from, found->until_sequence, count,
                               [&](const MessageRow& row) { return DestinationOf(task, row); }));
  if (moved.count > 0) {
    HEARTH_TRY(
        database_.Run("UPDATE move_task SET moved=moved+?2 WHERE number=?1", found->number, moved.count));
  }
  if (moved.more) return true;
  HEARTH_TRY(End(found->number, moved.failure ? MoveTask::State::kFailed : MoveTask::State::kCompleted,
                 moved.failure ? moved.failure->message : ""));
  return false;
}

Result<QueueRow*> MoveTable::DestinationOf(const MoveTask& task, const MessageRow& row) const {
  const std::string& name = task.destination.empty() ? row.source : task.destination;
  if (QueueRow* const to = catalog_.Lookup(name)) return to;
  return NoWayBack(row.message_id.empty() ? sequence_.ids().Encode(row.id) : row.message_id, name);
}

}  // namespace hearth
