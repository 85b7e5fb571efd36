#include "runtime/store/ledger_inventory.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "runtime/store/ledger_roll_up.h"
#include "runtime/store/ledger_segment.h"

namespace hearth {
namespace {

struct SegmentFile {
  uint64_t sequence = 0;
  std::unique_ptr<LedgerSegment> segment;              // none: removed
  std::optional<SegmentHeader> header = std::nullopt;  // none: damaged
  std::optional<RollUp> roll_up = std::nullopt;
};

std::optional<uint64_t> SequenceOf(std::string_view file_name, std::string (*name_of)(uint64_t)) {
  uint64_t sequence = 0;
  const auto [end, failure] =
      std::from_chars(file_name.data(), file_name.data() + file_name.size(), sequence);
  if (failure != std::errc() || file_name != name_of(sequence)) return std::nullopt;
  return sequence;
}

struct Listing {
  std::set<uint64_t> segments, roll_ups, chains;
};

Result<Listing> ListFolder(const std::string& folder) {
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(folder.c_str()), ::closedir);
  if (!listing) return ErrnoError("list ledger folder " + folder);
  Listing found;
  while (const dirent* entry = ::readdir(listing.get())) {
    if (const auto segment = SequenceOf(entry->d_name, SegmentName)) found.segments.insert(*segment);
    if (const auto roll_up = SequenceOf(entry->d_name, RollUpName)) found.roll_ups.insert(*roll_up);
    if (const auto chain = SequenceOf(entry->d_name, ChainName)) found.chains.insert(*chain);
  }
  return found;
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
  explicit Stocktaking(const std::string& folder) : folder_(folder) {}

  // A roll-up that is damaged is none: it can be made again from the segment, if that is there.
  Status LookAtRollUp(uint64_t sequence, bool has_segment, bool has_chain) {
    auto roll_up = ReadRollUp(folder_, sequence);
    if (!roll_up.ok()) {
      if (roll_up.error().code == ErrorCode::kUnsupported) return std::move(roll_up).error();
      Report(has_segment ? 0 : 1, roll_up.error().message + (has_segment ? " (it is made again)" : ""));
      return has_segment ? LookAtSegment(sequence) : Ok();
    }
    if (has_segment) HEARTH_TRY(LookAtSegment(sequence));
    if (!has_segment && has_chain) (void)::unlink((folder_ + "/" + ChainName(sequence)).c_str());
    if (files_.empty() || files_.back().sequence != sequence)
      files_.push_back({.sequence = sequence, .segment = nullptr});
    files_.back().roll_up = std::move(roll_up).value();
    return Ok();
  }

  Status LookAtSegment(uint64_t sequence) {
    HEARTH_ASSIGN(auto segment,
                  LedgerSegment::Map(folder_ + "/" + SegmentName(sequence), LedgerSegment::Access::kRead));
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

  // As its roll-up says; the records themselves are looked at by Verify() only.
  void TakeRolledUp(const SegmentFile& file) {
    const RollUp& roll_up = *file.roll_up;
    const std::string path = folder_ + "/" + SegmentName(file.sequence);
    ReportMissing(path, roll_up.first_number);
    out_.segments.push_back({.sequence = file.sequence,
                             .path = path,
                             .first_number = roll_up.first_number,
                             .end_number = roll_up.end_number,
                             .end = roll_up.end,
                             .raw = file.segment != nullptr,
                             .rolled_up = true,
                             .chain_after = roll_up.chain_after,
                             .roll_up_hash = roll_up.hash});
    out_.next_number = roll_up.end_number;
    out_.report.records += roll_up.end_number - roll_up.first_number;
  }

  void Take(const SegmentFile& file, const SegmentFile* next) {
    if (file.roll_up && file.roll_up->first_number >= out_.next_number) {
      out_.last_may_grow = false;
      return TakeRolledUp(file);
    }
    if (!file.segment) return;
    const std::string_view bytes = file.segment->bytes();
    out_.last_may_grow = false;
    if (!file.header || file.header->first_number < out_.next_number) {
      const uint64_t dropped = LastByteInUse(bytes, 0);
      Report(dropped, file, "its header is damaged, " + std::to_string(dropped) + " bytes are not used");
      // Without records, but in its place: its chain tells Verify() that there were some.
      out_.segments.push_back({file.sequence, file.segment->path(), out_.next_number, out_.next_number, 0});
      return;
    }
    ReportMissing(file.segment->path(), file.header->first_number);
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

  void ReportMissing(const std::string& path, uint64_t first_number) {
    if (first_number <= out_.next_number) return;
    Report(0, "ledger segment " + path + ": records " + std::to_string(out_.next_number) + " to " +
                  std::to_string(first_number - 1) + " before it are missing");
  }

  void Report(uint64_t bytes, const SegmentFile& file, const std::string& what) {
    Report(bytes, "ledger segment " + file.segment->path() + ": " + what);
  }

  void Report(uint64_t bytes, const std::string& what) {
    out_.report.bytes_dropped += bytes;
    if (!out_.report.detail.empty()) out_.report.detail += "; ";
    out_.report.detail += what;
  }

  const std::string folder_;
  std::vector<SegmentFile> files_;
  LedgerInventory out_;
};

}  // namespace

Result<LedgerInventory> TakeLedgerInventory(const std::string& folder) {
  HEARTH_ASSIGN(const Listing found, ListFolder(folder));
  std::set<uint64_t> sequences = found.segments;
  sequences.insert(found.roll_ups.begin(), found.roll_ups.end());
  Stocktaking stocktaking(folder);
  for (const uint64_t sequence : sequences) {
    const bool has_segment = found.segments.count(sequence) != 0;
    HEARTH_TRY(found.roll_ups.count(sequence) != 0
                   ? stocktaking.LookAtRollUp(sequence, has_segment, found.chains.count(sequence) != 0)
                   : stocktaking.LookAtSegment(sequence));
  }
  return std::move(stocktaking).Finish();
}

}  // namespace hearth
