#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/base/unique_fd.h"
#include "runtime/loop/fd_watch.h"

namespace hearth {

// The SDK's OutputFile writes under ".part-hN-..." and renames: N functions, one after the other, led to the file. 0:
// the name says nothing of it.
uint32_t HopsOfName(std::string_view name);

// The only user of inotify: one instance for all buckets, one watch for each folder.
//
// Owns:    the inotify descriptor and its watches. Owned by BucketTrigger.
// Borrows: Loop, Observer.
// Thread:  loop thread only. It only drains the kernel's queue: what a hint means is found out elsewhere.
// Limits:  watches: fs.inotify.max_user_watches, an error that says so.
// Failure: an overflow of the kernel's queue is told as OnOverflow(); anything may have been missed.
// Promise: no callback runs after the destructor returns.
class InotifyTree final {
 public:
  using RootId = uint64_t;
  enum class KeyChange {
    kCreated,  // appeared, and may be still being written
    kClosed,   // after writing
    kMovedIn,
    kGone,  // moved out or deleted
  };
  // Called while the queue is drained; may call Watch() and Forget().
  class Observer {
   public:
    virtual ~Observer() = default;
    // `hops`: what its name was until now says so (HopsOfName); 0: nothing is known.
    virtual void OnKey(RootId root, std::string key, KeyChange change, uint32_t hops) = 0;
    virtual void OnFolder(RootId root, std::string key) = 0;          // appeared; not yet watched
    virtual void OnFolderMovedOut(RootId root, std::string key) = 0;  // with all in it; no longer watched
    virtual void OnRootLost(RootId root) = 0;                         // deleted, moved or unmounted
    virtual void OnOverflow() = 0;
  };

  static Result<std::unique_ptr<InotifyTree>> Create(Loop& loop, Observer& observer);

  // Watching a folder again is legal. kAlreadyExists: it is watched as a part of another root.
  Status Watch(RootId root, const std::string& key, int folder_fd);
  void Forget(RootId root, const std::string& key);  // the folder and all below; "": the root with all
  size_t watches() const { return places_.size(); }
  // What the kernel allows this user in all; 0: not known.
  static uint64_t WatchesMax();
  // As on a file system that tells nothing of what others do.
  void GoDeafForTest() { deaf_ = true; }

 private:
  struct Place {
    RootId root;
    std::string key;
  };
  InotifyTree(UniqueFd fd, Observer& observer) : fd_(std::move(fd)), observer_(observer) {}
  void Drain();
  void Handle(int watch, uint32_t mask, uint32_t cookie, std::string_view name);
  uint32_t HopsOfMove(uint32_t mask, uint32_t cookie, std::string_view name);
  void HandleSelf(int watch, uint32_t mask, const Place& place);

  UniqueFd fd_;
  Observer& observer_;
  bool deaf_ = false;
  uint32_t moved_cookie_ = 0;  // of the last file that was moved from under a name that says its hops
  uint32_t moved_hops_ = 0;
  std::unique_ptr<FdWatch> readable_;
  std::map<int, Place> places_;
  std::map<std::pair<RootId, std::string>, int> watch_of_;
};

}  // namespace hearth
