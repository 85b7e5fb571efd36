#include "runtime/store/ledger_log.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "runtime/base/check.h"
#include "runtime/base/files.h"
#include "runtime/base/weak_ptr.h"
#include "runtime/loop/work_thread.h"
#include "runtime/store/ledger_chain.h"
#include "runtime/store/ledger_check.h"
#include "runtime/store/ledger_inventory.h"
#include "runtime/store/next_segment.h"

namespace hearth {
namespace {

// How often a segment that could not be made is tried again: a full disk is noticed as freed within a blink,
// and four failing calls a second cost nothing.
constexpr milliseconds kRetryEvery{250};
// The last part of a segment that is kept for the records of work already accepted when no next one can be
// made.
constexpr uint64_t kReserveShare = 8;

// Bytes of a segment up to which everything appended is to be synced and chained.
struct SyncTarget {
  std::shared_ptr<const LedgerSegment> segment;
  uint64_t sequence = 0;
  uint64_t end = 0;
  uint64_t end_number = 0;
};

Status ReadSegments(const std::vector<LedgerSegmentInfo>& segments, uint64_t from,
                    const LedgerLog::Visit& visit) {
  for (const LedgerSegmentInfo& info : segments) {
    if (!info.raw || info.end_number <= from || info.first_number == info.end_number) continue;
    HEARTH_ASSIGN(const auto segment, LedgerSegment::Map(info.path, LedgerSegment::Access::kRead));
    HEARTH_ASSIGN(const bool go_on, ReadSegmentRecords(info, segment->bytes(), from, visit));
    if (!go_on) return Ok();
  }
  return Ok();
}

// Where each segment ended then. What is before that never changes, so that files are read without a lock.
class FolderView final : public LedgerView {
 public:
  FolderView(std::string folder, std::vector<LedgerSegmentInfo> segments, std::vector<LedgerPart> parts)
      : folder_(std::move(folder)), segments_(std::move(segments)), parts_(std::move(parts)) {}

  std::vector<LedgerPart> parts() const override { return parts_; }
  Status Read(uint64_t from, const Visit& visit) const override {
    Status read = ReadSegments(segments_, from, visit);
    if (read.ok() || read.error().code != ErrorCode::kNotFound) return read;
    return Error{ErrorCode::kPrecondition, "records of the ledger were removed meanwhile, their sums stay (" +
                                               read.error().message + "): ask again"};
  }
  Result<std::string> SumsOf(uint64_t sequence) const override {
    HEARTH_ASSIGN(RollUp roll_up, ReadRollUp(folder_, sequence));
    return std::move(roll_up.payload);
  }

 private:
  const std::string folder_;
  const std::vector<LedgerSegmentInfo> segments_;
  const std::vector<LedgerPart> parts_;
};

// Of a log in memory, which has no threads of its own: reads the log itself.
class WholeView final : public LedgerView {
 public:
  explicit WholeView(const LedgerLog& log) : log_(log), size_(log.size()) {}
  std::vector<LedgerPart> parts() const override { return log_.parts(); }
  Status Read(uint64_t from, const Visit& visit) const override {
    return log_.Read(from, [&](uint64_t number, std::string_view record) {
      return number < size_ && visit(number, record);
    });
  }
  Result<std::string> SumsOf(uint64_t sequence) const override { return log_.SumsOf(sequence); }

 private:
  const LedgerLog& log_;
  const uint64_t size_;
};

class SegmentedLedgerLog final : public LedgerLog {
 public:
  SegmentedLedgerLog(Options options, Executor& executor, UniqueFd lock, LedgerInventory inventory,
                     LedgerChain chain)
      : options_(std::move(options)),
        executor_(executor),
        lock_(std::move(lock)),
        segments_(std::move(inventory.segments)),
        next_sequence_(inventory.next_sequence),
        next_number_(inventory.next_number),
        report_(inventory.report),
        chain_(std::move(chain)),
        next_(executor,
              [weak = weak_.Get()] {
                if (weak) weak->RetryLater();
              }),
        sync_thread_(executor, "ledger-sync"),
        upkeep_thread_(executor, "ledger-upkeep") {}

  // The threads are joined after this, so the last group is on the disk when the destructor returns.
  ~SegmentedLedgerLog() override {
    closing_->store(true, std::memory_order_relaxed);
    if (synced_number_ == next_number_ || !sync_error_.ok()) return;
    sync_thread_.Submit([this, targets = TakeTargets()] { (void)SyncOnThread(targets); });
  }

