#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "runtime/base/digest.h"
#include "runtime/base/units.h"
#include "runtime/base/weak_ptr.h"
#include "runtime/loop/work_thread.h"
#include "triggers/bucket/folder_reader.h"

namespace hearth {

// Reads one file for its SHA-256, bit by bit. All of it blocks.
// Thread: one at a time.
class HashedFile final {
 public:
  static constexpr uint64_t kBytesMax = 1ull << 30;  // a larger one is run again rather than read for nothing

  // kPrecondition: the key has other content than that. kTooLarge: over kBytesMax.
  static Result<std::unique_ptr<HashedFile>> Open(const BucketRoot& root, const std::string& key,
                                                  const ObjectIdentity& identity);
  // False: there is more. kPrecondition: it was changed while it was read.
  Result<bool> Read(size_t bytes_max);
  size_t last_read() const { return last_read_; }  // bytes of the last Read()
  std::string hash() { return ToHex({reinterpret_cast<const char*>(digest_.data()), digest_.size()}); }

 private:
  HashedFile(UniqueFd fd, const ObjectIdentity& identity) : fd_(std::move(fd)), identity_(identity) {}
  UniqueFd fd_;
  const ObjectIdentity identity_;
  Sha256Stream stream_;
  Sha256Digest digest_{};
  size_t last_read_ = 0;
};

// Hashes objects of one bucket, one after the other and at a rate, on a thread that has nothing else to do.
//
// Owns:    what waits. Owned by LiveBucket.
// Borrows: executor and thread; all buckets share the thread.
// Thread:  loop thread.
// Limits:  kBytesPerS, so that a bucket's hashes leave the disk to its functions.
// Promise: no callback runs after the destructor returns.
class ContentHasher final {
 public:
  static constexpr size_t kStepBytes = 4 << 20;
  static constexpr uint64_t kBytesPerS = 200 << 20;
  using OnHashed = std::function<void(Result<std::string>)>;  // 64 hexadecimal digits

  ContentHasher(Executor& executor, WorkThread& thread) : executor_(executor), thread_(thread) {}
  // `hashed` runs later. The errors of HashedFile.
  void Hash(const BucketRoot& root, const std::string& key, const ObjectIdentity& identity, OnHashed hashed);
  size_t waiting() const { return wanted_.size(); }

 private:
  struct Wanted {
    BucketRoot root;
    std::string key;
    ObjectIdentity identity;
    OnHashed hashed;
  };
  struct Step {
    std::shared_ptr<HashedFile> file;
    Result<bool> at_end = false;
    size_t bytes = 0;
  };
  void Begin();
  void WhenAllowed(std::function<void()> next);
  void ReadOn(std::shared_ptr<HashedFile> file);
  void OnStep(Step step);
  void Finish(Result<std::string> hash);

  // Borrowed.
  Executor& executor_;
  WorkThread& thread_;
  // Mutable.
  std::deque<Wanted> wanted_;  // the first is being read
  MonotonicTime allowed_at_{};
  Timer next_;
  WeakPtrFactory<ContentHasher> weak_{this};
};

}  // namespace hearth
