#pragma once

#include <functional>
#include <memory>
#include <string>

#include "runtime/base/weak_ptr.h"
#include "runtime/http/route_table.h"
#include "runtime/loop/work_thread.h"
#include "triggers/bucket/object_files.h"

namespace hearth {

// Room that bodies leave on the daemon's own disk, for what runs to be finished in (--disk-reserve-mib). Buckets on other
// disks may fill these.
struct DiskReserve {
  std::string folder{};  // the daemon's data
  uint64_t bytes = 0;    // 0: none is left
};
// kUnavailable when `bytes` more in a file of `root` would take of it. Asks the kernel: for the work thread.
Status CheckReserve(const DiskReserve& reserve, const std::string& root, uint64_t bytes);

// One body on its way into a bucket: collected in pieces, written by the work thread, seen by nobody until whole.
//
// Owned by its connection until the body is whole, then by its own last piece of work.
// Borrows: WorkThread, which outlives it.
// Thread:  loop; the file is the work thread's.
// Limits:  kPieceBytes a write; kUnwrittenMax in memory, then the client waits.
// Failure: what the disk says is the answer, as soon as it says it; nothing of the object is left.
class BucketPut final : public http::BodySink {
 public:
  static constexpr size_t kPieceBytes = 256 << 10;
  static constexpr size_t kUnwrittenMax = 1 << 20;

  struct Target {
    std::string root;
    std::string bucket;
    std::string key;
    ObjectCondition condition;
    uint64_t bytes_max = 0;
    DiskReserve reserve;
  };
  BucketPut(WorkThread& disk, Target target, uint64_t random, std::function<void()> resume);

  std::optional<http::Response> OnBytes(std::string bytes) override;
  bool full() const override { return unwritten_ + pending_.size() > kUnwrittenMax; }
  void OnEnd(std::unique_ptr<http::BodySink> self, http::Responder responder) override;

 private:
  // The work thread's side, and what keeps it there when we are gone.
  struct File {
    std::unique_ptr<IncomingObject> object;
    Status status = Ok();
  };
  void Submit();

  WorkThread& disk_;
  const Target target_;
  const std::function<void()> resume_;
  std::shared_ptr<File> file_ = std::make_shared<File>();
  std::string pending_;   // not yet a whole piece
  size_t unwritten_ = 0;  // of pieces that are submitted
  uint64_t received_ = 0;
  Status status_ = Ok();
  WeakPtrFactory<BucketPut> weak_{this};
};

// Of an Error of the door: {"error","message"} with the status for its code.
http::Response DoorError(const Error& error);

}  // namespace hearth
