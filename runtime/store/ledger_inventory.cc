#include "runtime/store/ledger_inventory.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <memory>
#include <optional>
#include <utility>

#include "runtime/store/ledger_segment.h"

namespace hearth {
namespace {

struct SegmentFile {
  uint64_t sequence = 0;
  std::unique_ptr<LedgerSegment> segment;
  std::optional<SegmentHeader> header = std::nullopt;  // none: damaged
};

std::optional<uint64_t> SequenceOf(std::string_view file_name) {
  uint64_t sequence = 0;
  const auto [end, failure] =
      std::from_chars(file_name.data(), file_name.data() + file_name.size(), sequence);
  if (failure != std::errc() || file_name != SegmentName(sequence)) return std::nullopt;
  return sequence;
}

Result<std::vector<uint64_t>> ListSegments(const std::string& folder) {
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(folder.c_str()), ::closedir);
  if (!listing) return ErrnoError("list ledger folder " + folder);
  std::vector<uint64_t> sequences;
  while (const dirent* entry = ::readdir(listing.get())) {
    if (const auto sequence = SequenceOf(entry->d_name)) sequences.push_back(*sequence);
  }
  std::sort(sequences.begin(), sequences.end());
  return sequences;
}

Error OtherVersion(const LedgerSegment& segment) {
  return {ErrorCode::kUnsupported, "ledger segment " + segment.path() + " has format version " +
                                       std::to_string(LoadNumber<uint32_t>(&segment.bytes()[8])) +
                                       ", this program reads version " + std::to_string(kLedgerVersion) +
                                       ": start the release that wrote it, or move the file away"};
}

// Takes the segments one after the other and writes down what does not fit.
class Stocktaking final {
 public:
  Status Look(const std::string& folder, uint64_t sequence) {
    HEARTH_ASSIGN(auto segment,
                  LedgerSegment::Map(folder + "/" + SegmentName(sequence), LedgerSegment::Access::kRead));
    SegmentFile file{.sequence = sequence, .segment = std::move(segment)};
    const std::string_view bytes = file.segment->bytes();
    switch (CheckHeader(bytes, kSegmentMagic)) {
      case BlockState::kOtherVersion:
        return OtherVersion(*file.segment);
      case BlockState::kEmpty:
        if (LastByteInUse(bytes, 0) == 0) return RemoveUnused(*file.segment);
        break;
      case BlockState::kDamaged:
        break;
      case BlockState::kValid:
        file.header = DecodeSegmentHeader(bytes);
        if (file.header->sequence != sequence) file.header.reset();
        break;
    }
    files_.push_back(std::move(file));
    return Ok();
  }

  LedgerInventory Finish() && {
    for (size_t i = 0; i < files_.size(); ++i) {
      const bool last = i + 1 == files_.size();
      Take(files_[i], last ? nullptr : &files_[i + 1]);
      out_.next_sequence = files_[i].sequence + 1;
    }
    return std::move(out_);
  }

 private:
  static Status RemoveUnused(const LedgerSegment& segment) {
    if (::unlink(segment.path().c_str()) != 0)
      return ErrnoError("remove unused ledger segment " + segment.path());
    return Ok();
  }

  void Take(const SegmentFile& file, const SegmentFile* next) {
    const std::string_view bytes = file.segment->bytes();
    out_.last_may_grow = false;
    if (!file.header || file.header->first_number < out_.next_number) {
      const uint64_t dropped = LastByteInUse(bytes, 0);
      Report(dropped, file, "its header is damaged, " + std::to_string(dropped) + " bytes are not used");
      // Without records, but in its place: its chain tells Verify() that there were some.
      out_.segments.push_back({file.sequence, file.segment->path(), out_.next_number, out_.next_number, 0});
      return;
    }
    if (file.header->first_number > out_.next_number) {
      Report(0, file,
             "records " + std::to_string(out_.next_number) + " to " +
                 std::to_string(file.header->first_number - 1) + " before it are missing");
    }
    const bool followed = next != nullptr && next->header && next->sequence == file.sequence + 1;
    const SegmentScan scan =
        ScanSegment(bytes, file.header->first_number, followed ? next->header->previous_end : bytes.size());
    if (followed) {
      // What lies past previous_end was reported when the next segment was begun.
      ReportLost(file, next->header->previous_end - std::min(scan.end, next->header->previous_end));
    } else {
      ReportLost(file, scan.dropped);
      out_.last_may_grow = next == nullptr && scan.dropped == 0;
    }
    Keep(file, scan);
  }

  void Keep(const SegmentFile& file, const SegmentScan& scan) {
    const uint64_t first = file.header->first_number;
    out_.segments.push_back({file.sequence, file.segment->path(), first, first + scan.records, scan.end});
    out_.next_number = first + scan.records;
    out_.report.records += scan.records;
  }

  void ReportLost(const SegmentFile& file, uint64_t bytes) {
    if (bytes > 0)
      Report(bytes, file, std::to_string(bytes) + " bytes after its last valid record are not used");
  }

  void Report(uint64_t bytes, const SegmentFile& file, const std::string& what) {
    out_.report.bytes_dropped += bytes;
    if (!out_.report.detail.empty()) out_.report.detail += "; ";
    out_.report.detail += "ledger segment " + file.segment->path() + ": " + what;
  }

  std::vector<SegmentFile> files_;
  LedgerInventory out_;
};

}  // namespace

Result<LedgerInventory> TakeLedgerInventory(const std::string& folder) {
  HEARTH_ASSIGN(const std::vector<uint64_t> sequences, ListSegments(folder));
  Stocktaking stocktaking;
  for (const uint64_t sequence : sequences) HEARTH_TRY(stocktaking.Look(folder, sequence));
  return std::move(stocktaking).Finish();
}

}  // namespace hearth
