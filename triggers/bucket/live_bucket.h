#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "triggers/bucket/bucket_settings.h"
#include "triggers/bucket/bucket_watch.h"
#include "triggers/bucket/content_hasher.h"
#include "triggers/bucket/object_dispatcher.h"
#include "triggers/bucket/object_opener.h"
#include "triggers/bucket/sequencer.h"
#include "triggers/bucket/start_points.h"

namespace hearth {

// What an operator sees of a bucket.
struct BucketStatus {
  std::string_view
      state;  // "Missing", "Scanning", "Watching", "Polling" (watching was not to be had), "Stopped"
  std::string last_error;
  uint64_t succeeded = 0, failed = 0, retried = 0, throttled = 0;
  uint64_t under_way = 0, running = 0;
  uint64_t receipts = 0;
  uint64_t unchanged = 0;      // touched, with the content that was done: not run again
  uint64_t skipped = 0;        // files that were there before their function's time
  uint64_t overflows = 0;      // of the kernel's queue: each made a scan
  uint64_t found_by_scan = 0;  // objects that no hint had told of
  uint64_t found_by_hint = 0;
  seconds lag{0};                     // since the oldest object under way was noticed
  uint64_t waiting = 0;               // files that were hinted at or found and are still to be looked at
  std::vector<std::string> starting;  // functions whose first scan is not over
  std::vector<Receipt> failures;      // the first kFailuresShown objects that failed for good
};
std::string EncodeBucketStatus(const BucketStatus& status);

// {"Pattern":"*.jpg","FunctionName":"resize"}: which receipts to forget; all may be missing.
struct ReplayRequest {
  std::string pattern = "*";      // shell's *, ? and [...] over the whole key; * takes slashes too
  std::string target;             // "": every function
  std::optional<WallTime> since;  // files that have changed no earlier (their ctime)
  bool dry_run = false;           // only counts
  // Counts how many events a notification would make at once if it were added.
  std::optional<BucketNotification> candidate;

