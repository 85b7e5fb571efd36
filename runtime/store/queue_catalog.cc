#include "runtime/store/queue_catalog.h"

#include <algorithm>

#include "runtime/store/message_attributes.h"
#include "runtime/store/message_key.h"

namespace hearth {
namespace {

WallTime WallOf(int64_t us) { return WallTime(microseconds(us)); }

// Tags as message attributes are stored, without a type; the names of redrive sources likewise.
std::string EncodeTags(const std::map<std::string, std::string>& tags) {
  MessageAttributes stored;
  for (const auto& [key, value] : tags) stored[key].value = value;
  return EncodeAttributes(stored);
}

std::string EncodeSources(const std::vector<std::string>& sources) {
  MessageAttributes stored;  // at most ten: their numbers keep the order
  for (size_t i = 0; i < sources.size(); ++i) stored[std::to_string(i)].value = sources[i];
  return EncodeAttributes(stored);
}

Result<QueueDescription> DescriptionOf(const SqliteStatement& row) {
  QueueDescription queue;
  queue.name = row.Bytes(2);
  queue.settings = {.kind = static_cast<QueueKind>(row.Int(3)),
                    .visibility_timeout = seconds(row.Int(4)),
                    .delay = seconds(row.Int(5)),
                    .retention = seconds(row.Int(6)),
                    .receive_wait = seconds(row.Int(7)),
                    .message_bytes_max = static_cast<uint64_t>(row.Int(8)),
                    .receives_max = static_cast<uint32_t>(row.Int(9)),
                    .dead_letter_queue = row.Bytes(10),
                    .redrive_permission = static_cast<RedrivePermission>(row.Int(11)),
                    .content_based_deduplication = row.Int(13) != 0,
                    .deduplication_scope = static_cast<DeduplicationScope>(row.Int(14))};
  HEARTH_ASSIGN(const auto sources, DecodeAttributes(row.View(12)));
  for (const auto& [number, source] : sources) queue.settings.redrive_sources.push_back(source.value);
  HEARTH_ASSIGN(const auto tags, DecodeAttributes(row.View(15)));
  for (const auto& [key, tag] : tags) queue.tags.emplace(key, tag.value);
  queue.created = WallOf(row.Int(16));
  queue.modified = WallOf(row.Int(17));
  return queue;
}

Result<std::unique_ptr<QueueRow>> RowOf(const SqliteStatement& row) {
  auto queue = std::make_unique<QueueRow>();
  queue->id = row.Int(0);
  queue->heap = row.Int(1);
  HEARTH_ASSIGN(queue->description, DescriptionOf(row));
  queue->ready = row.Int(18);
  queue->delayed = row.Int(19);
  queue->in_flight = row.Int(20);
  queue->again = row.Int(21);
  queue->fresh_from = row.Int(22);
  return queue;
}

}  // namespace

Status QueueCatalog::Load() {
  if (loaded_) return Ok();
  queues_.clear();
  of_heap_.clear();
  changed_.clear();
  auto row = database_.Query(
      "SELECT id,heap,name,kind,visibility_s,delay_s,retention_s,receive_wait_s,message_bytes_max,"
      "receives_max,dead_letter_queue,redrive_permission,redrive_sources,content_based_deduplication,"
      "deduplication_scope,tags,created_us,modified_us,ready,delayed,in_flight,again,fresh_from FROM queue");
  for (;;) {
    HEARTH_ASSIGN(const bool found, row.Step());
    if (!found) break;
    HEARTH_ASSIGN(auto queue, RowOf(row));
    if (const auto counters = counters_.find(queue->id); counters != counters_.end()) {
      queue->since_start = queue->committed = counters->second;
    }
    of_heap_[queue->heap] = queue.get();
    std::string name = queue->name();
    queues_.emplace(std::move(name), std::move(queue));
  }
  counters_.clear();
  loaded_ = true;
  return Ok();
}

void QueueCatalog::RolledBack() {
  for (const auto& [name, queue] : queues_) counters_[queue->id] = queue->committed;
  queues_.clear();
  of_heap_.clear();
  changed_.clear();
  loaded_ = false;
}

Status QueueCatalog::Create(StoreTime now, const std::string& name, const QueueSettings& settings) {
  HEARTH_TRY(Load());
  HEARTH_TRY(ValidateQueueName(name));
  HEARTH_TRY(CheckSettings(name, settings));
  if (const QueueRow* existing = Lookup(name)) {
    if (existing->settings() == settings) return Ok();
    return Error{ErrorCode::kAlreadyExists,
                 "create queue " + name + ": it exists with other settings; configure it instead"};
  }
  HEARTH_ASSIGN(const int64_t heap, NewHeap());
  const int64_t wall = now.wall.time_since_epoch().count();
  HEARTH_TRY(database_.Run(
      "INSERT INTO queue(name,heap,kind,visibility_s,delay_s,retention_s,receive_wait_s,message_bytes_max,"
      "receives_max,dead_letter_queue,redrive_permission,redrive_sources,content_based_deduplication,"
      "deduplication_scope,tags,created_us,modified_us)"
      " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,x'',?15,?15)",
      name, heap, static_cast<int64_t>(settings.kind), settings.visibility_timeout.count(),
      settings.delay.count(), settings.retention.count(), settings.receive_wait.count(),
      settings.message_bytes_max, settings.receives_max, settings.dead_letter_queue,
      static_cast<int64_t>(settings.redrive_permission), SqlBlob{EncodeSources(settings.redrive_sources)},
      settings.content_based_deduplication, static_cast<int64_t>(settings.deduplication_scope), wall));
  auto queue = std::make_unique<QueueRow>();
  queue->id = database_.last_insert_id();
  queue->heap = heap;
  queue->description = {name, settings, WallOf(wall), WallOf(wall), {}};
  of_heap_[heap] = queue.get();
  queues_.emplace(name, std::move(queue));
  return Ok();
}

Status QueueCatalog::Configure(StoreTime now, const std::string& name, const QueueSettings& settings) {
  HEARTH_ASSIGN(QueueRow* const queue, Find(name));
  HEARTH_TRY(CheckSettings(name, settings));
  HEARTH_TRY(database_.Run(
      "UPDATE queue SET visibility_s=?2,delay_s=?3,retention_s=?4,receive_wait_s=?5,message_bytes_max=?6,"
      "receives_max=?7,dead_letter_queue=?8,modified_us=?9,redrive_permission=?10,redrive_sources=?11,"
      "content_based_deduplication=?12,deduplication_scope=?13 WHERE id=?1",
      queue->id, settings.visibility_timeout.count(), settings.delay.count(), settings.retention.count(),
      settings.receive_wait.count(), settings.message_bytes_max, settings.receives_max,
      settings.dead_letter_queue, now.wall.time_since_epoch().count(),
      static_cast<int64_t>(settings.redrive_permission), SqlBlob{EncodeSources(settings.redrive_sources)},
      settings.content_based_deduplication, static_cast<int64_t>(settings.deduplication_scope)));
  queue->description.settings = settings;
  queue->description.modified = now.wall;
  queue->expires_us = 0;
  return Ok();
}

Status QueueCatalog::CheckSettings(const std::string& name, const QueueSettings& settings) const {
  HEARTH_TRY(ValidateQueueSettings(settings, message_bytes_max_));
  HEARTH_TRY(ValidateQueueKind(name, settings));
  if (settings.dead_letter_queue.empty()) return Ok();
  const QueueRow* const dead_letters = Lookup(settings.dead_letter_queue);
  return CheckDeadLetterQueue(name, settings, dead_letters ? &dead_letters->settings() : nullptr);
}

Status QueueCatalog::Tag(const std::string& name, const std::map<std::string, std::string>& tags,
                         const std::vector<std::string>& keys) {
  HEARTH_ASSIGN(QueueRow* const queue, Find(name));
  auto changed = queue->description.tags;
  HEARTH_TRY(ChangeTags(changed, tags, keys));
  HEARTH_TRY(database_.Run("UPDATE queue SET tags=?2 WHERE id=?1", queue->id, SqlBlob{EncodeTags(changed)}));
  queue->description.tags = std::move(changed);
  return Ok();
}

// What it remembers of sends (idempotency) is under its number, which is never used again, and goes with age.
Status QueueCatalog::Remove(const std::string& name) {
  HEARTH_ASSIGN(QueueRow* const queue, Find(name));
  HEARTH_TRY(AbandonHeap(queue->heap));
  HEARTH_TRY(database_.Run("DELETE FROM queue WHERE id=?1", queue->id));
  std::erase(changed_, queue);
  of_heap_.erase(queue->heap);
  queues_.erase(name);
  return Ok();
}

Status QueueCatalog::Purge(const std::string& name) {
  HEARTH_ASSIGN(QueueRow* const queue, Find(name));
  HEARTH_ASSIGN(const int64_t heap, NewHeap());
  HEARTH_TRY(AbandonHeap(queue->heap));
  HEARTH_TRY(database_.Run("UPDATE queue SET heap=?2 WHERE id=?1", queue->id, heap));
  of_heap_.erase(queue->heap);
  of_heap_[heap] = queue;
  queue->heap = heap;
  queue->ready = queue->delayed = queue->in_flight = queue->again = 0;
  Changed(*queue);
  return Ok();
}

Result<QueueRow*> QueueCatalog::Find(std::string_view name) {
  HEARTH_TRY(Load());
  QueueRow* const queue = Lookup(name);
  if (!queue) return NoSuchQueue(name);
  return queue;
}

QueueRow* QueueCatalog::Lookup(std::string_view name) const {
  const auto queue = queues_.find(name);
  return queue == queues_.end() ? nullptr : queue->second.get();
}

QueueRow* QueueCatalog::OfHeap(int64_t heap) const {
  const auto queue = of_heap_.find(heap);
  return queue == of_heap_.end() ? nullptr : queue->second;
}

bool QueueCatalog::IsDeadLetterQueue(std::string_view name) const {
  return std::any_of(queues_.begin(), queues_.end(), [name](const auto& entry) {
    return entry.second->settings().dead_letter_queue == name;
  });
}

void QueueCatalog::Changed(QueueRow& queue) {
  if (!std::exchange(queue.changed, true)) changed_.push_back(&queue);
}

Status QueueCatalog::Flush() {
  for (QueueRow* const queue : changed_) {
    HEARTH_TRY(database_.Run(
        "UPDATE queue SET ready=?2,delayed=?3,in_flight=?4,again=?5,fresh_from=?6 WHERE id=?1", queue->id,
        queue->ready, queue->delayed, queue->in_flight, queue->again, queue->fresh_from));
  }
  return Ok();
}

void QueueCatalog::GroupCommitted() {
  for (QueueRow* const queue : changed_) {
    queue->changed = false;
    queue->committed = queue->since_start;
  }
  changed_.clear();
}

Result<std::optional<int64_t>> QueueCatalog::AbandonedHeap() {
  auto row = database_.Query("SELECT id FROM heap INDEXED BY heap_abandoned WHERE abandoned<>0 LIMIT 1");
  HEARTH_ASSIGN(const bool found, row.Step());
  return found ? std::optional(row.Int(0)) : std::nullopt;
}

Status QueueCatalog::ForgetHeap(int64_t heap) { return database_.Run("DELETE FROM heap WHERE id=?1", heap); }

// The next number, or the first gap once the numbers have run out.
Result<int64_t> QueueCatalog::NewHeap() {
  HEARTH_ASSIGN(int64_t heap, database_.Number("SELECT 1+coalesce(max(id),0) FROM heap"));
  if (heap > MessageKey::kHeapMax) {
    HEARTH_ASSIGN(heap, database_.Number("SELECT id+1 FROM heap AS taken WHERE NOT EXISTS"
                                         "(SELECT 1 FROM heap WHERE id=taken.id+1) LIMIT 1"));
  }
  if (heap > MessageKey::kHeapMax) {
    return Error{ErrorCode::kThrottled, "a store has at most " + std::to_string(MessageKey::kHeapMax) +
                                            " queues, purged ones under deletion counted; remove some"};
  }
  HEARTH_TRY(database_.Run("INSERT INTO heap(id) VALUES(?1)", heap));
  return heap;
}

Status QueueCatalog::AbandonHeap(int64_t heap) {
  return database_.Run("UPDATE heap SET abandoned=1 WHERE id=?1", heap);
}

}  // namespace hearth
