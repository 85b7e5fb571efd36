#pragma once

#include <memory>

#include "runtime/base/weak_ptr.h"
#include "runtime/loop/executor.h"
#include "runtime/loop/work_thread.h"
#include "runtime/store/blob_store.h"

namespace hearth {

// The embedded driver of BlobStore: one file a blob, below one folder; "code/ab12" is the file ab12 in the
// folder code.
//
// Owns:    the folder's content and a thread. Owned by main.
// Borrows: Executor&, outlives it.
// Limits:  name 255 bytes of [A-Za-z0-9._/-]; no part of it is empty or begins with a dot.
// Failure: Put of other bytes under a stored name is kAlreadyExists, of the same bytes Ok. What a crash left
//          half written is removed at open.
// Promise: everything submitted is finished before the destructor returns; no callback runs after.
class FileBlobStore final : public BlobStore {
 public:
  // Blocks; at start-up. Makes the folder when it is not there.
  static Result<std::unique_ptr<FileBlobStore>> Open(const std::string& folder, Executor& executor);

  void Put(std::string name, std::string bytes, std::function<void(Status)> done) override;
  void Get(std::string name, std::function<void(Result<std::string>)> done) override;
  void Remove(std::string name, std::function<void(Status)> done) override;
  std::string PathOf(const std::string& name) const override { return folder_ + "/" + name; }

 private:
  FileBlobStore(std::string folder, Executor& executor);
  template <class T>
  void Run(std::function<Result<T>()> work, std::function<void(Result<T>)> done);

  const std::string folder_;
  WorkThread thread_;
  WeakPtrFactory<FileBlobStore> weak_factory_{this};
};

Status ValidateBlobName(std::string_view name);

}  // namespace hearth
