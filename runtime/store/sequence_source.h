#pragma once

#include <cstdint>

#include "runtime/store/lease_clock.h"
#include "runtime/store/message_key.h"
#include "runtime/store/sqlite_database.h"

namespace hearth {

// The store's one row of state: sequence numbers, never given twice, and the time that deadlines are counted
// from. Numbers are set aside in the file a million at a time, so that giving one writes nothing; a restart
// skips what is left of the million.
//
// Owned by the queue store; borrows the database. Thread: the writer thread, inside a transaction.
class SequenceSource final {
 public:
  explicit SequenceSource(SqliteDatabase& database) : database_(database) {}

  Status Load();
  int64_t Next() { return next_++; }
  // Every number given so far, and none to come, is below it.
  int64_t next() const { return next_; }
  const MessageIds& ids() const { return ids_; }
  int64_t last_seen_us() const { return saved_us_; }

  // The time of an operation.
  void SeenAt(StoreTime now) { seen_us_ = std::max(seen_us_, now.lease_us); }
  Status Flush();
  void RolledBack();

 private:
  SqliteDatabase& database_;
  MessageIds ids_;
  int64_t next_ = 0;
  int64_t set_aside_ = 0;  // numbers below it are, in the file
  int64_t seen_us_ = 0;
  int64_t saved_us_ = 0;
};

}  // namespace hearth
