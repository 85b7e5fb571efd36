#include "runtime/store/message_table.h"

// What the holder of a receipt handle does: delete, change visibility, return; and what a filter discards.

namespace hearth {
namespace {

// One status a handle. What is wrong with a handle is its own; what is wrong with the store fails the
// operation, which is then rolled back.
template <class One>
Result<std::vector<Status>> ForEach(const std::vector<std::string>& handles, One one) {
  std::vector<Status> statuses;
  statuses.reserve(handles.size());
  for (const auto& handle : handles) {
    Status status = one(handle);
    if (!status.ok() && FaultOf(status.error().code) != Fault::kCaller) return std::move(status).error();
    statuses.push_back(std::move(status));
  }
  return statuses;
}

}  // namespace

Result<std::vector<Status>> MessageTable::Delete(StoreTime now, const std::string& name,
                                                 const std::vector<std::string>& handles) {
  HEARTH_TRY(MakeDueVisible(now));
  HEARTH_ASSIGN(QueueRow* const queue, catalog_.Find(name));
  return ForEach(handles, [&](const std::string& handle) { return DeleteOne(now, *queue, handle); });
}

// In a standard queue a handle whose lease is over deletes too: its holder has done the work, and Ok promises
// that the message never comes back. In a FIFO queue the message may be in other hands, and its group's order
// with it.
Status MessageTable::DeleteOne(StoreTime now, QueueRow& queue, const std::string& text) {
  HEARTH_ASSIGN(const auto handle, ReceiptHandle::Decode(text, queue.id));
  const int64_t id = RowOf(queue, handle);
  if (MessageKey::HeapOf(id) != queue.heap) return Ok();  // purged
  HEARTH_ASSIGN(const auto row, RowWithDelivery(id));
  if (!row) return Ok();
  const auto state = static_cast<MessageState>(row->state);
  const bool leased = !row->fresh && state == MessageState::kInFlight;
  const bool waits = !row->fresh && state == MessageState::kDelayed;
  const bool expired = !leased && !waits && IsExpired(now, queue, *row);
  const bool current = leased && row->generation == handle.generation && row->due_us > now.lease_us;
  if (queue.is_fifo() && !current && !expired) return LeaseIsOver(text);
  HEARTH_TRY(EraseRow(*row));
  if (leased) {
    --queue.in_flight;
  } else if (waits) {
    --queue.delayed;
  } else {
    --queue.ready;
    if (!queue.is_fifo() && !row->fresh) --queue.again;
  }
  ++queue.since_start.deleted;
  catalog_.Changed(queue);
  if (!queue.is_fifo()) return Ok();
  if (!leased) return Settle(queue, row->member_of);
  HEARTH_ASSIGN(const bool ready, groups_.LeaseEnded(row->member_of));
  if (ready) GroupIsReady(queue);
  return Ok();
}

// Handles of before version 2 of the file name a sequence only.
int64_t MessageTable::RowOf(const QueueRow& queue, const ReceiptHandle& handle) {
  if (MessageKey::HeapOf(handle.message) != 0) return handle.message;
  return MessageKey::Make(queue.heap, MessageKey::Lane::kDirect, MessageKey::SequenceOf(handle.message));
}

Result<std::optional<MessageRow>> MessageTable::RowWithDelivery(int64_t id) {
  auto row = database_.Query("SELECT " HEARTH_MESSAGE_COLUMNS "," HEARTH_DELIVERY_COLUMNS
                             " FROM message m LEFT JOIN delivery d ON d.id=m.id WHERE m.id=?1",
                             id);
  HEARTH_ASSIGN(const bool found, row.Step());
  return found ? std::optional(MessageRowOf(row, WithDelivery::kYes)) : std::nullopt;
}

Result<uint64_t> MessageTable::Discard(StoreTime now, const std::string& name,
                                       const std::vector<std::string>& ids) {
  HEARTH_TRY(MakeDueVisible(now));
  HEARTH_ASSIGN(QueueRow* const queue, catalog_.Find(name));
  uint64_t discarded = 0;
  for (const std::string& id : ids) {
    HEARTH_ASSIGN(const auto found, RowOfId(*queue, id));
    if (!found) continue;
    HEARTH_ASSIGN(const auto row, RowWithDelivery(*found));
    if (!row) continue;
    const bool waits = !row->fresh && row->state > static_cast<int64_t>(MessageState::kReady);
    if (waits || IsExpired(now, *queue, *row)) continue;
    HEARTH_TRY(EraseRow(*row));
    --queue->ready;
    if (!queue->is_fifo() && !row->fresh) --queue->again;
    if (queue->is_fifo()) HEARTH_TRY(Settle(*queue, row->member_of));
    ++discarded;
  }
  queue->since_start.deleted += discarded;
  catalog_.Changed(*queue);
  return discarded;
}

Result<std::optional<int64_t>> MessageTable::RowOfId(const QueueRow& queue, const std::string& message_id) {
  std::optional<int64_t> found = sequence_.ids().Decode(message_id);
  if (found && MessageKey::HeapOf(*found) == queue.heap) {
    HEARTH_ASSIGN(const int64_t own,
                  database_.Number("SELECT 1 FROM message WHERE id=?1 AND message_id IS NULL", *found));
    if (own != 0) return found;
  }
  HEARTH_ASSIGN(
      const int64_t moved,
      database_.Number("SELECT id FROM message INDEXED BY message_moved WHERE message_id=?1 AND id>=?2"
                       " AND id<?3",
                       message_id, MessageKey::First(queue.heap), MessageKey::End(queue.heap)));
  return moved != 0 ? std::optional(moved) : std::nullopt;
}

Result<std::vector<Status>> MessageTable::ChangeVisibility(StoreTime now, const std::string& name,
                                                           const std::vector<std::string>& handles,
                                                           seconds visibility) {
  HEARTH_TRY(ValidateVisibility(visibility));
  HEARTH_TRY(MakeDueVisible(now));
  HEARTH_ASSIGN(QueueRow* const queue, catalog_.Find(name));
  if (visibility == seconds(-1)) visibility = queue->settings().visibility_timeout;
  return ForEach(handles,
                 [&](const std::string& handle) { return ChangeOne(now, *queue, handle, visibility); });
}

Status MessageTable::ChangeOne(StoreTime now, QueueRow& queue, const std::string& text, seconds visibility) {
  HEARTH_ASSIGN(const auto lease, CurrentLease(now, queue, text));
  if (!lease) return LeaseIsOver(text);
  if (visibility.count() == 0) return MakeVisible(queue, lease->row, MessageState::kInFlight);
  const int64_t due_us = now.lease_us + microseconds(visibility).count();
  if (lease->ends_us > 0 && due_us > lease->ends_us) return LeaseTooLong(text);
  Due(due_us);
  return database_.Run("UPDATE delivery SET due_us=?2 WHERE id=?1", lease->row, due_us);
}

Result<std::vector<Status>> MessageTable::Return(StoreTime now, const std::string& name,
                                                 const std::vector<std::string>& handles) {
  HEARTH_TRY(MakeDueVisible(now));
  HEARTH_ASSIGN(QueueRow* const queue, catalog_.Find(name));
  return ForEach(handles, [&](const std::string& handle) { return ReturnOne(now, *queue, handle); });
}

Status MessageTable::ReturnOne(StoreTime now, QueueRow& queue, const std::string& text) {
  HEARTH_ASSIGN(const auto lease, CurrentLease(now, queue, text));
  if (!lease) return LeaseIsOver(text);
  const int64_t receives = std::max<int64_t>(0, lease->receives - 1);
  HEARTH_TRY(database_.Run("UPDATE delivery SET receives=?2,first_received_us=?3 WHERE id=?1", lease->row,
                           receives, receives == 0 ? 0 : lease->first_received_us));
  return MakeVisible(queue, lease->row, MessageState::kInFlight);
}

Result<std::optional<MessageTable::Lease>> MessageTable::CurrentLease(StoreTime now, const QueueRow& queue,
                                                                      const std::string& text) {
  HEARTH_ASSIGN(const auto handle, ReceiptHandle::Decode(text, queue.id));
  const int64_t id = RowOf(queue, handle);
  if (MessageKey::HeapOf(id) != queue.heap) return std::optional<Lease>();
  auto row = database_.Query(
      "SELECT receives,first_received_us,ends_us FROM delivery"
      " WHERE id=?1 AND state=2 AND generation=?2 AND due_us>?3",
      id, handle.generation, now.lease_us);
  HEARTH_ASSIGN(const bool found, row.Step());
  return found ? std::optional(Lease{id, row.Int(0), row.Int(1), row.Int(2)}) : std::nullopt;
}

// Of a message that was leased or delayed.
Status MessageTable::MakeVisible(QueueRow& queue, int64_t row, MessageState from) {
  const auto ready = queue.is_fifo() ? MessageState::kReadyInGroup : MessageState::kReady;
  HEARTH_TRY(database_.Run("UPDATE delivery SET state=?2 WHERE id=?1", row, static_cast<int64_t>(ready)));
  --(from == MessageState::kDelayed ? queue.delayed : queue.in_flight);
  ++queue.ready;
  queue.expires_us = 0;  // it may be older than what was the oldest
  catalog_.Changed(queue);
  if (!queue.is_fifo()) {
    ++queue.again;
    visible_.insert(queue.name());
    return Ok();
  }
  HEARTH_ASSIGN(const int64_t group, database_.Number("SELECT member_of FROM message WHERE id=?1", row));
  if (from == MessageState::kDelayed) return Settle(queue, group);
  HEARTH_ASSIGN(const bool free, groups_.LeaseEnded(group));
  if (free) GroupIsReady(queue);
  return Ok();
}

}  // namespace hearth
