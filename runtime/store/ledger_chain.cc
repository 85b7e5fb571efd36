#include "runtime/store/ledger_chain.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "runtime/base/files.h"

namespace hearth {
namespace {

std::string ChainPath(const std::string& folder, uint64_t sequence) {
  return folder + "/" + ChainName(sequence);
}

Status WriteAt(int fd, std::string_view bytes, uint64_t offset, const std::string& folder) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      Error error = ErrnoError("write the ledger's chain in " + folder);
      if (errno == EFBIG) error.code = ErrorCode::kUnavailable;  // as ErrnoError() has it for a full disk
      return error;
    }
    bytes.remove_prefix(n);
    offset += n;
  }
  return Ok();
}

std::string_view View(const LedgerBlock& block) { return {block.data(), block.size()}; }

Error Broken(const LedgerSegmentInfo& segment, const std::string& what) {
  return {ErrorCode::kCorrupt, "ledger segment " + segment.path + ": " + what};
}

}  // namespace

Result<ChainFile> ReadChainFile(const std::string& folder, uint64_t sequence) {
  const std::string path = ChainPath(folder, sequence);
  HEARTH_ASSIGN(const std::string bytes, ReadFile(path));
  const BlockState state = CheckHeader(bytes, kChainMagic);
  if (state == BlockState::kOtherVersion) {
    return Error{ErrorCode::kUnsupported, "ledger chain " + path + " has another format version than " +
                                              std::to_string(kLedgerVersion) +
                                              ": start the release that wrote it"};
  }
  if (state != BlockState::kValid)
    return Error{ErrorCode::kCorrupt, "ledger chain " + path + ": its header is damaged"};
  ChainFile file{.header = DecodeChainHeader(bytes), .entries = {}};
  if (file.header.sequence != sequence) {
    return Error{ErrorCode::kCorrupt, "ledger chain " + path + " belongs to another segment"};
  }
  for (size_t at = kLedgerBlockBytes; at + kLedgerBlockBytes <= bytes.size(); at += kLedgerBlockBytes) {
    const auto entry = DecodeChainEntry(std::string_view(bytes).substr(at, kLedgerBlockBytes));
    if (!entry || entry->group != file.entries.size()) break;
    file.entries.push_back(*entry);
  }
  return file;
}

// The chain goes on after the last entry of the newest chain file that can be read; whatever is wrong before
// that is Verify()'s to say, since nothing here can mend it.
Result<LedgerChain> LedgerChain::Open(std::string folder, const std::vector<LedgerSegmentInfo>& segments) {
  LedgerChain chain(std::move(folder));
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
    if (!segment->raw) {  // the next segment's chain goes on after its last group
      chain.sequence_ = segment->sequence;
      chain.offset_ = segment->end;
      chain.head_ = segment->chain_after;
      break;
    }
    const Status continued = chain.Continue(*segment);
    if (continued.ok()) break;
    if (continued.error().code == ErrorCode::kUnsupported) return continued.error();
  }
  return chain;
}

Status LedgerChain::Continue(const LedgerSegmentInfo& segment) {
  HEARTH_ASSIGN(const ChainFile file, ReadChainFile(folder_, segment.sequence));
  HEARTH_ASSIGN(file_, OpenFile(ChainPath(folder_, segment.sequence), O_RDWR));
  sequence_ = segment.sequence;
  head_ = file.header.previous;
  group_ = file.entries.size();
  if (group_ > 0) {
    head_ = file.entries.back().hash;
    offset_ = file.entries.back().end;
  }
  file_bytes_ = (1 + group_) * kLedgerBlockBytes;
  return Ok();
}

