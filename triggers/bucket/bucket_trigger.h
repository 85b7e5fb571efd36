#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/router/trigger.h"
#include "triggers/bucket/bucket_table.h"
#include "triggers/bucket/live_bucket.h"

namespace hearth {

// Buckets: folders whose finished files make events. A document is one bucket with its notifications
// (bucket_settings.h).
//
// Commands: "replay" (ReplayRequest: forgets receipts, so that the files run again; answers when the scan is
//          over), "scan", and "outcomes" (OutcomeLog: what became of objects lately).
// Owns:    the inotify tree, the work thread, a LiveBucket for each document. Owned by the daemon.
// Borrows: Loop, EventSink, both KeyStores, Random, Log - all outlive it.
// Thread:  loop thread only.
// Stored:  documents as "trigger/bucket/NAME" in `documents`; "receipt/..." and "root/..." in `receipts`, a
//          store of its own since there is one receipt for each file and function.
// Failure: without inotify, buckets are polled; a folder that is missing is a state, shown and tried again.
class BucketTrigger final : public Trigger, public BucketTable, private InotifyTree::Observer {
 public:
  struct Options {
    std::string region = "us-east-1";
    std::string account = "000000000000";
    std::string data_dir;  // a bucket without a path is DATA-DIR/buckets/NAME
    DispatchSettings dispatch;
    WatchSettings watch;
    Destination* destinations = nullptr;  // borrowed; null: a notification may not name one
  };
  // `buckets_of` tells which buckets a function mounts; empty for a function that does not exist (yet).
  BucketTrigger(Loop& loop, EventSink& sink, KeyStore& documents, KeyStore& receipts, Random& random,
                Log& log, FunctionBuckets buckets_of, Options options);
  ~BucketTrigger() override;

  std::string_view kind() const override { return "bucket"; }
  void Put(std::string name, std::string json, Reply reply) override;
  // The folder and its files stay.
  void Remove(std::string name, Done done) override;
  Result<Document> Get(std::string_view name) const override;
  std::vector<Document> List() const override;
  void Command(std::string name, std::string verb, std::string json,
               std::function<void(Result<std::string>)> reply) override;
  void ForgetFunction(std::string_view function) override;
  // Of each bucket, by name.
  std::vector<std::pair<std::string, BucketStatus>> Statuses() const;
  void Start(Done started) override;
  void Drain(std::function<void()> drained) override;

  Result<std::string> PathOf(std::string_view bucket) const override;
  // Null: no such bucket. Until the loop's next turn.
  const BucketSettings* SettingsOf(std::string_view bucket) const;
  // For whoever changes a function: would it start itself with these mounts?
  Status CheckMounts(const std::string& function, const std::vector<BucketMount>& mounts) const;

 private:
  struct Entry {
    InotifyTree::RootId id = 0;
    std::unique_ptr<LiveBucket> bucket;
  };
  using Buckets = std::map<std::string, Entry, std::less<>>;

  Status Check(const BucketSettings& settings) const;
  // Each destination that the notifications name is there.
  void CheckDestinations(std::shared_ptr<BucketSettings> settings, size_t next, Done checked);
  void PrepareAndStore(BucketSettings settings, Reply reply);
  Status CheckOverlap(const BucketSettings& settings) const;
  std::map<std::string, const BucketSettings*, std::less<>> AllSettings() const;
  void StoreAndApply(BucketSettings settings, Reply reply);
  void StoreDocument(BucketSettings settings, Reply reply);
  void ForgetStarts(const std::string& name);
  void Apply(BucketSettings settings);
  void Retire(Buckets::iterator entry);
  LiveBucket* Find(InotifyTree::RootId id);
  void CheckDrained();
  void Later(std::function<void()> task) { loop_.Post(std::move(task)); }

  void OnKey(InotifyTree::RootId root, std::string key, InotifyTree::KeyChange change,
             uint32_t hops) override;
  void OnFolder(InotifyTree::RootId root, std::string key) override;
  void OnFolderMovedOut(InotifyTree::RootId root, std::string key) override;
  void OnRootLost(InotifyTree::RootId root) override;
  void OnOverflow() override;

  // Borrowed.
  Loop& loop_;
  KeyStore& documents_;
  KeyStore& receipts_;
  // Constant after construction.
  const FunctionBuckets buckets_of_;
  const std::string data_dir_;
  // Owned.
  DispatchServices dispatch_;
  std::unique_ptr<InotifyTree> tree_;
  WorkThread disk_;
  WorkThread hashing_;
  BucketWatch::Services watch_;
  // Mutable.
  bool started_ = false;
  bool draining_ = false;
  InotifyTree::RootId next_id_ = 1;
  Buckets buckets_;
  std::map<InotifyTree::RootId, std::unique_ptr<LiveBucket>> closing_;
  std::function<void()> drained_;
  WeakPtrFactory<BucketTrigger> weak_{this};
};

}  // namespace hearth
