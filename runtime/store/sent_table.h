#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/store/lease_clock.h"
#include "runtime/store/message_key.h"
#include "runtime/store/queue_schema.h"
#include "runtime/store/queue_store.h"
#include "runtime/store/sqlite_database.h"

namespace hearth {

// One message of an answer to a receive with an attempt id.
struct ReceivedLease {
  int64_t row = 0;
  int64_t generation = 0;
  int64_t due_us = 0;
};

// What is remembered for five minutes: sends by idempotency or deduplication id, receives by attempt id.
// Owned by MessageTable; borrows the database. Thread: the writer thread, inside a transaction.
class SentTable final {
 public:
  explicit SentTable(SqliteDatabase& database) : database_(database) {}

  struct Sent {
    int64_t row = 0;
    std::string message_id{};  // "": the row's
  };
  Result<std::optional<Sent>> Find(StoreTime now, int64_t queue, SentScope scope, std::string_view key);
  Status Add(StoreTime now, int64_t queue, SentScope scope, std::string_view key, int64_t row);

  Result<std::optional<std::vector<ReceivedLease>>> FindAttempt(StoreTime now, int64_t queue,
                                                                std::string_view attempt);
  Status SaveAttempt(StoreTime now, int64_t queue, std::string_view attempt,
                     const std::vector<ReceivedLease>& leases);

  // Forgets up to `count` of each that are over. True: there may be more.
  Result<bool> CleanUp(StoreTime now, uint32_t count);

 private:
  SqliteDatabase& database_;
};

}  // namespace hearth