  // What the last life left unsynced or unchained, and a segment to append to.
  void Begin(bool last_may_grow) {
    for (size_t i = 0; i < segments_.size(); ++i) {
      const bool grows = last_may_grow && i + 1 == segments_.size();
      if (grows && Reopen(segments_[i])) continue;
      if (segments_[i].raw && segments_[i].sequence >= chain_.sequence()) QueueOld(segments_[i]);
    }
    if (!current_) {
      (void)Roll();  // on a full disk the log opens, is not writable, and goes on trying
    }
    MakeNextIfHalfFull();
    ScheduleSync();
  }

  Result<uint64_t> Append(std::string_view record) override {
    if (record.empty() || record.size() > kLedgerRecordBytesMax) return WrongSize(record.size());
    if (!current_ || !current_->HasRoomFor(record.size())) HEARTH_TRY(Roll());
    current_->Append(next_number_, record);
    LedgerSegmentInfo& info = segments_.back();
    info.end = current_->end();
    info.end_number = next_number_ + 1;
    MakeNextIfHalfFull();
    ScheduleSync();
    return next_number_++;
  }

  bool writable() const override {
    if (!sync_error_.ok()) return false;
    if (next_.state() == NextSegment::State::kReady) return true;
    return current_ && current_->capacity() - current_->end() > current_->capacity() / kReserveShare;
  }

  void Sync(std::function<void(Status)> done) override {
    if (synced_number_ >= next_number_ || !sync_error_.ok()) {
      executor_.Post([weak = weak_.Get(), done = std::move(done)] {
        if (weak) done(weak->sync_error_);
      });
      return;
    }
    waiting_.push_back({next_number_, std::move(done)});
    StartSync();
  }

  Status Read(uint64_t from,
              const std::function<bool(uint64_t number, std::string_view record)>& visit) const override {
    return ReadSegments(segments_, from, visit);
  }
  std::shared_ptr<const LedgerView> View() const override {
    return std::make_shared<FolderView>(options_.folder, segments_, parts());
  }

  uint64_t size() const override { return next_number_; }

  Stats stats() const override {
    Stats stats = stats_;
    stats.unsynced = next_number_ - std::min(synced_number_, next_number_);
    for (const LedgerSegmentInfo& info : segments_) stats.bytes += info.end;
    if (current_) stats.bytes += current_->capacity() - segments_.back().end;
    return stats;
  }

  Status Verify() const override {
    HEARTH_TRY(Read(0, [](uint64_t, std::string_view) { return true; }));
    return VerifyLedgerChain(options_.folder, segments_);
  }

  std::vector<Part> parts() const override {
    std::vector<Part> parts;
    for (size_t i = 0; i < segments_.size(); ++i) {
      const LedgerSegmentInfo& info = segments_[i];
      const bool full = i + 1 < segments_.size() && info.end_number <= synced_number_;
      parts.push_back({info.sequence, info.first_number, info.end_number, full, info.raw, info.rolled_up,
                       info.roll_up_hash});
    }
    return parts;
  }

  void RollUpPart(uint64_t sequence, MakeSums make, std::function<void(Result<Sha256Digest>)> done) override {
    const auto found = Find(sequence);
    if (found == segments_.end() || !found->raw || found + 1 == segments_.end() ||
        found->end_number > synced_number_) {
      return Refuse<Sha256Digest>(std::move(done), "roll up ledger segment " + std::to_string(sequence) +
                                                       ": it is not there, or not full and synced");
    }
    if (rolling_up_) {
      return Refuse<Sha256Digest>(std::move(done), "roll up ledger segment " + std::to_string(sequence) +
                                                       ": another one is being rolled up");
    }
    rolling_up_ = true;
    Sha256Digest previous{};
    for (auto before = segments_.begin(); before != found; ++before) {
      if (before->rolled_up) previous = before->roll_up_hash;
    }
    upkeep_thread_.Run<Result<RollUp>>(
        [folder = options_.folder, info = *found, previous, make = std::move(make)] {
          return MakeRollUp(folder, info, previous, make);
        },
        [weak = weak_.Get(), done = std::move(done)](Result<RollUp> made) {
          if (!weak) return;
          weak->rolling_up_ = false;
          if (!made.ok()) return done(std::move(made).error());
          weak->RolledUp(*made);
          done(made->hash);
        });
  }

