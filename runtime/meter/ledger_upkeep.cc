#include "runtime/meter/ledger_upkeep.h"

#include <algorithm>
#include <utility>

#include "runtime/meter/roll_up_sums.h"

namespace hearth {
namespace {

// On another thread; values only.
Result<std::string> SumUp(UtcHour closed, const std::function<Status(const LedgerLog::Visit&)>& read) {
  RollUpBuilder builder(closed);
  Status newer;
  HEARTH_TRY(read([&](uint64_t number, std::string_view bytes) {
    const Status taken = builder.Take(number, bytes);
    // What cannot be read was reported when the ledger was opened, and is in no sum. A newer kind would be.
    if (!taken.ok() && taken.error().code == ErrorCode::kUnsupported) newer = taken;
    return newer.ok();
  }));
  HEARTH_TRY(std::move(newer));
  return EncodeRollUpSums(std::move(builder).Finish());
}

}  // namespace

LedgerUpkeep::LedgerUpkeep(Options options, LedgerLog& ledger, const Meter& meter, Executor& executor,
                           Log& log)
    : options_(options),
      wall_at_start_(executor.clock().WallNow()),
      at_start_(executor.clock().Now()),
      ledger_(ledger),
      meter_(meter),
      executor_(executor),
      log_(log),
      appended_(meter.roll_ups_anchored()) {}

WallTime LedgerUpkeep::Now() const {
  return wall_at_start_ + std::chrono::floor<microseconds>(executor_.clock().Now() - at_start_);
}

// What is full counts as such once it is synced, which after a start nothing is.
void LedgerUpkeep::Start() {
  LookLater();
  ledger_.Sync([self = weak_.Get()](const Status& synced) {
    if (self && synced.ok()) self->Look();
  });
}

void LedgerUpkeep::LookLater() {
  timer_ = executor_.After(options_.every, [this] { Start(); });
}

void LedgerUpkeep::Look() {
  if (busy_) return;
  const std::vector<LedgerLog::Part> parts = ledger_.parts();
  const auto unsummed = std::find_if(parts.begin(), parts.end(), [](const LedgerLog::Part& part) {
    return part.full && part.raw && !part.rolled_up;
  });
  if (unsummed != parts.end()) return RollUp(*unsummed);
  const auto newest =
      std::find_if(parts.rbegin(), parts.rend(), [](const LedgerLog::Part& part) { return part.rolled_up; });
  if (newest == parts.rend()) return;
  if (newest->sequence >= anchored_) return Anchor(*newest);
  RemoveOne(parts);
}

void LedgerUpkeep::RollUp(const LedgerLog::Part& part) {
  busy_ = true;
  ledger_.RollUpPart(
      part.sequence,
      [closed = meter_.ClosedBefore(part.first_number)](const auto& read) { return SumUp(closed, read); },
      [self = weak_.Get()](Result<Sha256Digest> made) {
        if (self) self->Done(made.ok() ? Ok() : Status(made.error()), "sum up a segment of the ledger");
      });
}

// One that is vouched for vouches for those before, whose hashes it has. The last room of a full disk is for
// records of accepted work.
void LedgerUpkeep::Anchor(const LedgerLog::Part& newest) {
  busy_ = true;
  const uint64_t through = newest.sequence + 1;
  if (appended_ < through) {
    constexpr const char* kWhat = "put the hash of sums into the ledger";
    if (!ledger_.writable())
      return Done(Error{ErrorCode::kUnavailable, "the ledger takes no new work"}, kWhat);
    const auto appended = ledger_.Append(EncodeRollUpAnchor({newest.sequence, newest.roll_up_hash}));
    if (!appended.ok()) return Done(appended.error(), kWhat);
    appended_ = through;
  }
  ledger_.Sync([self = weak_.Get(), through](const Status& synced) {
    if (!self) return;
    if (synced.ok()) self->anchored_ = through;
    self->Done(synced, "sync the hash of sums");
  });
}

// In order, so that what is kept has no holes. Look() has seen to it that the hash of the newest sums is synced.
void LedgerUpkeep::RemoveOne(const std::vector<LedgerLog::Part>& parts) {
  const auto oldest =
      std::find_if(parts.begin(), parts.end(), [](const LedgerLog::Part& part) { return part.raw; });
  if (oldest == parts.end() || !oldest->full || !oldest->rolled_up) return;
  if (!IsOld(*oldest)) return;
  busy_ = true;
  log_.Info("the records of a ledger segment have been kept long enough; its sums stay",
            {{"segment", std::to_string(oldest->sequence)},
             {"records", std::to_string(oldest->end_number - oldest->first_number)}});
  ledger_.RemoveRaw(oldest->sequence, [self = weak_.Get()](const Status& removed) {
    if (self) self->Done(removed, "remove the records of a ledger segment");
  });
}

bool LedgerUpkeep::IsOld(const LedgerLog::Part& part) {
  auto known = ends_.find(part.sequence);
  if (known == ends_.end()) {
    const auto bytes = ledger_.SumsOf(part.sequence);
    if (!bytes.ok()) return false;
    const auto sums = DecodeRollUpSums(*bytes);
    if (!sums.ok()) return false;
    WallTime end{};
    if (const auto hours = sums->Hours()) end = hours->second + std::chrono::hours(1);
    for (const AccountEntry& entry : sums->account_events) end = std::max(end, entry.recorded);
    known = ends_.emplace(part.sequence, end).first;
  }
  return known->second + options_.keep <= Now();
}

void LedgerUpkeep::Done(const Status& status, const char* what) {
  busy_ = false;
  if (status.ok()) return Look();
  log_.Warn("upkeep of the ledger: it is tried again later",
            {{"what", what}, {"why", status.error().message}});
}

}  // namespace hearth
