#include "runtime/store/message_table.h"

#include "runtime/base/digest.h"
#include "runtime/store/message_attributes.h"

// Sending and looking. Receiving is in message_receive.cc, what is done with a lease in message_leases.cc, what
// time does in message_upkeep.cc.

namespace hearth {
namespace {

int64_t ChecksumOf(std::string_view message_id, std::string_view attributes, std::string_view body) {
  return Crc32(body, Crc32(attributes, Crc32(message_id)));
}

std::optional<std::string_view> OrNull(std::string_view text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

// The key under which a send to a FIFO queue is remembered. Ids have no byte 0.
std::string DeduplicationKey(const QueueRow& queue, const NewMessage& message, const std::string& id) {
  if (queue.settings().deduplication_scope == DeduplicationScope::kQueue) return id;
  return message.group_id + '\0' + id;
}

SentScope ScopeOf(const QueueRow& queue) {
  return queue.settings().deduplication_scope == DeduplicationScope::kQueue ? SentScope::kQueue
                                                                            : SentScope::kMessageGroup;
}

std::string DeduplicationIdOf(const NewMessage& message) {
  if (!message.deduplication_id.empty()) return message.deduplication_id;
  const Sha256Digest digest = Sha256(message.body);
  return ToHex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

}  // namespace

MessageRow MessageRowOf(const SqliteStatement& row, WithDelivery with_delivery) {
  MessageRow message;
  message.id = row.Int(0);
  message.sent_us = row.Int(1);
  message.enqueued_us = row.Int(2);
  message.crc = row.Int(3);
  message.in_file = !row.IsNull(4);
  message.message_id = row.Bytes(5);
  message.source = row.Bytes(6);
  message.member_of = row.Int(7);
  message.group_id = row.Bytes(8);
  message.deduplication_id = row.Bytes(9);
  message.attributes = row.Bytes(10);
  message.body = row.Bytes(11);
  message.bytes = message.in_file ? static_cast<uint64_t>(row.Int(4)) : message.body.size();
  if (with_delivery == WithDelivery::kNo || row.IsNull(12)) return message;
  message.fresh = false;
  message.state = row.Int(12);
  message.generation = row.Int(13);
  message.receives = row.Int(14);
  message.first_received_us = row.Int(15);
  message.due_us = row.Int(16);
  message.ends_us = row.Int(17);
  return message;
}

Result<std::vector<SentMessage>> MessageTable::Send(StoreTime now, const std::string& name,
                                                    const std::vector<NewMessage>& messages) {
  HEARTH_ASSIGN(QueueRow* const queue, catalog_.Find(name));
  HEARTH_TRY(ValidateMessages(messages, queue->settings()));
  std::vector<SentMessage> sent;
  sent.reserve(messages.size());
  const int64_t ready = queue->ready;
  for (const NewMessage& message : messages) {
    HEARTH_ASSIGN(SentMessage answer, SendOne(now, *queue, message));
    sent.push_back(std::move(answer));
  }
  HEARTH_TRY(bodies_.SyncNames());
  if (queue->ready > ready) visible_.insert(name);
  return sent;
}

Result<SentMessage> MessageTable::SendOne(StoreTime now, QueueRow& queue, const NewMessage& message) {
  if (!message.idempotency_key.empty()) {
    HEARTH_ASSIGN(const auto before,
                  sent_.Find(now, queue.id, SentScope::kIdempotency, message.idempotency_key));
    if (before) return AnswerFor(queue, *before);
  }
  std::string deduplication_id = message.deduplication_id;
  std::string key;
  if (queue.is_fifo()) {
    deduplication_id = DeduplicationIdOf(message);
    key = DeduplicationKey(queue, message, deduplication_id);
    HEARTH_ASSIGN(const auto before, sent_.Find(now, queue.id, ScopeOf(queue), key));
    if (before) return AnswerFor(queue, *before);
  }
  SentTable::Sent sent;
  HEARTH_ASSIGN(sent.row, Insert(now, queue, message, deduplication_id, sent.message_id));
  if (!message.idempotency_key.empty()) {
    HEARTH_TRY(sent_.Add(now, queue.id, SentScope::kIdempotency, message.idempotency_key, sent.row));
  }
  if (queue.is_fifo()) HEARTH_TRY(sent_.Add(now, queue.id, ScopeOf(queue), key, sent.row));
  return AnswerFor(queue, sent);
}

SentMessage MessageTable::AnswerFor(const QueueRow& queue, const SentTable::Sent& sent) const {
  return {sent.message_id.empty() ? sequence_.ids().Encode(sent.row) : sent.message_id,
          queue.is_fifo() ? static_cast<uint64_t>(MessageKey::SequenceOf(sent.row)) : 0};
}

Result<int64_t> MessageTable::Insert(StoreTime now, QueueRow& queue, const NewMessage& message,
                                     const std::string& deduplication_id, std::string& message_id) {
  const seconds delay = message.delay == seconds(-1) ? queue.settings().delay : message.delay;
  const bool delayed = delay.count() > 0;
  // A group's messages stay in order, whatever the delay was when they came.
  const auto lane = delayed && !queue.is_fifo() ? MessageKey::Lane::kDelayed : MessageKey::Lane::kDirect;
  const int64_t row = MessageKey::Make(queue.heap, lane, sequence_.Next());
  message_id = sequence_.ids().Encode(row);
  const std::string attributes = EncodeAttributes(message.attributes);
  const bool in_file = message.body.size() > kInlineBodyBytesMax;
  if (in_file) HEARTH_TRY(bodies_.Write(message_id, message.body));
  GroupTable::Joined joined;
  if (queue.is_fifo()) {
    HEARTH_ASSIGN(joined, groups_.Join(queue.heap, message.group_id, row, delayed));
  }
  HEARTH_TRY(database_.Run(
      "INSERT INTO message(id,sent_us,enqueued_us,crc,file_bytes,member_of,group_id,deduplication_id,"
      "attributes,body) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)",
      row, now.wall.time_since_epoch().count(), now.lease_us,
      ChecksumOf(message_id, attributes, message.body),
      in_file ? std::optional<int64_t>(message.body.size()) : std::nullopt,
      joined.group > 0 ? std::optional(joined.group) : std::nullopt, OrNull(message.group_id),
      OrNull(deduplication_id), attributes.empty() ? std::nullopt : std::optional(SqlBlob{attributes}),
      SqlBlob{in_file ? std::string_view() : std::string_view(message.body)}));
  if (delayed) {
    const int64_t due_us = now.lease_us + microseconds(delay).count();
    HEARTH_TRY(database_.Run("INSERT INTO delivery VALUES(?1,?2,?3,0,0,0,0)", row,
                             static_cast<int64_t>(MessageState::kDelayed), due_us));
    Due(due_us);
  }
  ++(delayed ? queue.delayed : queue.ready);
  ++queue.since_start.sent;
  catalog_.Changed(queue);
  return row;
}

Result<std::vector<QueueMessage>> MessageTable::Peek(StoreTime now, const std::string& name, uint32_t count) {
  HEARTH_TRY(MakeDueVisible(now));
  HEARTH_ASSIGN(const QueueRow* const queue, catalog_.Find(name));
  count = std::min(count, kReceiveBatchMax);
  std::vector<QueueMessage> seen;
  uint64_t bytes = 0;
  for (Place place = Start(*queue); seen.size() < count;) {
    HEARTH_ASSIGN(auto rows, VisibleRows(*queue, place, static_cast<uint32_t>(count - seen.size())));
    if (rows.empty()) return seen;
    for (MessageRow& row : rows) {
      if (IsExpired(now, *queue, row)) continue;
      if (!seen.empty() && bytes + row.bytes > kReceiveBytesMax) return seen;
      bytes += row.bytes;
      HEARTH_ASSIGN(auto message, Open(*queue, std::move(row)));
      if (!message) continue;
      message->receipt_handle.clear();  // a look is no lease
      seen.push_back(std::move(*message));
    }
  }
  return seen;
}

MessageTable::Place MessageTable::Start(const QueueRow& queue) const {
  return {.fresh = MessageKey::Make(queue.heap, MessageKey::Lane::kDirect, queue.fresh_from),
          .again = MessageKey::First(queue.heap, MessageKey::Lane::kDirect),
          .again_delayed = MessageKey::First(queue.heap, MessageKey::Lane::kDelayed)};
}

// The next up to `count` visible ones after `place`, oldest first, and not more than kRowsAtATime: with
// inline bodies those are 4 MiB at most.
Result<std::vector<MessageRow>> MessageTable::VisibleRows(const QueueRow& queue, Place& place,
                                                          uint32_t count) {
  constexpr uint32_t kRowsAtATime = 64;
  if (queue.ready == 0) return std::vector<MessageRow>();
  count = std::min(count, kRowsAtATime);
  return queue.is_fifo() ? VisibleOfGroups(queue, place, count) : VisibleOfStandard(queue, place, count);
}

// Three lines that are each in order: what was never received, and, of each lane, what has become visible
// (again).
Result<std::vector<MessageRow>> MessageTable::VisibleOfStandard(const QueueRow& queue, Place& place,
                                                                uint32_t count) {
  std::vector<MessageRow> rows;
  const auto read = [&](SqliteStatement found, WithDelivery with_delivery) -> Status {
    for (;;) {
      HEARTH_ASSIGN(const bool more, found.Step());
      if (!more) return Ok();
      rows.push_back(MessageRowOf(found, with_delivery));
    }
  };
  const auto again = [&](int64_t from, MessageKey::Lane lane) {
    return read(database_.Query("SELECT " HEARTH_MESSAGE_COLUMNS "," HEARTH_DELIVERY_COLUMNS
                                " FROM delivery d INDEXED BY delivery_ready CROSS JOIN message m ON m.id=d.id"
                                " WHERE d.state=0 AND d.id>=?1 AND d.id<?2 ORDER BY d.id LIMIT ?3",
                                from, MessageKey::End(queue.heap, lane), count),
                WithDelivery::kYes);
  };
  if (queue.again > 0) {
    HEARTH_TRY(again(place.again, MessageKey::Lane::kDirect));
    HEARTH_TRY(again(place.again_delayed, MessageKey::Lane::kDelayed));
  }
  if (queue.ready > queue.again) {
    HEARTH_TRY(
        read(database_.Query("SELECT " HEARTH_MESSAGE_COLUMNS
                             " FROM message m WHERE m.id>=?1 AND m.id<?2 ORDER BY m.id LIMIT ?3",
                             place.fresh, MessageKey::End(queue.heap, MessageKey::Lane::kDirect), count),
             WithDelivery::kNo));
  }
  if (queue.again > 0) {
    std::sort(rows.begin(), rows.end(), [](const MessageRow& a, const MessageRow& b) {
      return MessageKey::SequenceOf(a.id) < MessageKey::SequenceOf(b.id);
    });
    if (rows.size() > count) rows.resize(count);
  }
  for (const MessageRow& row : rows) {
    const bool delayed = row.id >= MessageKey::First(queue.heap, MessageKey::Lane::kDelayed);
    (row.fresh ? place.fresh : delayed ? place.again_delayed : place.again) = row.id + 1;
  }
  return rows;
}

// Group by group, that with the oldest first message first, each in order up to what is still delayed.
Result<std::vector<MessageRow>> MessageTable::VisibleOfGroups(const QueueRow& queue, Place& place,
                                                              uint32_t count) {
  std::vector<MessageRow> rows;
  while (rows.size() < count) {
    if (place.group == 0) {
      HEARTH_ASSIGN(const auto next, groups_.NextReady(queue.heap, place.group_head));
      if (!next) break;
      place.group = next->id;
      place.group_head = next->head;
      place.in_group = 0;
    }
    auto found = database_.Query("SELECT " HEARTH_MESSAGE_COLUMNS "," HEARTH_DELIVERY_COLUMNS
                                 " FROM message m INDEXED BY message_member"
                                 " LEFT JOIN delivery d ON d.id=m.id"
                                 " WHERE m.member_of=?1 AND m.id>?2 ORDER BY m.id LIMIT ?3",
                                 place.group, place.in_group, count - rows.size());
    for (const int64_t group = place.group; place.group == group && rows.size() < count;) {
      HEARTH_ASSIGN(const bool more, found.Step());
      MessageRow row = more ? MessageRowOf(found, WithDelivery::kYes) : MessageRow();
      const bool ready = row.fresh || static_cast<MessageState>(row.state) == MessageState::kReadyInGroup;
      if (!more || !ready) {
        place.group = 0;
        continue;
      }
      place.in_group = row.id;
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

Result<std::optional<MessageRow>> MessageTable::OldestVisible(const QueueRow& queue) {
  Place place = Start(queue);
  HEARTH_ASSIGN(auto rows, VisibleRows(queue, place, 1));
  return rows.empty() ? std::nullopt : std::optional(std::move(rows.front()));
}

// Empty: its bytes are not what was sent (noted in damage_).
Result<std::optional<QueueMessage>> MessageTable::Open(const QueueRow& queue, MessageRow row) {
  QueueMessage message;
  message.message_id = row.message_id.empty() ? sequence_.ids().Encode(row.id) : std::move(row.message_id);
  // A file that cannot be read fails the checksum like one that was changed.
  auto body = row.in_file ? bodies_.Read(message.message_id) : Result<std::string>(std::move(row.body));
  auto attributes = DecodeAttributes(row.attributes);
  if (!body.ok() || !attributes.ok() || ChecksumOf(message.message_id, row.attributes, *body) != row.crc) {
    damage_.push_back({ErrorCode::kCorrupt, "queue " + queue.name() + ": message " + message.message_id +
                                                " is damaged on disk and was not delivered"});
    return std::optional<QueueMessage>();
  }
  message.receipt_handle = ReceiptHandle{row.id, row.generation}.Encode(queue.id);
  message.body = std::move(*body);
  message.attributes = std::move(*attributes);
  message.sent = WallTime(microseconds(row.sent_us));
  message.first_received = WallTime(microseconds(row.first_received_us));
  message.receive_count = static_cast<uint32_t>(row.receives);
  message.dead_letter_source = std::move(row.source);
  message.group_id = std::move(row.group_id);
  message.deduplication_id = std::move(row.deduplication_id);
  if (queue.is_fifo()) message.sequence_number = static_cast<uint64_t>(MessageKey::SequenceOf(row.id));
  return std::optional(std::move(message));
}

Result<bool> MessageTable::NamesFile(const std::string& file) {
  if (const auto row = sequence_.ids().Decode(file)) {
    HEARTH_ASSIGN(const auto found, RowWithDelivery(*row));
    if (found && found->in_file && found->message_id.empty()) return true;
  }
  auto moved = database_.Query(
      "SELECT 1 FROM message INDEXED BY message_moved WHERE message_id=?1 AND file_bytes IS NOT NULL", file);
  return moved.Step();
}

}  // namespace hearth