  void RemoveRaw(uint64_t sequence, std::function<void(Status)> done) override {
    const auto found = Find(sequence);
    if (found == segments_.end() || !found->rolled_up || found + 1 == segments_.end()) {
      return RefuseStatus(std::move(done), "remove the records of ledger segment " +
                                               std::to_string(sequence) + ": it has not been rolled up");
    }
    found->raw = false;  // first: nobody reads it while its file goes
    upkeep_thread_.Run<Status>(
        [folder = options_.folder, sequence] { return RemoveSegment(folder, sequence); },
        [weak = weak_.Get(), done = std::move(done)](Status removed) {
          if (weak) done(std::move(removed));
        });
  }

  Result<std::string> SumsOf(uint64_t sequence) const override {
    HEARTH_ASSIGN(RollUp roll_up, ReadRollUp(options_.folder, sequence));
    return std::move(roll_up.payload);
  }

  void Check(Visit visit, std::function<void(Checked)> done) const override {
    upkeep_thread_.Run<Checked>(
        [folder = options_.folder, segments = segments_, report = report_, visit = std::move(visit),
         closing = closing_] {
          return CheckLedger(folder, segments, report, [&](uint64_t number, std::string_view record) {
            return !closing->load(std::memory_order_relaxed) && visit(number, record);
          });
        },
        [weak = weak_.Get(), done = std::move(done)](Checked checked) {
          if (weak) done(std::move(checked));
        });
  }

 private:
  struct Waiting {
    uint64_t number;  // everything before it is to be synced
    std::function<void(Status)> done;
  };

  static Error WrongSize(uint64_t bytes) {
    if (bytes == 0)
      return {ErrorCode::kInvalidArgument, "append to the ledger: a record has at least 1 byte"};
    return {ErrorCode::kTooLarge, "append to the ledger: the record has " + std::to_string(bytes) +
                                      " bytes, the limit is " + std::to_string(kLedgerRecordBytesMax)};
  }

  std::vector<LedgerSegmentInfo>::iterator Find(uint64_t sequence) {
    return std::find_if(segments_.begin(), segments_.end(),
                        [&](const LedgerSegmentInfo& info) { return info.sequence == sequence; });
  }

  void RolledUp(const RollUp& made) {
    const auto found = Find(made.sequence);
    found->rolled_up = true;
    found->chain_after = made.chain_after;
    found->roll_up_hash = made.hash;
  }

  template <class T>
  void Refuse(std::function<void(Result<T>)> done, std::string why) {
    executor_.Post([weak = weak_.Get(), done = std::move(done), why = std::move(why)] {
      if (weak) done(Error{ErrorCode::kPrecondition, why});
    });
  }
  void RefuseStatus(std::function<void(Status)> done, std::string why) {
    executor_.Post([weak = weak_.Get(), done = std::move(done), why = std::move(why)] {
      if (weak) done(Error{ErrorCode::kPrecondition, why});
    });
  }

  bool Reopen(const LedgerSegmentInfo& info) {
    auto segment = LedgerSegment::Map(info.path, LedgerSegment::Access::kWrite);
    if (!segment.ok()) return false;
    current_ = std::move(segment).value();
    current_->SetEnd(info.end);
    return true;
  }

  void QueueOld(const LedgerSegmentInfo& info) {
    auto segment = LedgerSegment::Map(info.path, LedgerSegment::Access::kRead);
    if (segment.ok())
      leaving_.push_back({std::move(segment).value(), info.sequence, info.end, info.end_number});
  }

  void MakeNext() { next_.Make(options_.folder, next_sequence_, options_.segment_bytes); }

  void MakeNextIfHalfFull() {
    if (!current_ || current_->end() <= current_->capacity() / 2) return;
    if (next_.state() == NextSegment::State::kNone) MakeNext();
  }

  void RetryLater() {
    retry_ = executor_.After(kRetryEvery, [weak = weak_.Get()] {
      if (weak && weak->next_.state() == NextSegment::State::kFailed) weak->MakeNext();
    });
  }

  // On to the next segment.
  Status Roll() {
    if (next_.state() == NextSegment::State::kNone) MakeNext();
    auto segment = next_.Take();
    if (!segment.ok()) {
      return Error{ErrorCode::kUnavailable,
                   "append to the ledger: no room for another record: " + segment.error().message};
    }
    if (current_) leaving_.push_back(TargetNow());
    current_ = std::move(segment).value();
    const uint64_t previous_end = FollowsAtOnce() ? segments_.back().end : 0;
    current_->WriteHeader({next_sequence_, next_number_, previous_end, executor_.clock().WallNow()});
    segments_.push_back({next_sequence_, current_->path(), next_number_, next_number_, current_->end()});
    ++next_sequence_;
    return Ok();
  }

