#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/weak_ptr.h"
#include "runtime/loop/work_thread.h"
#include "triggers/bucket/folder_reader.h"
#include "triggers/bucket/object_source.h"

namespace hearth {

// A bucket's folder, seen through a mount of our own that nobody can write through: what is opened in it stays
// read-only also for the owner of the file (no fchmod, no futimens), is not executable, and cannot be linked anywhere.
//
// Where we are not root there is no such mount to be had, and the folder itself serves: a worker's filter refuses what
// a mount would (sandbox/seccomp_policy.h, FilesOf::kOurUser).
//
// Thread:  one at a time; all of it blocks.
class ReadOnlyView final {
 public:
  // The object as it is: EventObject::problem where the file is right but cannot be opened.
  Result<std::shared_ptr<EventObject>> Open(const BucketRoot& root, const std::string& key,
                                            const ObjectIdentity& identity);
  // A mount holds a file system that its owner may want to unmount: not longer than it is of use.
  void Drop() { folder_.Reset(); }

 private:
  Status Ensure(const BucketRoot& root);

  BucketRoot root_;  // of folder_
  UniqueFd folder_;
};

// Opens the objects of one bucket for their events.
//
// Owns:    the view; dropped kViewLinger after its last use. Owned by LiveBucket.
// Borrows: executor, work thread.
// Thread:  loop thread; files are opened on the work thread, all that wait at once.
// Promise: no callback runs after the destructor returns.
class ObjectOpener final {
 public:
  // To unmount a mount is some 100 us, to make one 10 us.
  static constexpr milliseconds kViewLinger{1000};

  ObjectOpener(Executor& executor, WorkThread& disk) : executor_(executor), disk_(disk) {}
  ~ObjectOpener();
  void Open(const std::optional<BucketRoot>& root, const std::string& key, const ObjectIdentity& identity,
            ObjectSource::OnOpened opened);

 private:
  struct Wanted {
    BucketRoot root;
    std::string key;
    ObjectIdentity identity;
    ObjectSource::OnOpened opened;
  };
  using Opened = std::vector<Result<std::shared_ptr<EventObject>>>;
  void OpenWaiting();
  void OnOpened(const std::vector<Wanted>& wanted, Opened opened);

  // Borrowed.
  Executor& executor_;
  WorkThread& disk_;
  // Mutable.
  const std::shared_ptr<ReadOnlyView> view_ = std::make_shared<ReadOnlyView>();  // the work thread's
  std::vector<Wanted> waiting_;
  bool opening_ = false;
  Timer drop_;
  WeakPtrFactory<ObjectOpener> weak_{this};
};

}  // namespace hearth
