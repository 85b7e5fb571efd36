#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/store/body_files.h"
#include "runtime/store/group_table.h"
#include "runtime/store/lease_clock.h"
#include "runtime/store/message_key.h"
#include "runtime/store/message_table_row.h"
#include "runtime/store/queue_catalog.h"
#include "runtime/store/queue_schema.h"
#include "runtime/store/queue_store.h"
#include "runtime/store/receipt_handle.h"
#include "runtime/store/sent_table.h"
#include "runtime/store/sequence_source.h"

namespace hearth {

// The messages: QueueStore's operations on them, in SQL. Every operation first makes visible what is due, a
// bounded number at a time.
//
// Owned by the queue store; borrows the database, the catalog, the sequence and the body files.
// Thread:  the writer thread, inside a transaction.
// Cost:    of each operation: the messages it touches times the height of a B-tree, whatever the backlog,
//          and whatever of it is leased, delayed or waits behind a blocked group.
class MessageTable final {
 public:
  MessageTable(SqliteDatabase& database, QueueCatalog& catalog, SequenceSource& sequence, BodyFiles& bodies)
      : database_(database), catalog_(catalog), sequence_(sequence), bodies_(bodies) {}

  Result<std::vector<SentMessage>> Send(StoreTime now, const std::string& queue,
                                        const std::vector<NewMessage>& messages);
  Result<std::vector<QueueMessage>> Receive(StoreTime now, const std::string& queue,
                                            const ReceiveRequest& request);
  Result<std::vector<QueueMessage>> Peek(StoreTime now, const std::string& queue, uint32_t count);
  Result<uint64_t> Discard(StoreTime now, const std::string& queue, const std::vector<std::string>& ids);
  Result<std::vector<Status>> Delete(StoreTime now, const std::string& queue,
                                     const std::vector<std::string>& handles);
  Result<std::vector<Status>> ChangeVisibility(StoreTime now, const std::string& queue,
                                               const std::vector<std::string>& handles, seconds visibility);
  Result<std::vector<Status>> Return(StoreTime now, const std::string& queue,
                                     const std::vector<std::string>& handles);
  Result<QueueStatistics> Statistics(StoreTime now, const std::string& queue);
  // A FIFO queue's delay is that of the messages already in it too.
  Status ApplyDelay(const std::string& queue);

  // Delays and leases that have run out, the earliest thousand of them.
  Status MakeDueVisible(StoreTime now);
  // When the next may: not later than the earliest, at times before it.
  std::optional<int64_t> EarliestDue() const { return earliest_due_us_; }
  Status FindEarliestDue();
  // A bounded step of: messages past their retention, purged messages, old idempotency keys. True: there is
  // more.
  Result<bool> CleanUp(StoreTime now);
  // Visible messages that arrived before `until_sequence`, oldest first, to where `destination_of` says; a
  // message it has nowhere for ends the step.
  struct Moved {
    uint64_t count = 0;
    bool more = false;
    std::optional<Error> failure{};
  };
  using DestinationOf = std::function<Result<QueueRow*>(const MessageRow&)>;
  Result<Moved> Move(StoreTime now, QueueRow& from, int64_t until_sequence, uint32_t count,
                     const DestinationOf& destination_of);

  // What has happened since the last call, for the loop.
  std::set<std::string> TakeVisible() { return std::exchange(visible_, {}); }
  std::vector<Error> TakeDamage() { return std::exchange(damage_, {}); }
  // The file has gone back to an earlier state.
  void RolledBack() {
    earliest_due_us_ = 0;
    damage_.clear();
  }
  // Is there a message whose body is the file of this name?
  Result<bool> NamesFile(const std::string& file);

