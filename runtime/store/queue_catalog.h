#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/store/lease_clock.h"
#include "runtime/store/queue_store.h"
#include "runtime/store/sqlite_database.h"

namespace hearth {

struct QueueRow {
  int64_t id = 0;
  int64_t heap = 0;
  QueueDescription description;
  int64_t ready = 0;
  int64_t delayed = 0;
  int64_t in_flight = 0;

  const QueueSettings& settings() const { return description.settings; }
};

struct CountChange {
  int64_t ready = 0;
  int64_t delayed = 0;
  int64_t in_flight = 0;
};

// The rows of the queues themselves. Owned by the queue store; borrows the database.
// Thread: the writer thread, inside a transaction.
class QueueCatalog final {
 public:
  explicit QueueCatalog(SqliteDatabase& database) : database_(database) {}

  Status Create(StoreTime now, const std::string& name, const QueueSettings& settings);
  Status Configure(StoreTime now, const std::string& name, const QueueSettings& settings);
  Status Remove(const std::string& name);
  Status Tag(const std::string& name, const std::map<std::string, std::string>& tags,
             const std::vector<std::string>& keys);
  // The messages go at once from sight, from the disk later: AbandonedHeap().
  Status Purge(const std::string& name);
  Result<std::vector<QueueRow>> List();  // ordered by name
  Result<QueueRow> Find(std::string_view name);
  Result<std::optional<QueueRow>> Lookup(std::string_view name);
  // "" for an abandoned heap.
  Result<std::string> NameOfHeap(int64_t heap);

  Status AddCounts(int64_t heap, const CountChange& change);
  Result<std::optional<int64_t>> AbandonedHeap();
  Status ForgetHeap(int64_t heap);

 private:
  Status CheckSettings(const std::string& name, const QueueSettings& settings);
  Result<int64_t> NewHeap();
  Status AbandonHeap(int64_t heap);

  SqliteDatabase& database_;
};

}  // namespace hearth
