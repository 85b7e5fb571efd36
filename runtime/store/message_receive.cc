#include "runtime/store/message_table.h"

// Receiving, and what a receive moves out of the way.

namespace hearth {
namespace {

// Messages that one receive moves to the dead-letter queue or finds past their retention: some 10 ms of the
// writer thread. The receiver is told to come again.
constexpr uint32_t kDivertedMax = 1'000;

}  // namespace

Result<std::vector<QueueMessage>> MessageTable::Receive(StoreTime now, const std::string& name,
                                                        const ReceiveRequest& request) {
  HEARTH_TRY(MakeDueVisible(now));
  HEARTH_ASSIGN(QueueRow* const queue, catalog_.Find(name));
  HEARTH_TRY(ValidateReceive(request, queue->settings()));
  if (!request.attempt_id.empty()) {
    HEARTH_ASSIGN(auto again, ReceiveAgain(now, *queue, request));
    if (again) return std::move(*again);
  }
  Receiving receiving{.now = now,
                      .queue = *queue,
                      .dead_letters = catalog_.Lookup(queue->settings().dead_letter_queue),
                      .visibility = request.visibility == seconds(-1) ? queue->settings().visibility_timeout
                                                                      : request.visibility,
                      .lease_total_max = request.lease_total_max};
  HEARTH_TRY(ReceiveVisible(receiving, std::min(request.count, kReceiveBatchMax)));
  for (const auto& [group, leased] : receiving.leased_of_group) {
    HEARTH_TRY(leased > 0 ? groups_.Leased(group, leased) : Settle(*queue, group));
  }
  if (!request.attempt_id.empty() && !receiving.leases.empty()) {
    HEARTH_TRY(sent_.SaveAttempt(now, queue->id, request.attempt_id, receiving.leases));
  }
  queue->since_start.received += receiving.messages.size();
  return std::move(receiving.messages);
}

Status MessageTable::ReceiveVisible(Receiving& receiving, uint32_t count) {
  for (Place place = Start(receiving.queue); receiving.messages.size() < count;) {
    const auto missing = static_cast<uint32_t>(count - receiving.messages.size());
    HEARTH_ASSIGN(auto rows, VisibleRows(receiving.queue, place, missing));
    if (rows.empty()) return Ok();
    for (MessageRow& row : rows) {
      HEARTH_TRY(Take(receiving, row));
      if (receiving.full) return Ok();
    }
  }
  return Ok();
}

Status MessageTable::Take(Receiving& receiving, MessageRow& row) {
  if (!receiving.messages.empty() && receiving.bytes + row.bytes > kReceiveBytesMax) {
    receiving.full = true;
    return Ok();
  }
  if (row.member_of != 0) receiving.leased_of_group.try_emplace(row.member_of, 0);
  HEARTH_ASSIGN(const bool diverted, Divert(receiving, row));
  if (diverted) {
    receiving.full = ++receiving.diverted >= kDivertedMax;
    if (receiving.full) visible_.insert(receiving.queue.name());
    return Ok();
  }
  HEARTH_TRY(LeaseRow(receiving, row));
  if (row.member_of != 0) ++receiving.leased_of_group[row.member_of];
  receiving.leases.push_back({row.id, row.generation, row.due_us});
  const uint64_t bytes = row.bytes;
  HEARTH_ASSIGN(auto message, Open(receiving.queue, std::move(row)));
  if (!message) return Ok();
  receiving.bytes += bytes;
  receiving.messages.push_back(std::move(*message));
  return Ok();
}

// True: this row is not for the receiver, and has left the queue.
Result<bool> MessageTable::Divert(Receiving& receiving, const MessageRow& row) {
  QueueRow& queue = receiving.queue;
  if (IsExpired(receiving.now, queue, row)) {
    HEARTH_TRY(EraseReady(queue, row));
    return true;
  }
  // Without the dead-letter queue (it was removed) a message is delivered once too often rather than lost.
  const bool worn_out = queue.settings().receives_max > 0 && row.receives >= queue.settings().receives_max;
  if (!worn_out || !receiving.dead_letters) return false;
  HEARTH_TRY(MoveRow(receiving.now, queue, *receiving.dead_letters, row, queue.name()));
  ++queue.since_start.dead_lettered;
  return true;
}

bool MessageTable::IsExpired(StoreTime now, const QueueRow& queue, const MessageRow& row) {
  return row.enqueued_us + microseconds(queue.settings().retention).count() <= now.lease_us;
}

Status MessageTable::LeaseRow(Receiving& receiving, MessageRow& row) {
  const StoreTime now = receiving.now;
  const microseconds total(std::max(receiving.visibility, receiving.lease_total_max));
  NotReady(receiving.queue, row);
  ++receiving.queue.in_flight;
  ++row.generation;
  ++row.receives;
  if (row.first_received_us == 0) row.first_received_us = now.wall.time_since_epoch().count();
  row.due_us = now.lease_us + microseconds(receiving.visibility).count();
  row.ends_us = receiving.lease_total_max.count() == 0 ? 0 : now.lease_us + total.count();
  Due(row.due_us);
  const auto in_flight = static_cast<int64_t>(MessageState::kInFlight);
  if (row.fresh) {
    return database_.Run("INSERT INTO delivery VALUES(?1,?2,?3,?4,?5,?6,?7)", row.id, in_flight, row.due_us,
                         row.generation, row.receives, row.first_received_us, row.ends_us);
  }
  return database_.Run(
      "UPDATE delivery SET state=?2,due_us=?3,generation=?4,receives=?5,first_received_us=?6,ends_us=?7"
      " WHERE id=?1",
      row.id, in_flight, row.due_us, row.generation, row.receives, row.first_received_us, row.ends_us);
}

// The answer that this attempt had, with its leases beginning anew; nothing when one of them has been touched.
Result<std::optional<std::vector<QueueMessage>>> MessageTable::ReceiveAgain(StoreTime now, QueueRow& queue,
                                                                            const ReceiveRequest& request) {
  const std::optional<std::vector<QueueMessage>> untouched_no_more;
  HEARTH_ASSIGN(auto leases, sent_.FindAttempt(now, queue.id, request.attempt_id));
  if (!leases) return untouched_no_more;
  std::vector<MessageRow> rows;
  for (const ReceivedLease& lease : *leases) {
    if (MessageKey::HeapOf(lease.row) != queue.heap) return untouched_no_more;
    HEARTH_ASSIGN(auto row, RowWithDelivery(lease.row));
    const bool untouched =
        row && !row->fresh && static_cast<MessageState>(row->state) == MessageState::kInFlight &&
        row->generation == lease.generation && row->due_us == lease.due_us && row->due_us > now.lease_us;
    if (!untouched) return untouched_no_more;
    rows.push_back(std::move(*row));
  }
  const seconds visibility =
      request.visibility == seconds(-1) ? queue.settings().visibility_timeout : request.visibility;
  std::vector<QueueMessage> messages;
  for (size_t i = 0; i < rows.size(); ++i) {
    int64_t& due_us = (*leases)[i].due_us;
    due_us = now.lease_us + microseconds(visibility).count();
    if (rows[i].ends_us > 0) due_us = std::min(due_us, rows[i].ends_us);
    HEARTH_TRY(database_.Run("UPDATE delivery SET due_us=?2 WHERE id=?1", rows[i].id, due_us));
    Due(due_us);
    HEARTH_ASSIGN(auto message, Open(queue, std::move(rows[i])));
    if (message) messages.push_back(std::move(*message));
  }
  HEARTH_TRY(sent_.SaveAttempt(now, queue.id, request.attempt_id, *leases));
  return std::optional(std::move(messages));
}

// A new row, so that the order of rows is the order of arrival there, and retention counts from the arrival:
// a letter that was old when it died is still there to be looked at.
Status MessageTable::MoveRow(StoreTime now, QueueRow& from, QueueRow& to, const MessageRow& row,
                             const std::optional<std::string_view>& source) {
  const int64_t moved = MessageKey::Make(to.heap, MessageKey::Lane::kDirect, sequence_.Next());
  GroupTable::Joined joined;
  if (to.is_fifo()) {
    HEARTH_ASSIGN(joined, groups_.Join(to.heap, row.group_id, moved, false));
  }
  const std::string id = row.message_id.empty() ? sequence_.ids().Encode(row.id) : row.message_id;
  HEARTH_TRY(database_.Run(
      "INSERT INTO message SELECT ?2,sent_us,?3,crc,file_bytes,?4,?5,?6,group_id,deduplication_id,attributes,"
      "body FROM message WHERE id=?1",
      row.id, moved, now.lease_us, id, source,
      joined.group > 0 ? std::optional(joined.group) : std::nullopt));
  HEARTH_TRY(database_.Run("DELETE FROM message WHERE id=?1", row.id));
  if (!row.fresh) HEARTH_TRY(database_.Run("DELETE FROM delivery WHERE id=?1", row.id));
  NotReady(from, row);
  ++to.ready;
  catalog_.Changed(to);
  visible_.insert(to.name());
  return Ok();
}

Status MessageTable::EraseReady(QueueRow& queue, const MessageRow& row) {
  HEARTH_TRY(EraseRow(row));
  NotReady(queue, row);
  return Ok();
}

Status MessageTable::EraseRow(const MessageRow& row) {
  HEARTH_TRY(database_.Run("DELETE FROM message WHERE id=?1", row.id));
  if (!row.fresh) HEARTH_TRY(database_.Run("DELETE FROM delivery WHERE id=?1", row.id));
  if (row.in_file) {
    bodies_.RemoveAfterCommit(row.message_id.empty() ? sequence_.ids().Encode(row.id) : row.message_id);
  }
  return Ok();
}

// The figures of a visible message that is visible no more.
void MessageTable::NotReady(QueueRow& queue, const MessageRow& row) {
  --queue.ready;
  if (!queue.is_fifo()) {
    if (row.fresh) {
      queue.fresh_from = std::max(queue.fresh_from, MessageKey::SequenceOf(row.id) + 1);
    } else {
      --queue.again;
    }
  }
  catalog_.Changed(queue);
}

Status MessageTable::Settle(QueueRow& queue, int64_t group) {
  HEARTH_ASSIGN(const bool ready, groups_.Settle(group));
  if (ready) GroupIsReady(queue);
  return Ok();
}

// Its first message may be older than what was the oldest visible one.
void MessageTable::GroupIsReady(QueueRow& queue) {
  visible_.insert(queue.name());
  queue.expires_us = 0;
}

}  // namespace hearth
