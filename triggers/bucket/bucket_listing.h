#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "runtime/base/weak_ptr.h"
#include "runtime/loop/work_thread.h"
#include "triggers/bucket/folder_reader.h"

namespace hearth {

inline constexpr size_t kListKeysMax = 1000;  // S3's page

struct ListRequest {
  std::string prefix;
  std::string start_after;  // keys behind it only
  size_t keys_max = kListKeysMax;
};

struct ListPage {
  std::map<std::string, ObjectIdentity> objects;  // by key, in byte order
  bool truncated = false;
};

// One page of a bucket's keys. A folder has no order, so each page reads the whole of what can hold its keys; in
// steps, between which others use the thread, and keeping a page of keys, however many there are.
//
// Thread:  loop; blocking work on the work thread. Keeps itself alive until `done` has run.
class BucketListing final : public std::enable_shared_from_this<BucketListing> {
 public:
  using Done = std::function<void(Result<ListPage>)>;
  static void Run(WorkThread& disk, const std::string& root, RulesPtr rules, ListRequest request, Done done);

 private:
  static constexpr size_t kEntriesAtOnce = 2000;

  BucketListing(WorkThread& disk, ListRequest request, Done done)
      : disk_(disk), request_(std::move(request)), done_(std::move(done)) {}
  void ReadSome();
  void Take(FolderReader::Step step);
  bool MayHold(const std::string& folder) const;

  WorkThread& disk_;
  const ListRequest request_;
  const Done done_;
  std::shared_ptr<FolderReader> reader_;
  ListPage page_;
};

}  // namespace hearth
