#include "runtime/store/queue_catalog.h"

#include "runtime/store/message_attributes.h"

namespace hearth {
namespace {

constexpr std::string_view kColumns =
    "SELECT id,heap,name,visibility_s,delay_s,retention_s,receive_wait_s,message_bytes_max,receives_max,"
    "dead_letter_queue,created_us,modified_us,ready,delayed,in_flight,tags,redrive_permission,redrive_sources"
    " FROM queue WHERE name=?1";
constexpr std::string_view kColumnsOfAll =
    "SELECT id,heap,name,visibility_s,delay_s,retention_s,receive_wait_s,message_bytes_max,receives_max,"
    "dead_letter_queue,created_us,modified_us,ready,delayed,in_flight,tags,redrive_permission,redrive_sources"
    " FROM queue ORDER BY name";

// Names and values as message attributes are stored, without a type.
std::map<std::string, std::string> DecodeTags(std::string_view bytes) {
  std::map<std::string, std::string> tags;
  const auto stored = DecodeAttributes(bytes);
  if (!stored.ok()) return tags;
  for (const auto& [key, tag] : *stored) tags.emplace(key, tag.value);
  return tags;
}

std::string EncodeTags(const std::map<std::string, std::string>& tags) {
  MessageAttributes stored;
  for (const auto& [key, value] : tags) stored[key].value = value;
  return EncodeAttributes(stored);
}

std::string EncodeSources(const std::vector<std::string>& sources) {
  MessageAttributes stored;
  for (const std::string& source : sources) stored[source];
  return EncodeAttributes(stored);
}

WallTime WallOf(int64_t us) { return WallTime(microseconds(us)); }

QueueRow RowOf(const SqliteStatement& row) {
  QueueRow queue;
  queue.id = row.Int(0);
  queue.heap = row.Int(1);
  queue.description.name = row.Bytes(2);
  queue.description.settings = {.visibility_timeout = seconds(row.Int(3)),
                                .delay = seconds(row.Int(4)),
                                .retention = seconds(row.Int(5)),
                                .receive_wait = seconds(row.Int(6)),
                                .message_bytes_max = static_cast<uint64_t>(row.Int(7)),
                                .receives_max = static_cast<uint32_t>(row.Int(8)),
                                .dead_letter_queue = row.Bytes(9)};
  queue.description.created = WallOf(row.Int(10));
  queue.description.modified = WallOf(row.Int(11));
  queue.ready = row.Int(12);
  queue.delayed = row.Int(13);
  queue.in_flight = row.Int(14);
  queue.description.tags = DecodeTags(row.Bytes(15));
  queue.description.settings.redrive_permission = static_cast<RedrivePermission>(row.Int(16));
  for (auto& [source, nothing] : DecodeTags(row.Bytes(17))) {
    queue.description.settings.redrive_sources.push_back(source);
  }
  return queue;
}

}  // namespace

Status QueueCatalog::Create(StoreTime now, const std::string& name, const QueueSettings& settings) {
  HEARTH_TRY(ValidateQueueName(name));
  if (settings.kind == QueueKind::kFifo) {
    return Error{ErrorCode::kUnsupported, "create queue " + name + ": FIFO queues are not there yet"};
  }
  HEARTH_TRY(CheckSettings(name, settings));
  HEARTH_ASSIGN(const auto existing, Lookup(name));
  if (existing) {
    if (existing->settings() == settings) return Ok();
    return Error{ErrorCode::kAlreadyExists,
                 "create queue " + name + ": it exists with other settings; configure it instead"};
  }
  HEARTH_ASSIGN(const int64_t heap, NewHeap());
  const int64_t wall = now.wall.time_since_epoch().count();
  return database_.Run(
      "INSERT INTO queue(name,heap,visibility_s,delay_s,retention_s,receive_wait_s,message_bytes_max,"
      "receives_max,dead_letter_queue,created_us,modified_us,redrive_permission,redrive_sources)"
      " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?10,?11,?12)",
      name, heap, settings.visibility_timeout.count(), settings.delay.count(), settings.retention.count(),
      settings.receive_wait.count(), settings.message_bytes_max, settings.receives_max,
      settings.dead_letter_queue, wall, static_cast<int64_t>(settings.redrive_permission),
      SqlBlob{EncodeSources(settings.redrive_sources)});
}

Status QueueCatalog::Configure(StoreTime now, const std::string& name, const QueueSettings& settings) {
  HEARTH_TRY(CheckSettings(name, settings));
  HEARTH_ASSIGN(const QueueRow queue, Find(name));
  return database_.Run(
      "UPDATE queue SET visibility_s=?2,delay_s=?3,retention_s=?4,receive_wait_s=?5,message_bytes_max=?6,"
      "receives_max=?7,dead_letter_queue=?8,modified_us=?9,redrive_permission=?10,redrive_sources=?11 WHERE "
      "id=?1",
      queue.id, settings.visibility_timeout.count(), settings.delay.count(), settings.retention.count(),
      settings.receive_wait.count(), settings.message_bytes_max, settings.receives_max,
      settings.dead_letter_queue, now.wall.time_since_epoch().count(),
      static_cast<int64_t>(settings.redrive_permission), SqlBlob{EncodeSources(settings.redrive_sources)});
}

Status QueueCatalog::Tag(const std::string& name, const std::map<std::string, std::string>& tags,
                         const std::vector<std::string>& keys) {
  HEARTH_ASSIGN(QueueRow queue, Find(name));
  HEARTH_TRY(ChangeTags(queue.description.tags, tags, keys));
  return database_.Run("UPDATE queue SET tags=?2 WHERE id=?1", queue.id,
                       SqlBlob{EncodeTags(queue.description.tags)});
}

Status QueueCatalog::CheckSettings(const std::string& name, const QueueSettings& settings) {
  HEARTH_TRY(ValidateQueueSettings(settings));
  HEARTH_TRY(ValidateQueueKind(name, settings));
  if (settings.dead_letter_queue.empty()) return Ok();
  HEARTH_ASSIGN(const auto dead_letters, Lookup(settings.dead_letter_queue));
  return CheckDeadLetterQueue(name, settings, dead_letters ? &dead_letters->settings() : nullptr);
}

Status QueueCatalog::Remove(const std::string& name) {
  HEARTH_ASSIGN(const QueueRow queue, Find(name));
  HEARTH_TRY(AbandonHeap(queue.heap));
  HEARTH_TRY(database_.Run("DELETE FROM sent WHERE queue=?1", queue.id));
  return database_.Run("DELETE FROM queue WHERE id=?1", queue.id);
}

Status QueueCatalog::Purge(const std::string& name) {
  HEARTH_ASSIGN(const QueueRow queue, Find(name));
  HEARTH_ASSIGN(const int64_t heap, NewHeap());
  HEARTH_TRY(AbandonHeap(queue.heap));
  return database_.Run("UPDATE queue SET heap=?2,ready=0,delayed=0,in_flight=0 WHERE id=?1", queue.id, heap);
}

Result<std::vector<QueueRow>> QueueCatalog::List() {
  std::vector<QueueRow> queues;
  auto row = database_.Query(kColumnsOfAll);
  for (;;) {
    HEARTH_ASSIGN(const bool found, row.Step());
    if (!found) return queues;
    queues.push_back(RowOf(row));
  }
}

Result<QueueRow> QueueCatalog::Find(std::string_view name) {
  HEARTH_ASSIGN(auto queue, Lookup(name));
  if (!queue) return NoSuchQueue(name);
  return std::move(*queue);
}

Result<std::optional<QueueRow>> QueueCatalog::Lookup(std::string_view name) {
  auto row = database_.Query(kColumns, name);
  HEARTH_ASSIGN(const bool found, row.Step());
  return found ? std::optional(RowOf(row)) : std::nullopt;
}

Result<std::string> QueueCatalog::NameOfHeap(int64_t heap) {
  auto row = database_.Query("SELECT name FROM queue WHERE heap=?1", heap);
  HEARTH_ASSIGN(const bool found, row.Step());
  return found ? row.Bytes(0) : std::string();
}

Status QueueCatalog::AddCounts(int64_t heap, const CountChange& change) {
  return database_.Run(
      "UPDATE queue SET ready=ready+?2,delayed=delayed+?3,in_flight=in_flight+?4 WHERE heap=?1", heap,
      change.ready, change.delayed, change.in_flight);
}

Result<std::optional<int64_t>> QueueCatalog::AbandonedHeap() {
  auto row = database_.Query("SELECT id FROM heap INDEXED BY heap_abandoned WHERE abandoned<>0 LIMIT 1");
  HEARTH_ASSIGN(const bool found, row.Step());
  return found ? std::optional(row.Int(0)) : std::nullopt;
}

Status QueueCatalog::ForgetHeap(int64_t heap) { return database_.Run("DELETE FROM heap WHERE id=?1", heap); }

Result<int64_t> QueueCatalog::NewHeap() {
  HEARTH_TRY(database_.Run("INSERT INTO heap DEFAULT VALUES"));
  return database_.last_insert_id();
}

Status QueueCatalog::AbandonHeap(int64_t heap) {
  return database_.Run("UPDATE heap SET abandoned=1 WHERE id=?1", heap);
}

}  // namespace hearth
