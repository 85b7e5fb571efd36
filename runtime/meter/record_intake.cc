#include "runtime/meter/record_intake.h"

#include <utility>

#include "runtime/meter/record_codec.h"

namespace hearth {

void RecordIntake::Take(const std::string& record, std::function<void()> taken) {
  if (waiting_.empty() && TryRecord(record)) return taken();
  waiting_.push_back({record, std::move(taken), nullptr});
  TryLater();
}

void RecordIntake::Sync(std::function<void(Status)> done) {
  if (waiting_.empty()) return meter_.Sync(std::move(done));
  waiting_.push_back({{}, nullptr, std::move(done)});
}

// False: not now.
bool RecordIntake::TryRecord(const std::string& bytes) {
  const auto record = DecodeRecord(bytes);
  const auto recorded = record.ok() ? meter_.Record(*record) : Result<Meter::Recorded>(record.error());
  if (recorded.ok()) return true;
  if (recorded.error().code == ErrorCode::kUnavailable) return false;
  log_.Error("a record is not in the ledger, and not billed",
             {{"request_id", record.ok() ? record->request_id : ""}, {"error", recorded.error().message}});
  return true;
}

void RecordIntake::TakeWaiting() {
  while (!waiting_.empty()) {
    Waiting& first = waiting_.front();
    if (!first.synced && !TryRecord(first.record)) return TryLater();
    const Waiting taken = std::move(first);
    waiting_.pop_front();
    if (taken.synced) {
      meter_.Sync(taken.synced);
    } else {
      taken.taken();
    }
  }
}

void RecordIntake::TryLater() {
  if (retry_.armed()) return;
  retry_ = executor_.After(kRetry, [this] {
    retry_.Cancel();
    TakeWaiting();
  });
}

}  // namespace hearth
