#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/weak_ptr.h"
#include "runtime/store/key_store.h"
#include "triggers/bucket/bucket_settings.h"

namespace hearth {

// Which functions a bucket has known, so that one is new to it once, and which have yet to begin: files of
// before their time are still to be given their receipts.
//
// By what is on disk and has receipts, never by times: a clock may be set back.
//
// Owned by LiveBucket.
// Borrows: KeyStore.
// Thread:  loop thread only.
// Stored:  "start/BUCKET/TARGET": "begun", or "Now" or "Checkpoint" until a whole scan was made.
// Promise: no callback runs after the destructor returns.
class StartPoints final {
 public:
  using Done = KeyStore::Done;
  StartPoints(KeyStore& keys, std::string bucket);

  // What is to be stored before settings are, so that no function of them begins elsewhere than it was told,
  // whatever happens in between. Of those that are known already nothing.
  std::vector<KeyStore::Write> WritesFor(const BucketSettings& settings) const;
  static std::string PrefixOf(std::string_view bucket);

  void Load(Done done);
  // They are the bucket's functions now; new ones begin as they say, those that were loaded as they were.
  void Use(const BucketSettings& settings);
  // Scans tell.
  void OnScanStarted();
  // Those whose scan it was have begun, once `done` says so; functions that the bucket has no more are forgotten
  // when nobody may ask for what they did.
  void OnScanFinished(const BucketSettings& settings, Done done);

  // How a function begins that has not begun.
  std::optional<StartFrom> Pending(const std::string& target) const;
  std::vector<std::string> PendingTargets() const;
  bool any_pending() const;
  // All that are known, also of before.
  template <class Visit>
  void ForEachOther(const std::string& target, Visit visit) const {
    for (const auto& [other, point] : points_) {
      if (other != target) visit(other);
    }
  }

 private:
  struct Point {
    std::optional<StartFrom> pending;
    bool scan_begun = false;
  };
  KeyStore& keys_;
  const std::string prefix_;
  std::map<std::string, Point> points_;  // by target
  WeakPtrFactory<StartPoints> weak_{this};
};

}  // namespace hearth
