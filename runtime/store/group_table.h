#pragma once

#include <optional>
#include <string_view>

#include "runtime/store/queue_schema.h"
#include "runtime/store/sqlite_database.h"

namespace hearth {

// The message groups of FIFO queues, one row for each that has messages. A receive asks for the group whose
// first message is the oldest among those that are neither blocked nor delayed, so a blocked group costs it
// nothing, however much waits behind it.
//
// Owned by MessageTable; borrows the database. Thread: the writer thread, inside a transaction.
// States: kReady -Leased-> kBlocked -the last lease ends-> kReady or kDelayed -first message due-> kReady;
//         the row goes with the last message.
class GroupTable final {
 public:
  explicit GroupTable(SqliteDatabase& database) : database_(database) {}

  struct Group {
    int64_t id = 0;
    int64_t head = 0;
  };
  // The group that a message joins; `ready` if that made it one to receive from.
  struct Joined {
    int64_t group = 0;
    bool ready = false;
  };
  Result<Joined> Join(int64_t heap, std::string_view name, int64_t message, bool delayed);
  // The first ready one whose head lies past `after`.
  Result<std::optional<Group>> NextReady(int64_t heap, int64_t after);
  Status Leased(int64_t group, int64_t messages);
  // One lease of the group is over. True: it is ready now.
  Result<bool> LeaseEnded(int64_t group);
  // Its messages, or the state of its first, have changed. True: it is ready now.
  Result<bool> Settle(int64_t group);
  // Of an abandoned heap. True: there are more.
  Result<bool> Erase(int64_t heap, uint32_t count);

 private:
  SqliteDatabase& database_;
};

}  // namespace hearth