  bool Takes(const std::string& key, const ObjectIdentity& identity) const;
};
Result<ReplayRequest> ParseReplayRequest(std::string_view json);
// {"After": 17, "WaitMs": 20000}: of a command "outcomes"; both may be missing.
struct OutcomesRequest {
  static constexpr milliseconds kWaitMax{20'000};
  uint64_t after = 0;    // the last number that is known
  milliseconds wait{0};  // for one that is newer
};
Result<OutcomesRequest> ParseOutcomesRequest(std::string_view json);
std::string EncodeReplayed(const ReplayRequest& request, uint64_t count);

// One bucket at work: its watch, its receipts, and a dispatcher for each function that wants its objects.
//
// Owned by BucketTrigger.
// Borrows: both services and the KeyStore of receipts.
// Thread:  loop thread only.
// Limits:  kUnderWayMax objects under way; then the watch holds back.
// Failure: receipts of files that are gone are swept after a complete scan - but not when the folder is
//          another one than before and none of the files is there: that is a mount that is missing, not ten
//          thousand deletions.
// Promise: no callback runs after the destructor returns.
class LiveBucket final : public BucketWatch::Observer, private ObjectSource {
 public:
  static constexpr size_t kUnderWayMax = 4096;
  static constexpr size_t kFailuresShown = 20;
  static constexpr size_t kOutcomesWaitersMax = 64;  // one more is answered at once
  static constexpr milliseconds kStartPatience{60'000};
  using Replayed = std::function<void(Result<std::string>)>;

  LiveBucket(DispatchServices& dispatch, BucketWatch::Services& watch, WorkThread& hashing,
             KeyStore& receipts, InotifyTree::RootId id, BucketSettings settings);
  ~LiveBucket() override;
  void Start();
  // The path stays the same.
  void Configure(BucketSettings settings);
  // What is to be stored before these settings are.
  std::vector<KeyStore::Write> StartsOf(const BucketSettings& settings) const {
    return starts_.WritesFor(settings);
  }
  // Runs later, once every function has begun; at the latest after kStartPatience.
  void WhenBegun(std::function<void()> begun);
  void Replay(ReplayRequest request, Replayed replayed);
  void Rescan(Replayed scanned);
  // What became of objects lately (OutcomeLog). The reply runs later: when there is something new, the wait is over, or
  // the bucket is stopped.
  void Outcomes(const OutcomesRequest& request, Replayed reply);
  void Stop(std::function<void()> idle);  // `idle` runs later, once nothing runs
  void ForgetReceipts(KeyStore::Done done) { receipts_.ForgetAll(std::move(done)); }

  const BucketSettings& settings() const { return settings_; }
  BucketStatus status() const;
  BucketWatch& watch() { return *watch_; }

  // BucketWatch::Observer.
  bool HasRoom() const override;
  bool IsSettled(const std::string& key, const ObjectIdentity& identity) override;
  void OnObject(const KeyHint& hint, const ObjectIdentity& identity) override;
  void OnGone(const std::string& key) override;
  void OnScanStarted() override;
  void OnScanFinished(bool complete) override;

 private:
  struct ScanRequest {
    bool begun = false;
    bool forgets = true;  // false: a scan that was only asked for
    ReplayRequest request;
    uint64_t count = 0;
    Replayed replayed;
  };
  struct Comparison {
    KeyHint hint;
    ObjectIdentity identity;
    ObjectTerms terms;
  };
  struct OutcomesWaiter {
    uint64_t after = 0;
    Replayed reply;
    Timer over;
  };
  void OnEnded(ObjectOutcome outcome);
  void AnswerOutcomes();
  using Dispatchers = std::map<std::string, std::unique_ptr<ObjectDispatcher>>;  // by target

  // ObjectSource.
  void Open(const std::string& key, const ObjectIdentity& identity, OnOpened opened) override {
    opener_.Open(watch_->root(), key, identity, std::move(opened));
  }
  void Hash(const std::string& key, const ObjectIdentity& identity, ObjectSource::OnHashed hashed) override;
  void LookAgain(const std::string& key, uint32_t hops) override { watch_->LookAgain(key, hops); }

  void RequestScan(ScanRequest request);
  uint32_t HopsOf(const KeyHint& hint);
  // Touched only? Then its receipt is renewed; else it is offered, as a hint that was looked at.
  void Compare(const std::string& target, const KeyHint& hint, const ObjectIdentity& identity,
               ObjectTerms terms);
  void OnCompared(const std::string& target, const std::string& key, const Result<std::string>& hash);
  void OnLoaded(const Status& loaded);
  void MakeDispatchers();
  void Load(KeyStore::Done done);
  ObjectTerms TermsOf(const BucketNotification& notification, const std::string& key) const;
  // Each function once: that wants this created object, or the removal of this key.
  using Visit = std::function<void(ObjectDispatcher&, const BucketNotification&)>;
  void ForEachCreated(const std::string& key, uint64_t size, const Visit& visit);
  void ForEachRemoved(const std::string& key, const Visit& visit);
  void ForEach(const std::function<bool(const BucketNotification&)>& wants, const Visit& visit);
  // A file of before the function's time, or one that it only wants to hear of when it goes: gets its receipt.
  bool SkipIfOld(const std::string& key, const ObjectIdentity& identity, const std::string& target);
  void FlushSkipped();
  void SkipForRemovals(const std::string& key, const ObjectIdentity& identity);
  bool IsDoneByOther(const std::string& key, const ObjectIdentity& identity, const std::string& target);
  bool IsReplayed(const std::string& key, const ObjectIdentity& identity, const std::string& target);
  void CountCandidates(const std::string& key, const ObjectIdentity& identity);
  void Sweep();
  void OnUnseen(const std::vector<Receipt>& unseen, bool left);
  void OnBegun(const Status& stored);
  bool MaySweep() const;
  void RememberRoot();
  bool wants_removals() const;
  void OnProgress();
  void CheckIdle();

  // Constant after construction.
  DispatchServices& dispatch_;
  KeyStore& keys_;

  // Mutable.
  BucketSettings settings_;
  ReceiptBook receipts_;
  StartPoints starts_;
  Sequencer sequencer_;
  bool started_ = false;
  bool loaded_ = false;
  bool stopped_ = false;
  std::string last_error_;
  std::string root_at_last_scan_;  // "DEVICE:INODE", as stored
  uint64_t skipped_ = 0;
  OutcomeLog outcomes_;
  std::vector<OutcomesWaiter> outcomes_waiters_;
  // The most hops of an object that a hint told of: since the last scan, and between the one before and it.
  uint32_t hops_since_scan_ = 0, hops_before_scan_ = 0;
  bool sweep_left_ = false;  // receipts of files that are gone wait for room
  Dispatchers dispatchers_;
  DispatchCounters ended_;  // of dispatchers that are no more
  Dispatchers retired_;     // of functions that no longer want objects; until they are idle
  std::unique_ptr<BucketWatch> watch_;
  ObjectOpener opener_;
  ContentHasher hasher_;
  std::map<std::pair<std::string, std::string>, Comparison> comparisons_;  // by target and key
  uint64_t unchanged_ = 0;
  std::vector<ScanRequest> replays_;
  std::vector<std::function<void()>> begun_;
  Timer begun_anyway_;
  Timer load_again_;
  Timer look_again_;
  std::function<void()> idle_;
  WeakPtrFactory<LiveBucket> weak_{this};
};

}  // namespace hearth