 private:
  // Where a look at the visible messages of a queue has come to.
  struct Place {
    int64_t fresh = 0;          // row
    int64_t again = 0;          // row, lane 0
    int64_t again_delayed = 0;  // row, lane 1
    // FIFO: the head of the last group looked at; the group that is not yet at its end, and the last row of it.
    int64_t group_head = 0;
    int64_t group = 0;
    int64_t in_group = 0;
  };
  struct Lease {
    int64_t row = 0;
    int64_t receives = 0;
    int64_t first_received_us = 0;
    int64_t ends_us = 0;
  };
  // What a receive is and has come to.
  struct Receiving {
    StoreTime now;
    QueueRow& queue;
    QueueRow* dead_letters;  // nullptr: none
    seconds visibility;
    seconds lease_total_max;
    uint64_t bytes = 0;
    uint32_t diverted = 0;
    bool full = false;
    std::vector<QueueMessage> messages{};
    std::vector<ReceivedLease> leases{};
    std::map<int64_t, int64_t> leased_of_group{};  // with 0 for those that only lost messages
  };

  // Sending.
  Result<SentMessage> SendOne(StoreTime now, QueueRow& queue, const NewMessage& message);
  Result<int64_t> Insert(StoreTime now, QueueRow& queue, const NewMessage& message,
                         const std::string& deduplication_id, std::string& message_id);
  SentMessage AnswerFor(const QueueRow& queue, const SentTable::Sent& sent) const;
  // Looking.
  Place Start(const QueueRow& queue) const;
  Result<std::vector<MessageRow>> VisibleRows(const QueueRow& queue, Place& place, uint32_t count);
  Result<std::vector<MessageRow>> VisibleOfStandard(const QueueRow& queue, Place& place, uint32_t count);
  Result<std::vector<MessageRow>> VisibleOfGroups(const QueueRow& queue, Place& place, uint32_t count);
  Result<std::optional<MessageRow>> OldestVisible(const QueueRow& queue);
  Result<std::optional<QueueMessage>> Open(const QueueRow& queue, MessageRow row);
  // Receiving.
  Status ReceiveVisible(Receiving& receiving, uint32_t count);
  Status Take(Receiving& receiving, MessageRow& row);
  Result<bool> Divert(Receiving& receiving, const MessageRow& row);
  Status LeaseRow(Receiving& receiving, MessageRow& row);
  Result<std::optional<std::vector<QueueMessage>>> ReceiveAgain(StoreTime now, QueueRow& queue,
                                                                const ReceiveRequest& request);
  // Moving and erasing.
  Status MoveRow(StoreTime now, QueueRow& from, QueueRow& to, const MessageRow& row,
                 const std::optional<std::string_view>& source);
  Status EraseReady(QueueRow& queue, const MessageRow& row);
  Status EraseRow(const MessageRow& row);
  void NotReady(QueueRow& queue, const MessageRow& row);
  Status Settle(QueueRow& queue, int64_t group);
  void GroupIsReady(QueueRow& queue);
  static bool IsExpired(StoreTime now, const QueueRow& queue, const MessageRow& row);
  // With a lease.
  static int64_t RowOf(const QueueRow& queue, const ReceiptHandle& handle);
  Result<std::optional<MessageRow>> RowWithDelivery(int64_t row);
  Result<std::optional<Lease>> CurrentLease(StoreTime now, const QueueRow& queue, const std::string& handle);
  Status DeleteOne(StoreTime now, QueueRow& queue, const std::string& handle);
  Status ReturnOne(StoreTime now, QueueRow& queue, const std::string& handle);
  Status ChangeOne(StoreTime now, QueueRow& queue, const std::string& handle, seconds visibility);
  Status MakeVisible(QueueRow& queue, int64_t row, MessageState from);
  Result<std::optional<int64_t>> RowOfId(const QueueRow& queue, const std::string& message_id);
  // Time.
  Result<std::optional<int64_t>> OldestArrival(const QueueRow& queue);
  Result<uint32_t> ExpireOldest(StoreTime now, QueueRow& queue, uint32_t count);
  Result<uint32_t> EraseAbandoned(uint32_t count);
  void Due(int64_t due_us) { earliest_due_us_ = std::min(earliest_due_us_.value_or(due_us), due_us); }

  // Borrowed.
  SqliteDatabase& database_;
  QueueCatalog& catalog_;
  SequenceSource& sequence_;
  BodyFiles& bodies_;
  // Owned.
  GroupTable groups_{database_};
  SentTable sent_{database_};
  // Mutable.
  std::set<std::string> visible_;
  std::vector<Error> damage_;
  std::optional<int64_t> earliest_due_us_ = 0;
};

}  // namespace hearth
