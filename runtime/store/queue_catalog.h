#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/store/lease_clock.h"
#include "runtime/store/queue_store.h"
#include "runtime/store/sqlite_database.h"

namespace hearth {

// A queue as the writer has it in memory: settings are written at once, figures at the end of a group.
struct QueueRow {
  int64_t id = 0;
  int64_t heap = 0;
  QueueDescription description;
  int64_t ready = 0;
  int64_t delayed = 0;
  int64_t in_flight = 0;
  int64_t again = 0;       // of the ready ones, those with a delivery row: not fresh. Standard queues only
  int64_t fresh_from = 0;  // sequence; see queue_schema.h
  QueueStatistics since_start;  // only its counters
  QueueStatistics committed;    // what since_start goes back to
  int64_t expires_us =
      0;  // in memory: before this, no visible message is past its retention, as far as known
  bool changed = false;

  const QueueSettings& settings() const { return description.settings; }
  const std::string& name() const { return description.name; }
  bool is_fifo() const { return description.settings.kind == QueueKind::kFifo; }
};

// The rows of the queues themselves, all in memory. Owned by the queue store; borrows the database.
// Thread: the writer thread, inside a transaction. A QueueRow lives until its queue is removed or a group is
//         rolled back: for one operation.
class QueueCatalog final {
 public:
  QueueCatalog(SqliteDatabase& database, Bytes message_bytes_max)
      : database_(database), message_bytes_max_(message_bytes_max) {}

  Status Load();
  Status Create(StoreTime now, const std::string& name, const QueueSettings& settings);
  Status Configure(StoreTime now, const std::string& name, const QueueSettings& settings);
  Status Remove(const std::string& name);
  // The messages go at once from sight, from the disk later: AbandonedHeap().
  Status Purge(const std::string& name);
  Status Tag(const std::string& name, const std::map<std::string, std::string>& tags,
             const std::vector<std::string>& keys);

  const std::map<std::string, std::unique_ptr<QueueRow>, std::less<>>& queues() const { return queues_; }
  Result<QueueRow*> Find(std::string_view name);
  QueueRow* Lookup(std::string_view name) const;  // nullptr: none
  QueueRow* OfHeap(int64_t heap) const;           // nullptr: it is abandoned
  // Some queue has it as its dead-letter queue.
  bool IsDeadLetterQueue(std::string_view name) const;

  // The figures of this queue have changed.
  void Changed(QueueRow& queue);
  Status Flush();
  void GroupCommitted();
  // The file has gone back, memory follows. A file that cannot be read shows at the next operation.
  void RolledBack();

  Result<std::optional<int64_t>> AbandonedHeap();
  Status ForgetHeap(int64_t heap);

 private:
  Status CheckSettings(const std::string& name, const QueueSettings& settings) const;
  Result<int64_t> NewHeap();
  Status AbandonHeap(int64_t heap);

  SqliteDatabase& database_;
  const Bytes message_bytes_max_;
  bool loaded_ = false;
  std::map<std::string, std::unique_ptr<QueueRow>, std::less<>> queues_;
  std::unordered_map<int64_t, QueueRow*> of_heap_;
  std::vector<QueueRow*> changed_;
  std::map<int64_t, QueueStatistics> counters_;  // of queues that a roll-back took out of memory
};

}  // namespace hearth