Status LedgerChain::Extend(const LedgerSegment& segment, uint64_t sequence, uint64_t end,
                           uint64_t end_number) {
  const bool same = file_ && sequence_ == sequence;
  HEARTH_TRY(segment.Sync(same ? offset_ : 0, end));  // first: a full disk takes no group, but the records
  if (!same) HEARTH_TRY(StartFile(sequence));
  if (end <= offset_) return Ok();
  const Sha256Digest hash =
      ChainHash(head_, sequence, offset_, segment.bytes().substr(offset_, end - offset_));
  const LedgerBlock entry = EncodeChainEntry({group_, end, end_number, hash});
  HEARTH_TRY(WriteAt(file_.get(), View(entry), file_bytes_, folder_));
  file_bytes_ += entry.size();
  head_ = hash;
  offset_ = end;
  ++group_;
  return Ok();
}

Status LedgerChain::StartFile(uint64_t sequence) {
  if (file_ && ::fdatasync(file_.get()) != 0) {
    Error error = ErrnoError("fdatasync " + ChainPath(folder_, sequence_));
    error.code = ErrorCode::kIo;
    return error;
  }
  HEARTH_ASSIGN(file_, OpenFile(ChainPath(folder_, sequence), O_RDWR | O_CREAT | O_TRUNC, 0640));
  const LedgerBlock header = EncodeChainHeader({sequence, head_});
  HEARTH_TRY(WriteAt(file_.get(), View(header), 0, folder_));
  HEARTH_TRY(SyncFolder(folder_));
  sequence_ = sequence;
  group_ = 0;
  offset_ = 0;
  file_bytes_ = header.size();
  return Ok();
}

Result<CheckedGroups> CheckChainOf(const std::string& folder, const LedgerSegmentInfo& info,
                                   const Sha256Digest* head) {
  HEARTH_ASSIGN(const ChainFile file, ReadChainFile(folder, info.sequence));
  if (head != nullptr && file.header.previous != *head)
    return Broken(info, "its chain does not continue that of the segment before");
  HEARTH_ASSIGN(const auto segment, LedgerSegment::Map(info.path, LedgerSegment::Access::kRead));
  CheckedGroups checked{.head = file.header.previous};
  for (const ChainEntry& entry : file.entries) {
    const std::string group = "sync group " + std::to_string(entry.group);
    if (entry.end > info.end || entry.end > segment->capacity()) {
      return Broken(info, group + " of its chain ends at byte " + std::to_string(entry.end) +
                              ", its valid records at byte " + std::to_string(info.end));
    }
    if (entry.end <= checked.end) return Broken(info, group + " of its chain is out of order");
    checked.head = ChainHash(checked.head, info.sequence, checked.end,
                             segment->bytes().substr(checked.end, entry.end - checked.end));
    if (checked.head != entry.hash) return Broken(info, group + " does not have the hash that was chained");
    checked.end = entry.end;
    ++checked.groups;
  }
  return checked;
}

Status VerifyLedgerChain(const std::string& folder, const std::vector<LedgerSegmentInfo>& segments) {
  Sha256Digest head{};
  std::string uncovered;  // what is not covered, if anything so far
  for (const LedgerSegmentInfo& info : segments) {
    if (!info.raw) {
      head = info.chain_after;
      continue;
    }
    const auto checked = CheckChainOf(folder, info, uncovered.empty() ? &head : nullptr);
    if (!checked.ok() && checked.error().code == ErrorCode::kNotFound) {
      if (info.rolled_up) {  // being removed: a power loss kept the removal of its chain only
        head = info.chain_after;
        continue;
      }
      if (uncovered.empty()) uncovered = "segment " + std::to_string(info.sequence) + " has no chain";
      continue;
    }
    if (!checked.ok()) return checked.error();
    if (!uncovered.empty()) return Broken(info, "it is chained although " + uncovered);
    head = checked->head;
    if (checked->end < info.end) {
      uncovered = "bytes " + std::to_string(checked->end) + " to " + std::to_string(info.end) +
                  " of segment " + std::to_string(info.sequence) + " are not";
    }
  }
  return Ok();
}

}  // namespace hearth