  // False when a damaged segment lies between.
  bool FollowsAtOnce() const { return !segments_.empty() && segments_.back().sequence + 1 == next_sequence_; }

  SyncTarget TargetNow() const {
    const LedgerSegmentInfo& info = segments_.back();
    return {current_, info.sequence, info.end, info.end_number};
  }

  void ScheduleSync() {
    if (linger_armed_ || sync_running_ || !sync_error_.ok()) return;
    linger_armed_ = true;
    linger_ = executor_.After(options_.sync_linger, [weak = weak_.Get()] {
      if (weak) weak->StartSync();
    });
  }

  void StartSync() {
    linger_armed_ = false;
    linger_.Cancel();
    if (sync_running_) return;
    sync_running_ = true;
    sync_began_ = executor_.clock().Now();
    sync_thread_.Run<Status>([this, targets = TakeTargets()] { return SyncOnThread(targets); },
                             [weak = weak_.Get(), number = next_number_](Status status) {
                               if (weak) weak->Synced(number, std::move(status));
                             });
  }

  std::vector<SyncTarget> TakeTargets() {
    std::vector<SyncTarget> targets = std::exchange(leaving_, {});
    if (current_) targets.push_back(TargetNow());
    return targets;
  }

  // Everything is synced. What a full disk has no room for in the chain is chained with a later sync.
  Status SyncOnThread(const std::vector<SyncTarget>& targets) {
    std::vector<SyncTarget> due = std::exchange(unchained_, {});
    for (const SyncTarget& target : targets) {
      if (!due.empty() && due.back().sequence == target.sequence) due.pop_back();
      due.push_back(target);
    }
    for (const SyncTarget& target : due) {
      if (unchained_.empty()) {
        Status chained = chain_.Extend(*target.segment, target.sequence, target.end, target.end_number);
        if (chained.ok()) continue;
        if (chained.error().code != ErrorCode::kUnavailable) return chained;
      } else {
        HEARTH_TRY(target.segment->Sync(0, target.end));
      }
      unchained_.push_back(target);
    }
    return Ok();
  }

  // A failed sync is never tried again: the kernel may have dropped the pages it could not write and say Ok
  // next time. The log takes no new work until it is opened anew and has looked at what is on the disk.
  void Synced(uint64_t number, Status status) {
    sync_running_ = false;
    stats_.sync_ns.Observe(static_cast<uint64_t>((executor_.clock().Now() - sync_began_).count()));
    if (status.ok()) {
      synced_number_ = number;
    } else {
      sync_error_ =
          std::move(status).error().WithContext("sync the ledger (it takes no new work until restarted)");
    }
    std::vector<Waiting> served = TakeServed();
    if (sync_error_.ok() && !waiting_.empty()) {
      StartSync();
    } else if (synced_number_ < next_number_) {
      ScheduleSync();
    }
    // Last, since a callback may destroy us.
    const Status outcome = sync_error_;
    for (const WeakPtr weak = weak_.Get(); const Waiting& one : served) {
      if (weak) one.done(outcome);
    }
  }

  std::vector<Waiting> TakeServed() {
    std::vector<Waiting> served;
    while (!waiting_.empty() && (waiting_.front().number <= synced_number_ || !sync_error_.ok())) {
      served.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    }
    return served;
  }

  // Constant after construction.
  const Options options_;
  Executor& executor_;
  const UniqueFd lock_;

  std::vector<LedgerSegmentInfo> segments_;  // back() is current_, if there is one
  std::shared_ptr<LedgerSegment> current_;
  std::vector<SyncTarget> leaving_;  // full segments that were not synced yet
  uint64_t next_sequence_;
  uint64_t next_number_;
  const OpenReport report_;

  const std::shared_ptr<std::atomic<bool>> closing_ = std::make_shared<std::atomic<bool>>(false);
  bool rolling_up_ = false;  // one at a time, since each has the hash of the one before

