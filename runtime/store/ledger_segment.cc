#include "runtime/store/ledger_segment.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/base/files.h"

namespace hearth {
namespace {

constexpr uint64_t kPageBytes = 4096;

// Every way in which a file may not grow is the same to us: no room, may pass.
Status AllocateBlocks(int fd, const std::string& path, uint64_t bytes) {
  const int failure = ::posix_fallocate(fd, 0, static_cast<off_t>(bytes));
  if (failure == 0) return Ok();
  Error error =
      ErrnoError("allocate " + std::to_string(bytes) + " bytes for ledger segment " + path, failure);
  if (failure == ENOSPC || failure == EDQUOT || failure == EFBIG) {
    error.code = ErrorCode::kUnavailable;
    error.message += " (free some space; the ledger tries again by itself)";
  }
  return error;
}

}  // namespace

LedgerSegment::LedgerSegment(std::string path, UniqueFd fd, char* data, uint64_t capacity)
    : path_(std::move(path)), fd_(std::move(fd)), data_(data), capacity_(capacity) {}

LedgerSegment::~LedgerSegment() {
  if (capacity_ > 0) ::munmap(data_, capacity_);
}

Result<std::unique_ptr<LedgerSegment>> LedgerSegment::Allocate(const std::string& folder, uint64_t sequence,
                                                               uint64_t bytes) {
  const std::string path = folder + "/" + SegmentName(sequence);
  HEARTH_ASSIGN(UniqueFd fd, OpenFile(path, O_RDWR | O_CREAT | O_EXCL, 0640));
  Status made = AllocateBlocks(fd.get(), path, bytes);
  if (made.ok() && ::fsync(fd.get()) != 0) made = ErrnoError("fsync " + path);
  if (made.ok()) made = SyncFolder(folder);
  if (!made.ok()) {
    ::unlink(path.c_str());
    return std::move(made).error();
  }
  return MapFile(path, std::move(fd), Access::kWrite);
}

Result<std::unique_ptr<LedgerSegment>> LedgerSegment::Map(const std::string& path, Access access) {
  HEARTH_ASSIGN(UniqueFd fd, OpenFile(path, access == Access::kWrite ? O_RDWR : O_RDONLY));
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0) return ErrnoError("stat " + path);
  // A copy of the file may have holes where the original had blocks.
  if (access == Access::kWrite) HEARTH_TRY(AllocateBlocks(fd.get(), path, st.st_size));
  return MapFile(path, std::move(fd), access);
}

Result<std::unique_ptr<LedgerSegment>> LedgerSegment::MapFile(const std::string& path, UniqueFd fd,
                                                              Access access) {
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0) return ErrnoError("stat " + path);
  const uint64_t size = st.st_size;
  char* data = nullptr;
  if (size > 0) {
    const int protection = access == Access::kWrite ? PROT_READ | PROT_WRITE : PROT_READ;
    void* mapping = ::mmap(nullptr, size, protection, MAP_SHARED, fd.get(), 0);
    if (mapping == MAP_FAILED) return ErrnoError("mmap " + path);
    data = static_cast<char*>(mapping);
  }
  return std::unique_ptr<LedgerSegment>(new LedgerSegment(path, std::move(fd), data, size));
}

void LedgerSegment::WriteHeader(const SegmentHeader& header) {
  const LedgerBlock block = EncodeSegmentHeader(header);
  std::memcpy(data_, block.data(), block.size());
  end_ = kLedgerBlockBytes;
}

// The length goes in last: a process killed half-way leaves zero there, which is the end of the log.
void LedgerSegment::Append(uint64_t number, std::string_view record) {
  CHECK_TRUE(HasRoomFor(record.size()));
  char* const frame = data_ + end_;
  const auto length = static_cast<uint32_t>(record.size());
  const size_t padded = FrameBytes(length) - kFrameHeaderBytes;
  std::memcpy(frame + kFrameHeaderBytes, record.data(), length);
  std::memset(frame + kFrameHeaderBytes + length, 0, padded - length);
  StoreNumber(frame + 4, FrameCrc(number, length, {frame + kFrameHeaderBytes, padded}));
  std::atomic_ref<uint32_t>(*reinterpret_cast<uint32_t*>(frame)).store(length, std::memory_order_release);
  end_ += kFrameHeaderBytes + padded;
}

void LedgerSegment::ClearLength(uint64_t offset) {
  std::atomic_ref<uint32_t>(*reinterpret_cast<uint32_t*>(data_ + offset)).store(0, std::memory_order_release);
  // What is written there next must not come before it.
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

Status LedgerSegment::Sync(uint64_t from, uint64_t to) const {
  const uint64_t start = from / kPageBytes * kPageBytes;
  if (to == start || ::msync(data_ + start, to - start, MS_SYNC) == 0) return Ok();
  Error error = ErrnoError("msync " + path_);
  error.code = ErrorCode::kIo;  // whatever the reason: what the disk has is unknown
  return error;
}

SegmentScan ScanSegment(std::string_view segment, uint64_t first_number, uint64_t limit) {
  SegmentScan scan{.end = kLedgerBlockBytes};
  const std::string_view within = segment.substr(0, limit);
  while (const auto record = ReadFrame(within, scan.end, first_number + scan.records)) {
    scan.end += FrameBytes(record->size());
    ++scan.records;
  }
  scan.dropped = LastByteInUse(segment, scan.end) - scan.end;
  return scan;
}

uint64_t LastByteInUse(std::string_view segment, uint64_t from) {
  static constexpr char kZeros[kPageBytes] = {};
  uint64_t end = segment.size();
  while (end - from >= kPageBytes && std::memcmp(&segment[end - kPageBytes], kZeros, kPageBytes) == 0) {
    end -= kPageBytes;
  }
  while (end > from && segment[end - 1] == 0) --end;
  return end;
}

}  // namespace hearth
