#include <algorithm>

#include "runtime/store/message_table_row.h"

// What time does to messages: due, expired, purged; and the figures.

namespace hearth {
namespace {

// Rows that one step of CleanUp() deletes of a kind: some 10 ms of the writer thread.
constexpr uint32_t kCleanUpRowsMax = 1'000;
// Lease time is stored this often, so a restart under a clock that was set back extends a lease by at most so
// much.
constexpr int64_t kClockSavePeriodUs = 1'000'000;

}  // namespace

Status MessageTable::MakeDueVisible(StoreTime now) {
  HEARTH_ASSIGN(const auto earliest, EarliestDue());
  if (!earliest || *earliest > now.lease_us) return Ok();
  std::map<int64_t, CountChange> changes;
  {
    auto row = database_.Query(
        "SELECT heap,state,count(*) FROM message INDEXED BY message_due WHERE state<>0 AND due_us<=?1"
        " GROUP BY heap,state",
        now.lease_us);
    for (;;) {
      HEARTH_ASSIGN(const bool found, row.Step());
      if (!found) break;
      CountChange& change = changes[row.Int(0)];
      const bool delayed = static_cast<MessageState>(row.Int(1)) == MessageState::kDelayed;
      (delayed ? change.delayed : change.in_flight) -= row.Int(2);
      change.ready += row.Int(2);
    }
  }
  HEARTH_TRY(database_.Run("UPDATE message INDEXED BY message_due SET state=0 WHERE state<>0 AND due_us<=?1",
                           now.lease_us));
  for (const auto& [heap, change] : changes) {
    HEARTH_TRY(catalog_.AddCounts(heap, change));
    HEARTH_ASSIGN(std::string name, catalog_.NameOfHeap(heap));
    if (!name.empty()) visible_.insert(std::move(name));
  }
  return Ok();
}

Result<std::optional<int64_t>> MessageTable::EarliestDue() {
  auto row = database_.Query(
      "SELECT due_us FROM message INDEXED BY message_due WHERE state<>0 ORDER BY due_us LIMIT 1");
  HEARTH_ASSIGN(const bool found, row.Step());
  return found ? std::optional(row.Int(0)) : std::nullopt;
}

Result<QueueStatistics> MessageTable::Statistics(StoreTime now, const std::string& name) {
  HEARTH_TRY(MakeDueVisible(now));
  HEARTH_ASSIGN(const QueueRow before, catalog_.Find(name));
  HEARTH_TRY(ExpireOldest(now, before, kCleanUpRowsMax));
  HEARTH_ASSIGN(const QueueRow queue, catalog_.Find(name));
  QueueStatistics statistics = counters_[queue.id];
  statistics.visible = static_cast<uint64_t>(queue.ready);
  statistics.in_flight = static_cast<uint64_t>(queue.in_flight);
  statistics.delayed = static_cast<uint64_t>(queue.delayed);
  auto oldest = database_.Query(
      "SELECT enqueued_us FROM message INDEXED BY message_order WHERE heap=?1 AND state=0 ORDER BY id LIMIT "
      "1",
      queue.heap);
  HEARTH_ASSIGN(const bool found, oldest.Step());
  if (found) {
    const microseconds age(std::max<int64_t>(0, now.lease_us - oldest.Int(0)));
    statistics.oldest_age = std::chrono::duration_cast<milliseconds>(age);
  }
  return statistics;
}

Result<bool> MessageTable::CleanUp(StoreTime now) {
  HEARTH_TRY(MakeDueVisible(now));
  HEARTH_TRY(database_.Run("DELETE FROM sent WHERE until_us<=?1", now.lease_us));
  bool more = false;
  HEARTH_ASSIGN(const auto queues, catalog_.List());
  for (const QueueRow& queue : queues) {
    HEARTH_ASSIGN(const uint32_t expired, ExpireOldest(now, queue, kCleanUpRowsMax));
    more = more || expired == kCleanUpRowsMax;
  }
  HEARTH_ASSIGN(const uint32_t erased, EraseAbandoned(kCleanUpRowsMax));
  HEARTH_ASSIGN(const auto abandoned, catalog_.AbandonedHeap());
  return more || erased == kCleanUpRowsMax || abandoned.has_value();
}

// In one queue the order of rows is the order of arrival, so what has expired stands first. What is delayed
// or leased expires when it becomes visible.
Result<uint32_t> MessageTable::ExpireOldest(StoreTime now, const QueueRow& queue, uint32_t count) {
  const int64_t arrived_before = now.lease_us - microseconds(queue.settings().retention).count();
  uint32_t expired = 0;
  while (expired < count) {
    int64_t id = 0;
    int64_t body = 0;
    {
      auto oldest = database_.Query(
          "SELECT id,body,enqueued_us FROM message INDEXED BY message_order WHERE heap=?1 AND state=0"
          " ORDER BY id LIMIT 1",
          queue.heap);
      HEARTH_ASSIGN(const bool found, oldest.Step());
      if (!found || oldest.Int(2) > arrived_before) break;
      id = oldest.Int(0);
      body = oldest.Int(1);
    }
    HEARTH_TRY(EraseMessage(id, body));
    ++expired;
  }
  if (expired > 0) HEARTH_TRY(catalog_.AddCounts(queue.heap, {.ready = -static_cast<int64_t>(expired)}));
  return expired;
}

Result<uint32_t> MessageTable::EraseAbandoned(uint32_t count) {
  HEARTH_ASSIGN(const auto heap, catalog_.AbandonedHeap());
  if (!heap) return 0;
  std::vector<std::pair<int64_t, int64_t>> rows;
  {
    auto row = database_.Query("SELECT id,body FROM message INDEXED BY message_order WHERE heap=?1 LIMIT ?2",
                               *heap, count);
    for (;;) {
      HEARTH_ASSIGN(const bool found, row.Step());
      if (!found) break;
      rows.emplace_back(row.Int(0), row.Int(1));
    }
  }
  for (const auto& [id, body] : rows) HEARTH_TRY(EraseMessage(id, body));
  if (rows.size() < count) HEARTH_TRY(catalog_.ForgetHeap(*heap));
  return static_cast<uint32_t>(rows.size());
}

Status MessageTable::SaveClock(StoreTime now) {
  if (now.lease_us < clock_saved_us_ + kClockSavePeriodUs) return Ok();
  clock_saved_us_ = now.lease_us;  // should this be rolled back, the next period saves it
  return database_.Run("UPDATE clock SET now_us=?1", now.lease_us);
}

}  // namespace hearth