  // The sync thread's once the log is open.
  LedgerChain chain_;
  std::vector<SyncTarget> unchained_;  // synced; one a segment, oldest first
  uint64_t synced_number_ = 0;
  bool sync_running_ = false;
  MonotonicTime sync_began_{};
  Stats stats_;  // its histogram
  bool linger_armed_ = false;
  Status sync_error_;
  std::deque<Waiting> waiting_;
  Timer linger_;
  Timer retry_;

  WeakPtrFactory<SegmentedLedgerLog> weak_{this};
  // After weak_ although it is to be last: the threads are joined first, and what they post holds weak
  // pointers.
  NextSegment next_;
  WorkThread sync_thread_;
  mutable WorkThread upkeep_thread_;
};

Result<UniqueFd> LockFolder(const std::string& folder) {
  HEARTH_ASSIGN(UniqueFd lock, OpenFile(folder + "/lock", O_RDWR | O_CREAT, 0640));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) return ErrnoError("lock ledger folder " + folder);
  return Error{ErrorCode::kConflict,
               "open ledger " + folder + ": another process has it open; stop that one first"};
}

// The chain has seen records that are gone, although nothing but zeros is there now.
void ReportChainedBeyond(const LedgerChain& chain, LedgerInventory& inventory) {
  if (inventory.segments.empty()) return;
  const LedgerSegmentInfo& last = inventory.segments.back();
  if (chain.sequence() != last.sequence || chain.offset() <= last.end) return;
  if (inventory.last_may_grow) inventory.report.bytes_dropped += chain.offset() - last.end;
  inventory.last_may_grow = false;
  if (!inventory.report.detail.empty()) inventory.report.detail += "; ";
  inventory.report.detail += "ledger segment " + last.path + ": records up to byte " +
                             std::to_string(chain.offset()) + " were synced and chained, those after byte " +
                             std::to_string(last.end) + " are gone";
}

}  // namespace

Result<LedgerLog::Opened> LedgerLog::Open(Options options, Executor& executor) {
  if (options.segment_bytes < kSegmentBytesMin || options.segment_bytes % 4096 != 0) {
    return Error{ErrorCode::kInvalidArgument,
                 "open ledger " + options.folder + ": segments of " + std::to_string(options.segment_bytes) +
                     " bytes; at least " + std::to_string(kSegmentBytesMin) + " and a multiple of 4096"};
  }
  HEARTH_TRY(MakeFolders(options.folder, 0750));
  HEARTH_ASSIGN(UniqueFd lock, LockFolder(options.folder));
  HEARTH_ASSIGN(LedgerInventory inventory, TakeLedgerInventory(options.folder));
  HEARTH_ASSIGN(LedgerChain chain, LedgerChain::Open(options.folder, inventory.segments));
  ReportChainedBeyond(chain, inventory);
  const bool last_may_grow = inventory.last_may_grow;
  Opened opened{.log = nullptr, .report = inventory.report};
  auto log = std::make_unique<SegmentedLedgerLog>(std::move(options), executor, std::move(lock),
                                                  std::move(inventory), std::move(chain));
  log->Begin(last_may_grow);
  opened.log = std::move(log);
  return opened;
}

Result<LedgerLog::Checked> LedgerLog::CheckFolder(const std::string& folder, const Visit& visit) {
  if (!PathExists(folder)) return Error{ErrorCode::kNotFound, "check ledger " + folder + ": no such folder"};
  HEARTH_ASSIGN(const UniqueFd lock, LockFolder(folder));
  HEARTH_ASSIGN(const LedgerInventory inventory, TakeLedgerInventory(folder));
  return CheckLedger(folder, inventory.segments, inventory.report, visit);
}

void LedgerLog::RollUpPart(uint64_t, MakeSums, std::function<void(Result<Sha256Digest>)> done) {
  done(Error{ErrorCode::kUnsupported, "this ledger has no segments"});
}

void LedgerLog::RemoveRaw(uint64_t, std::function<void(Status)> done) {
  done(Error{ErrorCode::kUnsupported, "this ledger has no segments"});
}

std::shared_ptr<const LedgerView> LedgerLog::View() const { return std::make_shared<WholeView>(*this); }

Result<std::string> LedgerLog::SumsOf(uint64_t) const {
  return Error{ErrorCode::kNotFound, "this ledger has no segments"};
}

void LedgerLog::Check(Visit visit, std::function<void(Checked)> done) const {
  Checked checked;
  checked.segments = 1;
  checked.records = size();
  if (const Status read = Read(0, visit); !read.ok()) checked.findings.push_back(read.error().message);
  done(std::move(checked));
}

}  // namespace hearth
