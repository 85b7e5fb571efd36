#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/base/random.h"
#include "runtime/store/message_table.h"
#include "runtime/store/move_rules.h"
#include "runtime/store/queue_catalog.h"
#include "runtime/store/queue_store.h"

namespace hearth {

// Move tasks: what they are, and their steps. A step moves messages and counts them in one transaction, so a
// crash between two loses and doubles nothing.
//
// Owned by the queue store; borrows the database, the catalog and the messages.
// Thread: the writer thread, inside a transaction.
class MoveTable final {
 public:
  MoveTable(SqliteDatabase& database, QueueCatalog& catalog, MessageTable& messages, SequenceSource& sequence)
      : database_(database), catalog_(catalog), messages_(messages), sequence_(sequence) {}

  struct Running {
    std::string handle;
    uint32_t per_second_max = 0;
  };
  Result<Running> Start(StoreTime now, const std::string& source, const std::string& destination,
                        uint32_t per_second_max);
  Result<uint64_t> Cancel(const std::string& handle);
  Result<std::vector<MoveTask>> List(const std::string& source);
  Result<std::vector<Running>> AllRunning();
  // Moves up to `count`. True: the task goes on.
  Result<bool> Step(StoreTime now, const std::string& handle, uint32_t count);
  // The queue is gone.
  Status Forget(const std::string& source);

 private:
  struct Task {
    int64_t number = 0;
    MoveTask task;
    int64_t until_sequence = 0;
  };
  static Task TaskOf(const SqliteStatement& row);
  Result<std::optional<Task>> Find(const std::string& handle);
  Result<QueueRow*> DestinationOf(const MoveTask& task, const MessageRow& row) const;
  Status End(int64_t number, MoveTask::State state, const std::string& failure);

  SqliteDatabase& database_;
  QueueCatalog& catalog_;
  MessageTable& messages_;
  SequenceSource& sequence_;
  SystemRandom random_;
};

}  // namespace hearth
