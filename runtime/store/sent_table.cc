#include "runtime/store/sent_table.h"

namespace hearth {
namespace {

int64_t UntilUs(StoreTime now) { return now.lease_us + microseconds(kIdempotencyWindow).count(); }

void PutNumber(std::string& out, int64_t number) {
  for (int shift = 0; shift < 64; shift += 8) {
    out.push_back(static_cast<char>(static_cast<uint64_t>(number) >> shift));
  }
}

int64_t TakeNumber(std::string_view& from) {
  uint64_t number = 0;
  for (int i = 7; i >= 0; --i) number = number << 8 | static_cast<uint8_t>(from[i]);
  from.remove_prefix(8);
  return static_cast<int64_t>(number);
}

}  // namespace

Result<std::optional<SentTable::Sent>> SentTable::Find(StoreTime now, int64_t queue, SentScope scope,
                                                       std::string_view key) {
  auto row = database_.Query(
      "SELECT row,message_id FROM sent WHERE queue=?1 AND scope=?2 AND key=?3 AND until_us>?4", queue,
      static_cast<int64_t>(scope), SqlBlob{key}, now.lease_us);
  HEARTH_ASSIGN(const bool found, row.Step());
  return found ? std::optional(Sent{row.Int(0), row.Bytes(1)}) : std::nullopt;
}

Status SentTable::Add(StoreTime now, int64_t queue, SentScope scope, std::string_view key, int64_t row) {
  return database_.Run("INSERT OR REPLACE INTO sent(queue,scope,key,row,until_us) VALUES(?1,?2,?3,?4,?5)",
                       queue, static_cast<int64_t>(scope), SqlBlob{key}, row, UntilUs(now));
}

Result<std::optional<std::vector<ReceivedLease>>> SentTable::FindAttempt(StoreTime now, int64_t queue,
                                                                         std::string_view attempt) {
  auto row = database_.Query("SELECT leases FROM attempt WHERE queue=?1 AND attempt_id=?2 AND until_us>?3",
                             queue, SqlBlob{attempt}, now.lease_us);
  HEARTH_ASSIGN(const bool found, row.Step());
  if (!found) return std::optional<std::vector<ReceivedLease>>();
  std::vector<ReceivedLease> leases;
  for (std::string_view bytes = row.View(0); bytes.size() >= 24;) {
    const int64_t message = TakeNumber(bytes);
    const int64_t generation = TakeNumber(bytes);
    leases.push_back({message, generation, TakeNumber(bytes)});
  }
  return std::optional(std::move(leases));
}

Status SentTable::SaveAttempt(StoreTime now, int64_t queue, std::string_view attempt,
                              const std::vector<ReceivedLease>& leases) {
  std::string bytes;
  for (const ReceivedLease& lease : leases) {
    PutNumber(bytes, lease.row);
    PutNumber(bytes, lease.generation);
    PutNumber(bytes, lease.due_us);
  }
  return database_.Run("INSERT OR REPLACE INTO attempt(queue,attempt_id,until_us,leases) VALUES(?1,?2,?3,?4)",
                       queue, SqlBlob{attempt}, UntilUs(now), SqlBlob{bytes});
}

Result<bool> SentTable::CleanUp(StoreTime now, uint32_t count) {
  HEARTH_TRY(
      database_.Run("DELETE FROM sent WHERE (queue,scope,key) IN"
                    "(SELECT queue,scope,key FROM sent INDEXED BY sent_until WHERE until_us<=?1 LIMIT ?2)",
                    now.lease_us, count));
  bool more = database_.rows_changed() == count;
  HEARTH_TRY(database_.Run(
      "DELETE FROM attempt WHERE (queue,attempt_id) IN"
      "(SELECT queue,attempt_id FROM attempt INDEXED BY attempt_until WHERE until_us<=?1 LIMIT ?2)",
      now.lease_us, count));
  more = more || database_.rows_changed() == count;
  return more;
}

}  // namespace hearth
