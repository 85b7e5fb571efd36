#include "runtime/store/message_table.h"

#include <algorithm>

#include "runtime/base/digest.h"
#include "runtime/base/ids.h"
#include "runtime/store/message_attributes.h"
#include "runtime/store/message_table_row.h"

// Sending, receiving, looking. What is done with a lease is in message_leases.cc, what time does in
// message_upkeep.cc.

namespace hearth {
namespace {

// Rows read at a time: 64 with inline bodies are at most 4 MiB.
constexpr uint32_t kRowsAtATime = 64;

int64_t ChecksumOf(const std::string& message_id, std::string_view attributes, std::string_view body) {
  return Crc32(body, Crc32(attributes, Crc32(message_id)));
}

bool IsExpired(StoreTime now, const QueueRow& queue, int64_t enqueued_us) {
  return enqueued_us + microseconds(queue.settings().retention).count() <= now.lease_us;
}

}  // namespace

Result<std::vector<SentMessage>> MessageTable::Send(StoreTime now, const std::string& name,
                                                    const std::vector<NewMessage>& messages) {
  HEARTH_ASSIGN(const QueueRow queue, catalog_.Find(name));
  HEARTH_TRY(ValidateMessages(messages, queue.settings()));
  HEARTH_TRY(SaveClock(now));
  std::vector<SentMessage> sent;
  CountChange change;
  for (const NewMessage& message : messages) {
    HEARTH_ASSIGN(std::string id, SendOne(now, queue, message, change));
    sent.push_back({std::move(id)});
  }
  HEARTH_TRY(bodies_.SyncNames());
  HEARTH_TRY(catalog_.AddCounts(queue.heap, change));
  if (change.ready > 0) visible_.insert(name);
  counters_[queue.id].sent += change.ready + change.delayed;
  return sent;
}

Result<std::string> MessageTable::SendOne(StoreTime now, const QueueRow& queue, const NewMessage& message,
                                          CountChange& change) {
  if (!message.idempotency_key.empty()) {
    HEARTH_ASSIGN(auto sent, AlreadySent(now, queue, message.idempotency_key));
    if (sent) return std::move(*sent);
  }
  const std::string id = MakeUuid(random_);
  HEARTH_ASSIGN(const int64_t body, InsertBody(id, message));
  const seconds delay = message.delay == seconds(-1) ? queue.settings().delay : message.delay;
  const auto state = delay.count() == 0 ? MessageState::kReady : MessageState::kDelayed;
  ++(state == MessageState::kReady ? change.ready : change.delayed);
  HEARTH_TRY(database_.Run(
      "INSERT INTO message(heap,state,due_us,enqueued_us,generation,receives,message_id,sent_us,"
      "first_received_us,source,body) VALUES(?1,?2,?3,?4,0,0,?5,?6,0,'',?7)",
      queue.heap, static_cast<int64_t>(state), now.lease_us + microseconds(delay).count(), now.lease_us, id,
      now.wall.time_since_epoch().count(), body));
  if (!message.idempotency_key.empty()) {
    HEARTH_TRY(database_.Run("INSERT INTO sent(queue,key,message_id,until_us) VALUES(?1,?2,?3,?4)", queue.id,
                             SqlBlob{message.idempotency_key}, id,
                             now.lease_us + microseconds(kIdempotencyWindow).count()));
  }
  return id;
}

Result<std::optional<std::string>> MessageTable::AlreadySent(StoreTime now, const QueueRow& queue,
                                                             const std::string& key) {
  HEARTH_TRY(database_.Run("DELETE FROM sent WHERE until_us<=?1", now.lease_us));
  auto row = database_.Query("SELECT message_id FROM sent WHERE queue=?1 AND key=?2", queue.id, SqlBlob{key});
  HEARTH_ASSIGN(const bool found, row.Step());
  return found ? std::optional(row.Bytes(0)) : std::nullopt;
}

Result<int64_t> MessageTable::InsertBody(const std::string& message_id, const NewMessage& message) {
  const std::string attributes = EncodeAttributes(message.attributes);
  const int64_t crc = ChecksumOf(message_id, attributes, message.body);
  if (message.body.size() <= kInlineBodyBytesMax) {
    HEARTH_TRY(database_.Run("INSERT INTO body(content,attributes,file,bytes,crc) VALUES(?1,?2,NULL,?3,?4)",
                             SqlBlob{message.body}, SqlBlob{attributes}, message.body.size(), crc));
  } else {
    HEARTH_TRY(bodies_.Write(message_id, message.body));
    HEARTH_TRY(database_.Run("INSERT INTO body(content,attributes,file,bytes,crc) VALUES(x'',?1,?2,?3,?4)",
                             SqlBlob{attributes}, message_id, message.body.size(), crc));
  }
  return database_.last_insert_id();
}

Result<std::vector<QueueMessage>> MessageTable::Receive(StoreTime now, const std::string& name,
                                                        const ReceiveRequest& request) {
  HEARTH_TRY(MakeDueVisible(now));
  HEARTH_ASSIGN(const QueueRow queue, catalog_.Find(name));
  HEARTH_TRY(ValidateReceive(request, queue.settings()));
  const seconds visibility =
      request.visibility == seconds(-1) ? queue.settings().visibility_timeout : request.visibility;
  HEARTH_ASSIGN(const auto dead_letters, catalog_.Lookup(queue.settings().dead_letter_queue));
  const uint32_t count = std::min(request.count, kReceiveBatchMax);
  std::vector<QueueMessage> received;
  CountChange change;
  uint64_t bytes = 0;
  for (int64_t after = 0; received.size() < count && bytes < kReceiveBytesMax;) {
    HEARTH_ASSIGN(auto rows,
                  ReadyRows(queue, after, std::min<uint32_t>(count - received.size(), kRowsAtATime)));
    if (rows.empty()) break;
    for (Row& row : rows) {
      if (!received.empty() && bytes + row.bytes > kReceiveBytesMax) {
        bytes = kReceiveBytesMax;
        break;
      }
      after = row.id;
      HEARTH_ASSIGN(const bool diverted, Divert(now, queue, dead_letters, row, change));
      if (diverted) continue;
      HEARTH_TRY(LeaseRow(now, row, visibility, request));
      --change.ready;
      ++change.in_flight;
      HEARTH_ASSIGN(auto message, Open(queue, row));
      if (!message) continue;
      bytes += row.bytes;
      received.push_back(std::move(*message));
    }
  }
  if (change.in_flight > 0) HEARTH_TRY(SaveClock(now));
  HEARTH_TRY(catalog_.AddCounts(queue.heap, change));
  counters_[queue.id].received += received.size();
  return received;
}

Result<std::vector<QueueMessage>> MessageTable::Peek(StoreTime now, const std::string& name, uint32_t count) {
  HEARTH_ASSIGN(const QueueRow queue, catalog_.Find(name));
  HEARTH_TRY(MakeDueVisible(now));
  count = std::min(count, kReceiveBatchMax);
  std::vector<QueueMessage> seen;
  uint64_t bytes = 0;
  for (int64_t after = 0; seen.size() < count && bytes < kReceiveBytesMax;) {
    HEARTH_ASSIGN(const auto rows,
                  ReadyRows(queue, after, std::min<uint32_t>(count - seen.size(), kRowsAtATime)));
    if (rows.empty()) break;
    for (const Row& row : rows) {
      after = row.id;
      bytes += row.bytes;
      if (IsExpired(now, queue, row.enqueued_us)) continue;
      HEARTH_ASSIGN(auto message, Open(queue, row));
      if (!message) continue;
      message->receipt_handle.clear();  // a look is no lease
      seen.push_back(std::move(*message));
    }
  }
  return seen;
}

Result<std::vector<MessageTable::Row>> MessageTable::ReadyRows(const QueueRow& queue, int64_t after,
                                                               uint32_t count) {
  auto found = database_.Query(
      "SELECT m.id,m.enqueued_us,m.generation,m.receives,m.message_id,m.sent_us,m.first_received_us,m.source,"
      "m.body,b.content,b.attributes,b.file,b.bytes,b.crc"
      " FROM message m INDEXED BY message_order LEFT JOIN body b ON b.id=m.body"
      " WHERE m.heap=?1 AND m.state=0 AND m.id>?2 ORDER BY m.id LIMIT ?3",
      queue.heap, after, count);
  std::vector<Row> rows;
  for (;;) {
    HEARTH_ASSIGN(const bool more, found.Step());
    if (!more) return rows;
    rows.push_back({.id = found.Int(0),
                    .enqueued_us = found.Int(1),
                    .generation = found.Int(2),
                    .receives = found.Int(3),
                    .message_id = found.Bytes(4),
                    .sent_us = found.Int(5),
                    .first_received_us = found.Int(6),
                    .source = found.Bytes(7),
                    .body = found.Int(8),
                    .content = found.Bytes(9),
                    .attributes = found.Bytes(10),
                    .file = found.Bytes(11),
                    .bytes = static_cast<uint64_t>(found.Int(12)),
                    .crc = found.Int(13)});
  }
}

// True: this row is not for the receiver, and has left the queue.
Result<bool> MessageTable::Divert(StoreTime now, const QueueRow& queue,
                                  const std::optional<QueueRow>& dead_letters, const Row& row,
                                  CountChange& change) {
  if (IsExpired(now, queue, row.enqueued_us)) {
    HEARTH_TRY(EraseMessage(row.id, row.body));
    --change.ready;
    return true;
  }
  // Without the dead-letter queue (it was removed) a message is delivered once too often rather than lost.
  const bool worn_out = queue.settings().receives_max > 0 && row.receives >= queue.settings().receives_max;
  if (!worn_out || !dead_letters) return false;
  HEARTH_TRY(MoveToDeadLetters(now, queue, *dead_letters, row));
  --change.ready;
  ++counters_[queue.id].dead_lettered;
  return true;
}

// A new row, so that the order of rows is the order of arrival there, and retention counts from the arrival:
// a letter that was old when it died is still there to be looked at.
Status MessageTable::MoveToDeadLetters(StoreTime now, const QueueRow& from, const QueueRow& to,
                                       const Row& row) {
  HEARTH_TRY(database_.Run(
      "INSERT INTO message(heap,state,due_us,enqueued_us,generation,receives,message_id,sent_us,"
      "first_received_us,source,body) VALUES(?1,0,0,?2,0,0,?3,?4,0,?5,?6)",
      to.heap, now.lease_us, row.message_id, row.sent_us, from.description.name, row.body));
  HEARTH_TRY(database_.Run("DELETE FROM message WHERE id=?1", row.id));
  visible_.insert(to.description.name);
  return catalog_.AddCounts(to.heap, {.ready = 1});
}

Status MessageTable::LeaseRow(StoreTime now, Row& row, seconds visibility, const ReceiveRequest& request) {
  ++row.generation;
  ++row.receives;
  if (row.first_received_us == 0) row.first_received_us = now.wall.time_since_epoch().count();
  const microseconds total(std::max(visibility, request.lease_total_max));
  return database_.Run(
      "UPDATE message SET state=2,due_us=?2,generation=?3,receives=?4,first_received_us=?5,lease_ends_us=?6"
      " WHERE id=?1",
      row.id, now.lease_us + microseconds(visibility).count(), row.generation, row.receives,
      row.first_received_us, request.lease_total_max.count() == 0 ? 0 : now.lease_us + total.count());
}

Result<std::optional<QueueMessage>> MessageTable::Open(const QueueRow& queue, const Row& row) {
  // A file that cannot be read fails the checksum like one that was changed.
  auto file = row.file.empty() ? Result<std::string>(row.content) : bodies_.Read(row.file);
  std::string body = file.ok() ? std::move(*file) : std::string();
  auto attributes = DecodeAttributes(row.attributes);
  if (!attributes.ok() || ChecksumOf(row.message_id, row.attributes, body) != row.crc) {
    damage_.push_back({ErrorCode::kCorrupt, "queue " + queue.description.name + ": message " +
                                                row.message_id +
                                                " is damaged on disk and was not delivered"});
    return std::optional<QueueMessage>();
  }
  QueueMessage message;
  message.message_id = row.message_id;
  message.receipt_handle = ReceiptHandle{row.id, row.generation}.Encode(queue.id);
  message.body = std::move(body);
  message.attributes = std::move(*attributes);
  message.sent = WallTime(microseconds(row.sent_us));
  message.first_received = WallTime(microseconds(row.first_received_us));
  message.receive_count = static_cast<uint32_t>(row.receives);
  message.dead_letter_source = row.source;
  return std::optional(std::move(message));
}

}  // namespace hearth
