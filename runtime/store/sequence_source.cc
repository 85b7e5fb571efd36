#include "runtime/store/sequence_source.h"

namespace hearth {
namespace {

constexpr int64_t kSetAside = 1'000'000;
// Lease time is stored this often, so a restart under a clock that was set back extends a lease by at most so
// much.
constexpr int64_t kClockSavePeriodUs = 1'000'000;

}  // namespace

Status SequenceSource::Load() {
  auto row = database_.Query("SELECT now_us,next_sequence,id_key FROM state");
  HEARTH_ASSIGN(const bool found, row.Step());
  if (!found) {
    return Error{ErrorCode::kCorrupt, database_.path() + ": its row of state is missing; restore a backup"};
  }
  saved_us_ = seen_us_ = row.Int(0);
  next_ = set_aside_ = row.Int(1);
  ids_ = MessageIds(static_cast<uint64_t>(row.Int(2)));
  return Ok();
}

Status SequenceSource::Flush() {
  if (next_ > MessageKey::kSequenceMax - kSetAside) {
    return Error{ErrorCode::kThrottled,
                 database_.path() + ": its sequence numbers are used up; start with a new file"};
  }
  const bool time = seen_us_ >= saved_us_ + kClockSavePeriodUs;
  if (next_ <= set_aside_ && !time) return Ok();
  if (next_ > set_aside_) set_aside_ = next_ + kSetAside;
  saved_us_ = seen_us_;
  return database_.Run("UPDATE state SET now_us=?1,next_sequence=?2", saved_us_, set_aside_);
}

// The file may have less set aside than was thought: the next flush says it again.
void SequenceSource::RolledBack() {
  set_aside_ = 0;
  saved_us_ = 0;
}

}  // namespace hearth
