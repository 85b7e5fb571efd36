#include <algorithm>

#include "runtime/store/message_table_row.h"

// What the holder of a receipt handle does: delete, change visibility, return.

namespace hearth {
namespace {

// One status a handle. What is wrong with a handle is its own; what is wrong with the store fails the
// operation, which is then rolled back.
template <class One>
Result<std::vector<Status>> ForEach(const std::vector<std::string>& handles, One one) {
  std::vector<Status> statuses;
  for (const auto& handle : handles) {
    Status status = one(handle);
    if (!status.ok() && FaultOf(status.error().code) != Fault::kCaller) return std::move(status).error();
    statuses.push_back(std::move(status));
  }
  return statuses;
}

}  // namespace

Result<std::vector<Status>> MessageTable::Delete(StoreTime now, const std::string& name,
                                                 const std::vector<std::string>& handles) {
  HEARTH_TRY(MakeDueVisible(now));
  HEARTH_ASSIGN(const QueueRow queue, catalog_.Find(name));
  CountChange change;
  HEARTH_ASSIGN(auto statuses, ForEach(handles, [&](const std::string& handle) {
                  return DeleteOne(queue, handle, change);
                }));
  HEARTH_TRY(catalog_.AddCounts(queue.heap, change));
  counters_[queue.id].deleted -= change.ready + change.delayed + change.in_flight;
  return statuses;
}

Result<uint64_t> MessageTable::Discard(StoreTime now, const std::string& name,
                                       const std::vector<std::string>& ids) {
  HEARTH_TRY(MakeDueVisible(now));
  HEARTH_ASSIGN(const QueueRow queue, catalog_.Find(name));
  uint64_t discarded = 0;
  for (const std::string& id : ids) {
    int64_t message = 0;
    int64_t body = 0;
    {
      auto row = database_.Query("SELECT id,body FROM message WHERE heap=?1 AND state=0 AND message_id=?2",
                                 queue.heap, id);
      HEARTH_ASSIGN(const bool found, row.Step());
      if (!found) continue;
      message = row.Int(0);
      body = row.Int(1);
    }
    HEARTH_TRY(EraseMessage(message, body));
    ++discarded;
  }
  HEARTH_TRY(catalog_.AddCounts(queue.heap, {.ready = -static_cast<int64_t>(discarded)}));
  counters_[queue.id].deleted += discarded;
  return discarded;
}

// A handle whose lease is over deletes too: its holder has done the work, and Ok promises that the message
// never comes back.
Status MessageTable::DeleteOne(const QueueRow& queue, const std::string& text, CountChange& change) {
  HEARTH_ASSIGN(const auto handle, ReceiptHandle::Decode(text, queue.id));
  int64_t body = 0;
  {
    auto row =
        database_.Query("SELECT state,body FROM message WHERE id=?1 AND heap=?2", handle.message, queue.heap);
    HEARTH_ASSIGN(const bool found, row.Step());
    if (!found) return Ok();
    body = row.Int(1);
    switch (static_cast<MessageState>(row.Int(0))) {
      case MessageState::kReady:
        --change.ready;
        break;
      case MessageState::kDelayed:
        --change.delayed;
        break;
      case MessageState::kInFlight:
        --change.in_flight;
        break;
    }
  }
  return EraseMessage(handle.message, body);
}

Status MessageTable::EraseMessage(int64_t row, int64_t body) {
  HEARTH_TRY(database_.Run("DELETE FROM message WHERE id=?1", row));
  {
    auto named = database_.Query("SELECT file FROM body WHERE id=?1 AND file IS NOT NULL", body);
    HEARTH_ASSIGN(const bool has_file, named.Step());
    if (has_file) bodies_.RemoveAfterCommit(named.Bytes(0));
  }
  return database_.Run("DELETE FROM body WHERE id=?1", body);
}

Result<std::vector<Status>> MessageTable::ChangeVisibility(StoreTime now, const std::string& name,
                                                           const std::vector<std::string>& handles,
                                                           seconds visibility) {
  HEARTH_TRY(ValidateVisibility(visibility));
  HEARTH_TRY(MakeDueVisible(now));
  HEARTH_ASSIGN(const QueueRow queue, catalog_.Find(name));
  HEARTH_TRY(SaveClock(now));
  if (visibility == seconds(-1)) visibility = queue.settings().visibility_timeout;
  CountChange change;
  HEARTH_ASSIGN(auto statuses, ForEach(handles, [&](const std::string& handle) {
                  return ChangeOne(now, queue, handle, visibility, change);
                }));
  HEARTH_TRY(catalog_.AddCounts(queue.heap, change));
  if (change.ready > 0) visible_.insert(name);
  return statuses;
}

Status MessageTable::ChangeOne(StoreTime now, const QueueRow& queue, const std::string& text,
                               seconds visibility, CountChange& change) {
  HEARTH_ASSIGN(const auto handle, ReceiptHandle::Decode(text, queue.id));
  HEARTH_ASSIGN(const auto lease, CurrentLease(queue, handle));
  if (!lease) return LeaseIsOver(text);
  if (visibility.count() == 0) return MakeVisible(handle.message, change);
  const int64_t due_us = now.lease_us + microseconds(visibility).count();
  if (lease->ends_us > 0 && due_us > lease->ends_us) return LeaseTooLong(text);
  return database_.Run("UPDATE message SET due_us=?2 WHERE id=?1", handle.message, due_us);
}

Result<std::vector<Status>> MessageTable::Return(StoreTime now, const std::string& name,
                                                 const std::vector<std::string>& handles) {
  HEARTH_TRY(MakeDueVisible(now));
  HEARTH_ASSIGN(const QueueRow queue, catalog_.Find(name));
  CountChange change;
  HEARTH_ASSIGN(auto statuses, ForEach(handles, [&](const std::string& handle) {
                  return ReturnOne(queue, handle, change);
                }));
  HEARTH_TRY(catalog_.AddCounts(queue.heap, change));
  if (change.ready > 0) visible_.insert(name);
  return statuses;
}

Status MessageTable::ReturnOne(const QueueRow& queue, const std::string& text, CountChange& change) {
  HEARTH_ASSIGN(const auto handle, ReceiptHandle::Decode(text, queue.id));
  HEARTH_ASSIGN(const auto lease, CurrentLease(queue, handle));
  if (!lease) return LeaseIsOver(text);
  const int64_t receives = std::max<int64_t>(0, lease->receives - 1);
  HEARTH_TRY(database_.Run("UPDATE message SET receives=?2,first_received_us=?3 WHERE id=?1", handle.message,
                           receives, receives == 0 ? 0 : lease->first_received_us));
  return MakeVisible(handle.message, change);
}

Result<std::optional<MessageTable::Lease>> MessageTable::CurrentLease(const QueueRow& queue,
                                                                      const ReceiptHandle& handle) {
  auto row = database_.Query(
      "SELECT receives,first_received_us,lease_ends_us FROM message WHERE id=?1 AND heap=?2 AND state=2 AND "
      "generation=?3",
      handle.message, queue.heap, handle.generation);
  HEARTH_ASSIGN(const bool found, row.Step());
  return found ? std::optional(Lease{row.Int(0), row.Int(1), row.Int(2)}) : std::nullopt;
}

Status MessageTable::MakeVisible(int64_t row, CountChange& change) {
  --change.in_flight;
  ++change.ready;
  return database_.Run("UPDATE message SET state=0 WHERE id=?1", row);
}

}  // namespace hearth
