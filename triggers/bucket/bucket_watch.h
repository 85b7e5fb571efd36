#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/base/back_off.h"
#include "runtime/base/weak_ptr.h"
#include "runtime/loop/work_thread.h"
#include "triggers/bucket/folder_reader.h"
#include "triggers/bucket/inotify_tree.h"

namespace hearth {

struct WatchSettings {
  // Between two scans, of which a random part from 3/4 to 5/4. A scan finds what inotify missed; 60 s costs a
  // bucket of 100,000 files about 0.3 % of a core.
  milliseconds reconcile_every{60'000};
  milliseconds polled_every{2000};        // instead, where the folder cannot be watched
  milliseconds attach_again_every{2000};  // a folder that is missing is looked for
  bool poll_only = false;                 // inotify does not tell what others do on a network file system
  milliseconds busy_first{5};             // a file with a writer is looked at again; doubles
  milliseconds busy_longest{5000};
  milliseconds probe_limit{2000};  // an event of our own file must have come by then
  bool deaf_for_test = false;      // as on a file system that takes watches and tells nothing
};

// Turns what happens in one bucket's folder into "this key has finished content" and "this key is gone".
//
// inotify only hints; each hint is examined on the work thread (is the file there, has it a writer?). A scan
// watches each folder before it reads it, so that nothing falls between; it runs at the start, when the
// folder is back, after an overflow, and at random intervals.
//
// Where the file system does not tell of others' changes (network, FUSE; or a file of our own made no event)
// folders are polled as well. What only a scan found is caught up with at the rate of the rules, behind
// whatever is hinted at.
//
// Owns:    the hints and the scan. Owned by LiveBucket.
// Borrows: the rest, which outlives it.
// Thread:  loop thread; blocking work on the work thread, with values only.
// States:  missing -> scanning <-> watching; any -> missing when the folder is lost.
// Limits:  kHintsMax hints wait, and as many files that a scan found; more are dropped and make a scan.
//          kExaminedAtOnce, kFoldersAtOnce, kEntriesAtOnce a step.
// Promise: no callback runs after the destructor returns.
class BucketWatch final {
 public:
  class Observer {
   public:
    virtual ~Observer() = default;
    // Room for another kExaminedAtOnce objects? If not, the owner calls Resume() once there is.
    virtual bool HasRoom() const = 0;
    // A scan saw this file: true when there is nothing left to do about it.
    virtual bool IsSettled(const std::string& key, const ObjectIdentity& identity) = 0;
    virtual void OnObject(const KeyHint& hint, const ObjectIdentity& identity) = 0;
    virtual void OnGone(const std::string& key) = 0;
    virtual void OnScanStarted() = 0;
    // `complete`: every file that was there all the time was seen.
    virtual void OnScanFinished(bool complete) = 0;
  };
  struct Services {
    Executor& executor;
    WorkThread& disk;
    Random& random;
    InotifyTree* tree;  // null: none could be had, folders are polled
    WatchSettings settings;
  };
  enum class State { kMissing, kScanning, kWatching };

  static constexpr size_t kHintsMax = 10'000;
  static constexpr size_t kExaminedAtOnce = 256;
  static constexpr size_t kFoldersAtOnce = 64;
  static constexpr size_t kEntriesAtOnce = 2000;

  BucketWatch(Services& services, InotifyTree::RootId id, std::string path, WatchRules rules,
              Observer& observer);
  ~BucketWatch();
  void Start();
  void Stop();    // no more of the observer's calls
  void Resume();  // there is room again
  void RequestScan();
  // Its content is not what it was when it was finished.
  void LookAgain(const std::string& key, uint32_t hops) { LookAgainLater({key, false, false, true, hops}); }
  void SetRules(WatchRules rules);  // a scan should follow

  // Of the inotify tree.
  void OnKey(std::string key, InotifyTree::KeyChange change, uint32_t hops);
  void OnFolder(std::string key);
  void OnFolderMovedOut();
  void OnRootLost(std::string why);
  void OnOverflow();

  State state() const { return state_; }
  bool polled() const { return polled_; }
  const std::optional<BucketRoot>& root() const { return root_; }
  const std::string& last_error() const { return polled_because_.empty() ? last_error_ : polled_because_; }
  uint64_t overflows() const { return overflows_; }
  uint64_t found_by_scan() const { return found_by_scan_; }
  uint64_t found_by_hint() const { return found_by_hint_; }
  size_t waiting() const { return hints_.size() + found_.size() + busy_.size() + settling_.size(); }

 private:
  struct BusyKey {
    KeyHint hint;
    BackOff back_off;
    Timer again;
  };

  struct SettlingKey {
    ObjectIdentity identity;
    MonotonicTime since;
    Timer again;
  };

  InotifyTree* tree() const { return services_.settings.poll_only ? nullptr : services_.tree; }
  void Attach();
  void OnAttached(Result<BucketRoot> root, const std::string& silent);
  void Probe();
  void ForgetAll();
  void Hint(KeyHint hint);
  void Pump();
  void ExamineSome();
  size_t CatchUpAllowance();
  bool HasSettled(const ExaminedKey& one);
  void OnExamined(const BucketRoot& root, std::vector<ExaminedKey> examined, size_t asked);
  void LookAgainLater(KeyHint hint);
  void BeginScan();
  void WatchSome();
  void WatchFolder(int root_fd, const std::string& key);
  void ReadSome();
  void OnRead(const std::shared_ptr<FolderReader>& reader, FolderReader::Step step);
  void EndScan();
  void ArmReconcile();

  // Constant after construction.
  Services& services_;
  const InotifyTree::RootId id_;
  const std::string path_;
  Observer& observer_;

  // Mutable.
  State state_ = State::kMissing;
  bool stopped_ = true;
  RulesPtr rules_;
  bool polled_ = false;
  std::string polled_because_;
  bool probed_ = false;  // since it was attached
  std::string probe_;    // the name of a file whose event is waited for
  Timer probe_over_;
  std::optional<BucketRoot> root_;
  std::string last_error_;
  uint64_t overflows_ = 0;
  uint64_t found_by_scan_ = 0;
  uint64_t found_by_hint_ = 0;
  std::deque<KeyHint> hints_;
  std::unordered_map<std::string, uint32_t> hinted_;  // keys of hints_, and hops: one look serves all
  std::deque<KeyHint> found_;                         // by scans
  double allowance_ = 0;                              // of found_, for now
  MonotonicTime allowance_at_{};
  Timer catch_up_;
  bool examining_ = false;
  std::map<std::string, BusyKey> busy_;
  std::map<std::string, SettlingKey> settling_;
  bool scan_wanted_ = false;
  bool scanning_all_ = false;  // a whole scan is under way, not only of folders that appeared
  bool scan_complete_ = true;
  bool reading_ = false;
  std::shared_ptr<FolderReader> reader_;  // at the work thread while reading_
  std::deque<std::string> folders_;       // to be watched, then read
  Timer timer_;                           // to attach or to reconcile
  WeakPtrFactory<BucketWatch> weak_{this};
};

std::string_view NameOf(BucketWatch::State state);

}  // namespace hearth
