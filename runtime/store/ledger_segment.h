#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/base/unique_fd.h"
#include "runtime/store/ledger_format.h"

namespace hearth {

// One file of the ledger, mapped.
//
// Owns:    the descriptor and the mapping. Owned by the log; shared with a sync that still runs.
// Thread:  one thread appends; Sync() and bytes() below an end that was handed over may be used by another.
// Durable: what Append() copied is in the page cache: it survives kill -9, not power loss before Sync().
// Failure: the file has its blocks before it is mapped, since a hole on a full disk would be SIGBUS. A disk
//          that fails a read is SIGBUS still; nothing but dying would be right then.
class LedgerSegment final {
 public:
  enum class Access { kRead, kWrite };

  // A new file of zeros with every block allocated; file and folder are synced. kUnavailable when the disk is
  // full.
  static Result<std::unique_ptr<LedgerSegment>> Allocate(const std::string& folder, uint64_t sequence,
                                                         uint64_t bytes);
  static Result<std::unique_ptr<LedgerSegment>> Map(const std::string& path, Access access);
  ~LedgerSegment();

  const std::string& path() const { return path_; }
  uint64_t capacity() const { return capacity_; }
  std::string_view bytes() const { return {data_, capacity_}; }

  void WriteHeader(const SegmentHeader& header);  // the segment becomes part of the ledger
  // Where the next record goes: after WriteHeader(), or as a scan found it.
  void SetEnd(uint64_t end) { end_ = end; }
  uint64_t end() const { return end_; }
  bool HasRoomFor(size_t payload_bytes) const { return FrameBytes(payload_bytes) <= capacity_ - end_; }
  void Append(uint64_t number, std::string_view record);  // HasRoomFor() said so
  // For a file whose frames are written over: the frame at `offset` is none any more.
  void ClearLength(uint64_t offset);

  Status Sync(uint64_t from, uint64_t to) const;

 private:
  LedgerSegment(std::string path, UniqueFd fd, char* data, uint64_t capacity);
  static Result<std::unique_ptr<LedgerSegment>> MapFile(const std::string& path, UniqueFd fd, Access access);

  // Constant after construction.
  const std::string path_;
  const UniqueFd fd_;
  char* const data_;
  const uint64_t capacity_;

  uint64_t end_ = 0;
};

// The valid prefix of a segment.
struct SegmentScan {
  uint64_t records = 0;
  uint64_t end = 0;      // after the last valid record
  uint64_t dropped = 0;  // from `end` to the last byte that is not zero
};
// Looks no further than `limit`.
SegmentScan ScanSegment(std::string_view segment, uint64_t first_number, uint64_t limit);

// One past the last byte that is not zero, from `from` on; `from` when there is none.
uint64_t LastByteInUse(std::string_view segment, uint64_t from);

}  // namespace hearth
