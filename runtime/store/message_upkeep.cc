#include "runtime/store/message_table.h"

// What time does to messages: due, expired, purged; the figures; and moving back.

namespace hearth {
namespace {

// Rows that one step handles of a kind: some 10 ms of the writer thread.
constexpr uint32_t kStepRowsMax = 1'000;

}  // namespace

Status MessageTable::MakeDueVisible(StoreTime now) {
  sequence_.SeenAt(now);
  if (!earliest_due_us_ || *earliest_due_us_ > now.lease_us) return Ok();
  HEARTH_TRY(catalog_.Load());
  std::vector<std::pair<int64_t, MessageState>> due;
  {
    auto row = database_.Query(
        "SELECT id,state FROM delivery INDEXED BY delivery_due WHERE state>0 AND due_us<=?1"
        " ORDER BY due_us LIMIT ?2",
        now.lease_us, kStepRowsMax);
    for (;;) {
      HEARTH_ASSIGN(const bool found, row.Step());
      if (!found) break;
      due.emplace_back(row.Int(0), static_cast<MessageState>(row.Int(1)));
    }
  }
  for (const auto& [id, state] : due) {
    if (QueueRow* const queue = catalog_.OfHeap(MessageKey::HeapOf(id))) {
      HEARTH_TRY(MakeVisible(*queue, id, state));
    } else {
      HEARTH_TRY(database_.Run("DELETE FROM delivery WHERE id=?1", id));  // purged
    }
  }
  return FindEarliestDue();
}

Status MessageTable::FindEarliestDue() {
  auto row = database_.Query(
      "SELECT due_us FROM delivery INDEXED BY delivery_due WHERE state>0 ORDER BY due_us LIMIT 1");
  HEARTH_ASSIGN(const bool found, row.Step());
  earliest_due_us_ = found ? std::optional(row.Int(0)) : std::nullopt;
  return Ok();
}

Status MessageTable::ApplyDelay(const std::string& name) {
  HEARTH_ASSIGN(const QueueRow* const queue, catalog_.Find(name));
  if (!queue->is_fifo() || queue->delayed == 0) return Ok();
  earliest_due_us_ = 0;
  return database_.Run(
      "UPDATE delivery SET due_us=?3+(SELECT enqueued_us FROM message WHERE id=delivery.id)"
      " WHERE id>=?1 AND id<?2 AND state=1",
      MessageKey::First(queue->heap), MessageKey::End(queue->heap),
      microseconds(queue->settings().delay).count());
}

Result<QueueStatistics> MessageTable::Statistics(StoreTime now, const std::string& name) {
  HEARTH_TRY(MakeDueVisible(now));
  HEARTH_ASSIGN(QueueRow* const queue, catalog_.Find(name));
  HEARTH_ASSIGN(const uint32_t expired, ExpireOldest(now, *queue, kStepRowsMax));
  (void)expired;
  QueueStatistics statistics = queue->since_start;
  statistics.visible = static_cast<uint64_t>(queue->ready);
  statistics.in_flight = static_cast<uint64_t>(queue->in_flight);
  statistics.delayed = static_cast<uint64_t>(queue->delayed);
  HEARTH_ASSIGN(const auto oldest, OldestArrival(*queue));
  if (oldest) {
    const microseconds age(std::max<int64_t>(0, now.lease_us - *oldest));
    statistics.oldest_age = std::chrono::duration_cast<milliseconds>(age);
  }
  return statistics;
}

// In a FIFO queue those behind a blocked group count too: what stands before the first of them is leased.
Result<std::optional<int64_t>> MessageTable::OldestArrival(const QueueRow& queue) {
  if (queue.ready == 0) return std::optional<int64_t>();
  if (!queue.is_fifo()) {
    HEARTH_ASSIGN(const auto oldest, OldestVisible(queue));
    return oldest ? std::optional(oldest->enqueued_us) : std::nullopt;
  }
  auto row = database_.Query(
      "SELECT m.enqueued_us FROM message m LEFT JOIN delivery d ON d.id=m.id"
      " WHERE m.id>=?1 AND m.id<?2 AND coalesce(d.state,0)<=0 ORDER BY m.id LIMIT 1",
      MessageKey::First(queue.heap), MessageKey::End(queue.heap));
  HEARTH_ASSIGN(const bool found, row.Step());
  return found ? std::optional(row.Int(0)) : std::nullopt;
}

Result<bool> MessageTable::CleanUp(StoreTime now) {
  HEARTH_TRY(MakeDueVisible(now));
  HEARTH_TRY(catalog_.Load());
  HEARTH_ASSIGN(bool more, sent_.CleanUp(now, kStepRowsMax));
  uint32_t expired = 0;
  for (const auto& [name, queue] : catalog_.queues()) {
    if (expired >= kStepRowsMax) break;
    HEARTH_ASSIGN(const uint32_t here, ExpireOldest(now, *queue, kStepRowsMax - expired));
    expired += here;
  }
  HEARTH_ASSIGN(const uint32_t erased, EraseAbandoned(kStepRowsMax));
  more = more || expired >= kStepRowsMax || erased == kStepRowsMax;
  if (more) return true;
  HEARTH_ASSIGN(const auto abandoned, catalog_.AbandonedHeap());
  return abandoned.has_value();
}

// The oldest arrivals stand first, so what has expired does too. What is delayed or leased, or behind a
// blocked group, expires when it becomes visible.
Result<uint32_t> MessageTable::ExpireOldest(StoreTime now, QueueRow& queue, uint32_t count) {
  const int64_t retention_us = microseconds(queue.settings().retention).count();
  uint32_t expired = 0;
  while (queue.ready > 0 && now.lease_us >= queue.expires_us && expired < count) {
    HEARTH_ASSIGN(const auto oldest, OldestVisible(queue));
    if (!oldest) break;
    queue.expires_us = oldest->enqueued_us + retention_us;
    if (now.lease_us < queue.expires_us) break;
    HEARTH_TRY(EraseReady(queue, *oldest));
    if (queue.is_fifo()) HEARTH_TRY(Settle(queue, oldest->member_of));
    ++expired;
  }
  return expired;
}

Result<uint32_t> MessageTable::EraseAbandoned(uint32_t count) {
  HEARTH_ASSIGN(const auto heap, catalog_.AbandonedHeap());
  if (!heap) return 0;
  const int64_t first = MessageKey::First(*heap);
  const int64_t end = MessageKey::End(*heap);
  uint32_t erased = 0;
  int64_t last = 0;
  {
    auto row = database_.Query(
        "SELECT id,file_bytes IS NOT NULL,message_id FROM message WHERE id>=?1 AND id<?2 ORDER BY id LIMIT "
        "?3",
        first, end, count);
    for (;; ++erased) {
      HEARTH_ASSIGN(const bool found, row.Step());
      if (!found) break;
      last = row.Int(0);
      if (row.Int(1) == 0) continue;
      bodies_.RemoveAfterCommit(row.IsNull(2) ? sequence_.ids().Encode(last) : row.Bytes(2));
    }
  }
  HEARTH_TRY(database_.Run("DELETE FROM message WHERE id>=?1 AND id<=?2", first, last));
  HEARTH_TRY(database_.Run("DELETE FROM delivery WHERE id>=?1 AND id<=?2", first, last));
  if (erased == count) return erased;
  HEARTH_ASSIGN(const bool groups_left, groups_.Erase(*heap, count));
  if (groups_left) return count;
  HEARTH_TRY(catalog_.ForgetHeap(*heap));
  return erased;
}

// One step of a move task.
Result<MessageTable::Moved> MessageTable::Move(StoreTime now, QueueRow& from, int64_t until_sequence,
                                               uint32_t count, const DestinationOf& destination_of) {
  Moved moved;
  std::set<int64_t> groups;
  int64_t last_group = 0;
  bool more = true;
  for (Place place = Start(from); more && moved.count < count;) {
    HEARTH_ASSIGN(const auto rows, VisibleRows(from, place, static_cast<uint32_t>(count - moved.count)));
    more = !rows.empty();
    for (const MessageRow& row : rows) {
      const bool first_of_group = std::exchange(last_group, row.member_of) != row.member_of;
      if (MessageKey::SequenceOf(row.id) >= until_sequence) {
        // Groups come in the order of their first messages: behind a young first there are only young ones.
        more = from.is_fifo() && !first_of_group;
        if (!more) break;
        continue;
      }
      if (row.member_of != 0) groups.insert(row.member_of);
      if (IsExpired(now, from, row)) {
        HEARTH_TRY(EraseReady(from, row));
        continue;
      }
      const Result<QueueRow*> to = destination_of(row);
      if (!to.ok()) {
        moved.failure = to.error();
        more = false;
        break;
      }
      HEARTH_TRY(MoveRow(now, from, **to, row, std::nullopt));
      ++moved.count;
    }
  }
  for (const int64_t group : groups) HEARTH_TRY(Settle(from, group));
  moved.more = more && !moved.failure;
  return moved;
}

}  // namespace hearth
