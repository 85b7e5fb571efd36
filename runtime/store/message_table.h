#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runtime/base/random.h"
#include "runtime/store/body_files.h"
#include "runtime/store/lease_clock.h"
#include "runtime/store/queue_catalog.h"
#include "runtime/store/queue_schema.h"
#include "runtime/store/queue_store.h"
#include "runtime/store/receipt_handle.h"

namespace hearth {

// The messages: QueueStore's operations on them, in SQL. Every operation first makes visible what is due, so
// that none sees a lease that has run out.
//
// Owned by the queue store; borrows the database, the catalog and the body files.
// Thread:  the writer thread, inside a transaction.
// Cost:    of each operation: the messages it touches times the height of a B-tree, whatever the backlog.
class MessageTable final {
 public:
  MessageTable(SqliteDatabase& database, QueueCatalog& catalog, BodyFiles& bodies)
      : database_(database), catalog_(catalog), bodies_(bodies) {}

  Result<std::vector<SentMessage>> Send(StoreTime now, const std::string& queue,
                                        const std::vector<NewMessage>& messages);
  Result<std::vector<QueueMessage>> Receive(StoreTime now, const std::string& queue,
                                            const ReceiveRequest& request);
  Result<uint64_t> Discard(StoreTime now, const std::string& queue, const std::vector<std::string>& ids);
  Result<std::vector<QueueMessage>> Peek(StoreTime now, const std::string& queue, uint32_t count);
  Result<std::vector<Status>> Delete(StoreTime now, const std::string& queue,
                                     const std::vector<std::string>& handles);
  Result<std::vector<Status>> ChangeVisibility(StoreTime now, const std::string& queue,
                                               const std::vector<std::string>& handles, seconds visibility);
  Result<std::vector<Status>> Return(StoreTime now, const std::string& queue,
                                     const std::vector<std::string>& handles);
  Result<QueueStatistics> Statistics(StoreTime now, const std::string& queue);

  // Delays and leases that have run out.
  Status MakeDueVisible(StoreTime now);
  Result<std::optional<int64_t>> EarliestDue();
  // A bounded step of: messages past their retention, purged messages, old idempotency keys. True: there is
  // more.
  Result<bool> CleanUp(StoreTime now);

  // What has happened since the last call, for the loop.
  std::set<std::string> TakeVisible() { return std::exchange(visible_, {}); }
  std::vector<Error> TakeDamage() { return std::exchange(damage_, {}); }

 private:
  struct Row;
  struct Lease;
  Result<std::string> SendOne(StoreTime now, const QueueRow& queue, const NewMessage& message,
                              CountChange& change);
  Result<std::optional<std::string>> AlreadySent(StoreTime now, const QueueRow& queue,
                                                 const std::string& key);
  Result<int64_t> InsertBody(const std::string& message_id, const NewMessage& message);
  Result<std::vector<Row>> ReadyRows(const QueueRow& queue, int64_t after, uint32_t count);
  Result<bool> Divert(StoreTime now, const QueueRow& queue, const std::optional<QueueRow>& dead_letters,
                      const Row& row, CountChange& change);
  Status MoveToDeadLetters(StoreTime now, const QueueRow& from, const QueueRow& to, const Row& row);
  Status LeaseRow(StoreTime now, Row& row, seconds visibility, const ReceiveRequest& request);
  // Empty: its bytes are not what was sent (noted in damage_).
  Result<std::optional<QueueMessage>> Open(const QueueRow& queue, const Row& row);
  Result<std::optional<Lease>> CurrentLease(const QueueRow& queue, const ReceiptHandle& handle);
  Status MakeVisible(int64_t row, CountChange& change);
  Status DeleteOne(const QueueRow& queue, const std::string& handle, CountChange& change);
  Status ReturnOne(const QueueRow& queue, const std::string& handle, CountChange& change);
  Status ChangeOne(StoreTime now, const QueueRow& queue, const std::string& handle, seconds visibility,
                   CountChange& change);
  Status EraseMessage(int64_t row, int64_t body);
  Result<uint32_t> ExpireOldest(StoreTime now, const QueueRow& queue, uint32_t count);
  Result<uint32_t> EraseAbandoned(uint32_t count);
  Status SaveClock(StoreTime now);

  // Borrowed.
  SqliteDatabase& database_;
  QueueCatalog& catalog_;
  BodyFiles& bodies_;
  // Mutable.
  SystemRandom random_;
  std::set<std::string> visible_;
  std::vector<Error> damage_;
  std::map<int64_t, QueueStatistics> counters_;  // by queue; only those since the start
  int64_t clock_saved_us_ = 0;
};

}  // namespace hearth
